"""How alike two questions are: Jaccard similarity of their word pairs, found by an inverted index."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

_WORD = re.compile(r"\w+")


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the pairs of neighbouring words of a text, lower case (a single word counts alone)."""
    words = _WORD.findall(text.lower())
    return frozenset(pairwise(words)) or frozenset((word,) for word in words)


def alike(texts: Sequence[str], least: float) -> Iterator[tuple[int, int, float]]:
    """Yield (i, j, similarity) with i < j for all pairs of texts whose similarity is at least `least` > 0."""
    sets = [shingles(text) for text in texts]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for j, own in enumerate(sets):
        shared: dict[int, int] = defaultdict(int)
        for shingle in own:
            for i in holders[shingle]:
                shared[i] += 1
            holders[shingle].append(j)
        for i, count in sorted(shared.items()):
            similarity = count / (len(own) + len(sets[i]) - count)
            if similarity >= least:
                yield i, j, similarity
