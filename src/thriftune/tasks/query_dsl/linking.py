"""Value linking: which of an index's own values a question names, and in which fields.

A small student copies a name far better from a quoted value than from a person's wording, and cannot know that *peter
morgan* is a writer or that *Kennedy* is `JFK`. So the prompt shows, behind the question, the values that it names:

    screenplays by peter morgan
    writers:"Peter Morgan"

(The idea is known from text-to-SQL as value or entity linking: Lin et al. 2020, *BRIDGE*.) Values come from the
documents' keyword fields and from what people call them (`spoken`); nothing of an answer is used.

Not covered: misspelt names, and values that no document of the sample holds.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from thriftune.tasks.query_dsl.mapping import FieldType
from thriftune.tasks.query_dsl.prompt import leaves

Words = tuple[str, ...]

_SHOWN = 6  # names at most
_FIELDS = 3  # fields of one name at most
_CODE = 3  # up to so many letters a value is a code, and counts only as it is written
_FEW = 100  # a field with at most so many values is a list of categories, whose names are ordinary words
_RARE = 8  # a single word stands for a longer name where at most so many names hold it
_OFTEN = 3  # … and that name is in at least so many documents
_LONGEST = 6  # words
_COMMON = """about above after all also among and any anything are at average based before below between both by company
corporation count day different director does each ever every everything exactly film first for from had has have
highest hour how in into is it its last least less list long made many minute month more most movie name never no none
not number of on only or other out over part people picture production really release said same say second section
series show since some something studio than that the their them there these they thing this those three through time
title to top total two under up was week were what when where which while who whose will with within without word work
working year you your zero four five six seven eight nine ten hundred thousand million entertainment international group
service media national united new old red blue black white green head line house world city"""


@dataclass
class Links:
    """The names of an index's values.

    Attributes:
        names: normalised words → how many documents hold each (field, value) called so.
        parts: a word of longer names → the same.
        sizes: how many values a field has.
    """

    names: dict[Words, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    parts: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    sizes: Counter[str] = field(default_factory=Counter)

    def named(self, question: str) -> list[tuple[list[str], str]]:
        """Return (fields, value) for each value that the question names, longest names first at each place."""
        words = re.findall(r"\w+", question)
        plain = [_normal(word) for word in words]
        lower = question.islower()
        found: dict[str, list[str]] = {}
        place = 0
        while place < len(words) and len(found) < _SHOWN:
            length, hits = self._at(words, plain, place, lower)
            for where, value in hits:
                found.setdefault(value, [])
                found[value] += [where] if where not in found[value] and len(found[value]) < _FIELDS else []
            place += length
        return [(fields, value) for value, fields in list(found.items())[:_SHOWN]]

    def _at(self, words: list[str], plain: list[str], place: int, lower: bool) -> tuple[int, list[tuple[str, str]]]:
        """Return how many words from `place` on are a name, and the (field, value) pairs of that name."""
        for length in range(min(_LONGEST, len(words) - place), 0, -1):
            hits = self.names.get(tuple(plain[place : place + length]), Counter())
            meant = [pair for pair, _ in hits.most_common() if self._fits(pair, words[place : place + length])]
            if meant:
                return length, meant
        alone = plain[place] not in _NO_NAME and (lower or words[place][0].isupper())
        return 1, self._part(plain[place]) if alone else []

    def _fits(self, pair: tuple[str, str], said: list[str]) -> bool:
        """Codes count only as written, and one-word names of a long list only where they begin with a capital."""
        where, value = pair
        if len(value) <= _CODE and len(said) == 1 and len(said[0]) <= _CODE:
            return said[0] == value
        return len(said) > 1 or self.sizes[where] <= _FEW or said[0][:1].isupper()

    def _part(self, word: str) -> list[tuple[str, str]]:
        """Return the most frequent name that holds the word, in each of its fields, if few names hold it."""
        hits = self.parts.get(word)
        if not hits or len({value for _, value in hits}) > _RARE:
            return []
        (_, name), count = hits.most_common(1)[0]
        return [pair for pair, _ in hits.most_common() if pair[1] == name] if count >= _OFTEN else []


def links_of(
    fields: dict[str, FieldType], documents: Iterable[dict[str, Any]], spoken: dict[str, dict[str, list[str]]]
) -> Links:
    """Read the values of the keyword fields of documents, and what people call them."""
    counts: Counter[tuple[str, str]] = Counter()
    for document in documents:
        held = dict.fromkeys(leaves(document, ""))  # in the order of the document: a set has another in each process
        counts.update(pair for pair in held if _is_keyword(fields, pair[0]))
    links = Links(sizes=Counter(where for where, _ in counts))
    for (where, value), count in counts.items():
        for name in (value, *spoken.get(where, {}).get(value, [])):
            words = tuple(_normal(word) for word in re.findall(r"\w+", name))
            if words:
                links.names[words][where, value] += count
            for word in set(words) if len(words) > 1 else ():
                if len(word) > _CODE:
                    links.parts[word][where, value] += count
    return links


def shown(links: Links, question: str) -> str:
    """Return the line behind a question, with a line break before it; `""` where it names nothing."""
    named = [f'{",".join(fields)}:"{value}"' for fields, value in links.named(question)]
    return "\n" + " ".join(named) if named else ""


def _is_keyword(fields: dict[str, FieldType], name: str) -> bool:
    return name in fields and fields[name].type == "keyword"


def _normal(word: str) -> str:
    """Without accents, case and plural: *Comédies* and *comedy* are the same word."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).casefold()
    if plain.endswith("s") and not plain.endswith("ss") and len(plain) > 3:
        plain = plain[:-1]
    return re.sub("(ie|y)$", "i", plain) if len(plain) > 3 else plain


# never a part of a name by itself, whatever names hold it
_NO_NAME = frozenset(map(_normal, _COMMON.split()))
