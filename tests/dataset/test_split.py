"""No meaning, label or near duplicate stands in two parts, and the check that says so finds a planted leak."""

import io
import os
import re
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.dataset.split import Split, leaks, split
from thriftune.dataset.stage import make_dataset
from thriftune.errors import InputError
from thriftune.files import read_records, write_records
from thriftune.progress import Progress
from thriftune.recipe import Dataset
from thriftune.records import Lesson, Question
from thriftune.runs import Run
from thriftune.similarity import alike, nearest
from thriftune.tasks.base import Task

WORDS = ["which", "films", "are", "horror", "late", "Flights", "ümlaut", "?", "90s"]


def lesson(identity: object, text: str = "", label: str = "", meaning: str = "", collection: str = "c") -> Lesson:
    question = Question(
        id=f"{identity}",
        collection=collection,
        text=text or f"wholly own words {identity}a {identity}b {identity}c",
        meaning=meaning or f"m{identity}",
    )
    return Lesson(question=question, rationale="because", label=label or f"label {identity}", families=("term",))


def jaccard(a: str, b: str) -> float:
    """The similarity written anew, the slow way."""
    first, second = (re.findall(r"\w+", text.lower()) for text in (a, b))
    left, right = (set(pairwise(words)) or {(word,) for word in words} for words in (first, second))
    return len(left & right) / len(left | right) if left | right else 0.0


TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
LESSONS = st.lists(
    st.tuples(TEXTS, st.integers(0, 12), st.integers(0, 12), st.sampled_from("ab")), min_size=1, max_size=40
).map(
    lambda rows: [
        lesson(n, text, f"label {label}", f"m{meaning}", collection)
        for n, (text, label, meaning, collection) in enumerate(rows)
    ]
)
SETTINGS = st.builds(
    Dataset,
    test=st.sampled_from([0.1, 0.3, 0.6]),
    valid=st.sampled_from([0.0, 0.1, 0.3]),
    near_duplicate=st.sampled_from([0.3, 0.5, 0.8, 1.0]),
    seed=st.integers(0, 3),
)


@settings(max_examples=300, deadline=None)
@given(LESSONS, SETTINGS)
def test_nothing_straddles(lessons, chosen):
    result = split(lessons, chosen)
    assert leaks(result, chosen.near_duplicate) == []
    parts = list(result.parts().values())
    for here, there in ((a, b) for a in range(3) for b in range(a)):
        for one, other in product(parts[here], parts[there]):
            assert one.question.meaning != other.question.meaning
            if one.question.collection == other.question.collection:
                assert one.label != other.label
                assert one.question.text.split() != other.question.text.split()
                assert jaccard(one.question.text, other.question.text) < chosen.near_duplicate


@settings(max_examples=100, deadline=None)
@given(LESSONS, SETTINGS)
def test_a_lesson_is_in_one_part_at_most_and_the_same_start_gives_the_same_split(lessons, chosen):
    result = split(lessons, chosen)
    kept = [found.question.id for part in result.parts().values() for found in part]
    assert len(kept) == len(set(kept)) and set(kept) <= {found.question.id for found in lessons}
    assert len(result.test) + len(result.valid) <= result.groups
    assert split(list(lessons), chosen) == result


def test_the_shares_are_of_meanings_in_each_collection():
    lessons = [
        lesson(f"{collection}{n}.{wording}", meaning=f"{collection}{n}", label=f"{n}", collection=collection)
        for collection in ("films", "flights")
        for n in range(50)
        for wording in range(3)
    ]
    result = split(lessons, Dataset(test=0.2, valid=0.1))
    for collection in ("films", "flights"):
        counts = [sum(x.question.collection == collection for x in part) for part in result.parts().values()]
        assert counts == [35 * 3, 5, 10], "train has every wording; valid and test have one of each meaning"
    assert result.groups == 100
    assert split(lessons, Dataset(test=0.2, valid=0.1, seed=7)).test != result.test


def test_equal_labels_and_near_duplicates_join_groups_only_within_a_collection():
    same = {"text": "which films are horror films please", "label": "one label"}
    within = [lesson("a", **same), lesson("b", "quite other words than those", "one label"), lesson("c", same["text"])]
    assert split(within, Dataset()).groups == 1
    across = [lesson("a", **same, collection="films"), lesson("b", **same, collection="books")]
    assert split(across, Dataset()).groups == 2


