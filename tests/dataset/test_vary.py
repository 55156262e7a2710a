"""Variants of training lessons: checked, new, and far from everything held out."""

import io

from thriftune.dataset.split import Split, leaks
from thriftune.dataset.vary import is_variant, vary
from thriftune.progress import Progress
from thriftune.recipe import Dataset
from thriftune.records import Lesson, Question, Verdict


def lesson(identity: int, text: str, label: str = "") -> Lesson:
    question = Question(id=f"{identity}", collection="c", text=text, meaning=f"m{identity}")
    return Lesson(question=question, rationale="because", label=label or f"label {identity}")


class Counts:
    """A task whose variants are the numbers from 0 on; a label of 3 is invalid, of 4 finds nothing."""

    def variants(self, question, label, seed):
        for number in range(10):
            yield f"{question.text} {number}", f"find {number}"

    def check(self, question, label):
        return Verdict(question_id=question.id, valid=label != "find 3", gold_empty=label == "find 4")


def made(parts: Split, variants: int) -> list:
    settings = Dataset(variants=variants)
    return vary(Counts(), parts, settings, Progress("dataset", io.StringIO()))


def test_a_variant_is_a_lesson_of_the_same_meaning_without_a_rationale():
    parts = Split([lesson(1, "films of the year")], [], [lesson(2, "something else entirely")], 2)
    [variant] = made(parts, 1)
    assert is_variant(variant) and not is_variant(parts.train[0])
    assert (variant.question.text, variant.label, variant.rationale) == ("films of the year 0", "find 0", "")
    assert variant.question.meaning == "m1" and variant.question.id != "1"


def test_as_many_as_asked_and_only_what_runs_and_finds_something():
    parts = Split([lesson(1, "films of the year")], [], [lesson(2, "something else entirely")], 2)
    assert [variant.label for variant in made(parts, 5)] == ["find 0", "find 1", "find 2", "find 5", "find 6"]
    assert len({variant.question.id for variant in made(parts, 5)}) == 5
    assert len(made(parts, 50)) == 8


def test_nothing_held_out_comes_back():
    test = [lesson(2, "films of the year 0"), lesson(3, "quite another question", label="find 1")]
    parts = Split([lesson(1, "films of the year")], [], test, 3)
    variants = made(parts, 2)
    assert [variant.label for variant in variants] == ["find 2", "find 5"]
    assert leaks(Split([*parts.train, *variants], [], test, 3), 0.8) == []


def test_a_variant_like_a_held_out_question_is_dropped():
    near = lesson(2, "which long films of the year were really good ones then 7 again")
    parts = Split([lesson(1, "which long films of the year were really good ones then")], [near], [], 2)
    assert "find 7" not in [variant.label for variant in made(parts, 50)]


def test_a_question_is_added_once():
    twins = [lesson(1, "films of the year"), lesson(2, "Films of  the year")]
    texts = [variant.question.text.lower() for variant in made(Split(twins, [], [], 2), 2)]
    assert len({" ".join(text.split()) for text in texts}) == len(texts) == 4
