"""How alike two questions are: Jaccard similarity of their word pairs, found by an inverted index of the rare ones."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from math import ceil

_WORD = re.compile(r"\w+")


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the pairs of neighbouring words of a text, lower case (a single word counts alone)."""
    words = _WORD.findall(text.lower())
    return frozenset(pairwise(words)) or frozenset((word,) for word in words)


def alike(texts: Sequence[str], least: float) -> Iterator[tuple[int, int, float]]:
    """Yield (i, j, similarity) with i < j for all pairs of texts whose similarity is at least `least` > 0.

    Such a pair shares `least` of the larger set, so all but so many of each set's shingles, the rarest first, hold one
    that both have: only these are looked up.
    """
    sets = [shingles(text) for text in texts]
    counts = Counter(chain.from_iterable(sets))
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for j, own in enumerate(sets):
        rare = sorted(own, key=lambda shingle: (counts[shingle], shingle))[
            : len(own) - ceil(least * len(own) - 1e-9) + 1
        ]
        for i in sorted({i for shingle in rare for i in holders[shingle]}):
            similarity = jaccard(own, sets[i])
            if similarity >= least:
                yield i, j, similarity
        for shingle in rare:
            holders[shingle].append(j)


def nearest(text: str, texts: Sequence[str], least: float) -> list[tuple[int, float]]:
    """Return (index, similarity) of the texts that are at least so like one, the most alike first.

    Single words count beside the pairs: in few words the same is asked without a pair in common.
    """
    own = _loose(text)
    found = [(index, jaccard(own, _loose(other))) for index, other in enumerate(texts)]
    return sorted((pair for pair in found if pair[1] >= least), key=lambda pair: (-pair[1], pair[0]))


def jaccard(first: frozenset[tuple[str, ...]], second: frozenset[tuple[str, ...]]) -> float:
    """Return the share of shingles that two sets have in common; 0 where both are empty."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


def _loose(text: str) -> frozenset[tuple[str, ...]]:
    return shingles(text) | {(word,) for word in _WORD.findall(text.lower())}