X = lesson("x", "which films are horror films of the nineties", "label x")


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        (lesson("y", meaning="mx"), "meaning"),
        (lesson("y", label="label x"), "label"),
        (lesson("y", "Which  films are horror films of the NINETIES"), "question"),
        (lesson("y", "which films are horror films of the nineties please"), "near duplicate"),
    ],
)
@pytest.mark.parametrize("place", ["valid", "test"])
def test_the_check_finds_a_planted_leak(planted, reason, place):
    parts = {"train": [lesson(1), X, lesson(2)], "valid": [lesson(3)], "test": [lesson(4)]}
    assert leaks(Split(**parts, groups=5), 0.8) == []
    parts[place] = [*parts[place], planted]
    assert (reason, "x", "y") in leaks(Split(**parts, groups=5), 0.8)


def test_the_same_in_another_collection_is_no_leak():
    other = lesson("y", X.question.text, X.label, collection="books")
    assert leaks(Split([X], [], [other], 2), 0.8) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, max_size=15), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_all_alike_pairs_are_found(texts, least):
    expected = {
        (i, j): jaccard(texts[i], texts[j])
        for j in range(len(texts))
        for i in range(j)
        if jaccard(texts[i], texts[j]) >= least
    }
    assert {(i, j): similarity for i, j, similarity in alike(texts, least)} == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=10), st.sampled_from([0.1, 0.5]))
def test_the_nearest_come_first_and_none_is_left_out(text, texts, least):
    found = nearest(text, texts, least)
    assert [likeness for _, likeness in found] == sorted((likeness for _, likeness in found), reverse=True)
    assert all(least <= likeness <= 1 for _, likeness in found)
    words = set(re.findall(r"\w+", text.lower()))
    for index, other in enumerate(texts):
        if words and set(re.findall(r"\w+", other.lower())) == words and other.lower() == text.lower():
            assert (index, 1.0) in found
        if not words & set(re.findall(r"\w+", other.lower())):
            assert index not in [place for place, _ in found]


def test_the_same_in_other_words_is_near():
    texts = ["films of the fifties", "show me westerns from 1999", "1999 westerns please"]
    assert [index for index, _ in nearest("westerns from 1999", texts, 0.2)] == [1, 2]


_ONCE = """
import sys; sys.path.insert(0, {folder!r})
from test_split import lesson, WORDS, Dataset, split
text = lambda n: " ".join(WORDS[(n * k) % 9] for k in range(1, 5))
lessons = [lesson(n, text(n), f"l{{n % 17}}", f"m{{n % 23}}") for n in range(60)]
print([[x.question.id for x in part] for part in split(lessons, Dataset(test=0.3)).parts().values()])
"""


def test_another_process_makes_the_same_split():
    """Sets of words are walked in another order in every process; the split must not depend on it."""
    code = _ONCE.format(folder=str(Path(__file__).parent))
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1 and "'" in found.pop()


# the stage


def _no_task() -> Task:
    raise AssertionError("a dataset without variants needs no engine")


def make(folder, lessons: list[Lesson], **keys) -> dict:
    run = Run(folder)
    write_records(run.path("lessons.jsonl"), lessons)
    return make_dataset(run, Dataset(**keys), _no_task, Progress("dataset", io.StringIO()))


def test_the_stage_writes_parts_and_a_card_that_counts_them(tmp_path):
    figures = make(tmp_path, [lesson(n) for n in range(50)], test=0.2, valid=0.1)
    assert figures == {"train": 35, "valid": 5, "test": 10, "meanings": 50, "variants": 0, "leaks": 0}
    for name in ("train", "valid", "test"):
        assert len(read_records(tmp_path / "dataset" / f"{name}.jsonl", Lesson)) == figures[name]
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "| train | 35 | 35 |" in card and "| term | 50 |" in card and "0 pairs straddle" in card


def test_an_empty_part_has_a_dash_for_its_mean(tmp_path):
    make(tmp_path, [lesson(n) for n in range(10)], valid=0)
    assert "| valid | 0 | 0 | – | – |" in (tmp_path / "dataset" / "README.md").read_text()


@pytest.mark.parametrize("count", [1, 4])
def test_too_few_lessons_are_one_message_that_names_the_key(tmp_path, count):
    with pytest.raises(InputError, match=rf"{count} lessons with {count} meanings are too few.*dataset\.test"):
        make(tmp_path, [lesson(n) for n in range(count)])
