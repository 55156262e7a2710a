"""The contract of a task, run against a task of one's own: every promise of `thriftune.tasks.base.Task` is a test.

    from thriftune.testing.contract import TaskContract

    class TestMine(TaskContract):
        question = Question(id="q", collection="c", text="…", meaning="q")
        gold, equivalent, wrong, broken = "…", "…", "…", "…"

        def make(self):
            return Mine(…)

        def make_other(self):
            return Mine(…)  # with other content: verdicts may differ

Needs pytest and hypothesis. Not covered: whether a verdict is *right* beyond the four answers given.
"""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.errors import InputError
from thriftune.records import Question, Verdict, dump
from thriftune.tasks.base import Task

_MANY = 1000
_ODD = ["", " ", "\0", "\ud800", "[" * 20_000, '{"a":' * 5_000, "9" * 5_000, "(" * 200, "null", "1e999", "é" * 50_000]


class TaskContract:
    """Subclass it in a test file, fill in what is declared here, and pytest runs the promises.

    Attributes:
        question: what is asked in all tests.
        gold: a right answer, in any spelling; it finds something.
        equivalent: another text with the same result. wrong: a valid answer with another result.
        broken: an answer that cannot be run.
        examples: how many texts are made up for each promise about any text.
    """

    question: ClassVar[Question]
    gold: ClassVar[str]
    equivalent: ClassVar[str]
    wrong: ClassVar[str]
    broken: ClassVar[str]
    examples: ClassVar[int] = 60

    def make(self) -> Task:
        """Return the task, new at each call."""
        raise NotImplementedError("make() returns the task that the contract is run against")

    def make_other(self) -> Task:
        """Return a task of the same kind with other content: another schema, other documents, other settings."""
        raise NotImplementedError("make_other() returns a task that may judge otherwise")

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls) -> Iterator[Task]:
        """The task, one for all tests of the class."""
        made = cls().make()
        yield made
        made.close()

    def test_a_gold_answer_is_valid_and_finds_something(self, task: Task) -> None:
        """`check` accepts it, and so would the stage *teach*."""
        verdict = task.check(self.question, self.gold)
        consistent(verdict, self.question)
        assert verdict.valid and not verdict.gold_empty, f"the gold answer is not accepted: {verdict}"

    def test_an_answer_equals_itself(self, task: Task) -> None:
        """The gold answer as a prediction matches in every respect."""
        verdict = self.judged(task, self.gold)
        assert verdict.exact and verdict.canonical and verdict.execution_match, f"not equal to itself: {verdict}"
        assert verdict.robust_match is not False and verdict.result_f1 == 1, f"not equal to itself: {verdict}"

    def test_an_equivalent_answer_matches(self, task: Task) -> None:
        """Another spelling with the same result is no error."""
        verdict = self.judged(task, self.equivalent)
        assert verdict.execution_match and verdict.robust_match is not False, f"called wrong: {verdict}"
        assert verdict.result_f1 == 1, f"the same result has an F1 below 1: {verdict}"

    def test_a_wrong_answer_is_valid_and_does_not_match(self, task: Task) -> None:
        """It runs, its result differs, and the verdict says where."""
        verdict = self.judged(task, self.wrong)
        assert verdict.valid and verdict.execution_match is False, f"not called wrong: {verdict}"
        assert verdict.fault == "wrong_result" and verdict.detail, f"the verdict does not say what differs: {verdict}"

    def test_a_broken_answer_is_a_verdict(self, task: Task) -> None:
        """What cannot be run has a fault with a name and a sentence."""
        for verdict in (self.judged(task, self.broken), task.check(self.question, self.broken)):
            assert not verdict.valid and verdict.detail, f"not called broken: {verdict}"

    def test_a_broken_gold_answer_makes_no_match(self, task: Task) -> None:
        """Two broken answers are not equal: that would be a point for nothing."""
        with pytest.raises(InputError):
            task.judge(self.question, self.broken, self.broken)

    def test_no_answer_raises_and_every_verdict_is_consistent(self, task: Task) -> None:
        """Whatever a student writes: a verdict whose fields agree, the same from `check` and `judge`."""

        def holds(text: str) -> None:
            checked, judged = task.check(self.question, text), self.judged(task, text)
            consistent(checked, self.question)
            assert checked.valid == judged.valid, f"check and judge disagree on {text!r}: {checked}, {judged}"
            assert checked.valid or checked.fault == judged.fault, f"two faults for {text!r}: {checked}, {judged}"
            if checked.valid:
                itself = task.judge(self.question, text, text)
                assert itself.execution_match is not False, f"an accepted label is not equal to itself: {text!r}"

        self.for_any_text(holds)

    def test_a_verdict_is_the_same_each_time(self, task: Task) -> None:
        """Judging changes nothing, and nothing is left to chance."""
        for answer in (self.gold, self.equivalent, self.wrong, self.broken):
            first = self.judged(task, answer)
            self.judged(task, self.wrong)
            assert self.judged(task, answer) == first, f"another verdict the second time: {first}"

    def test_tidy_keeps_the_meaning_and_is_done_once(self, task: Task) -> None:
        """Tidying twice is tidying once; what was right, wrong or broken stays so. It takes any text."""
        for answer in (self.gold, self.equivalent, self.wrong, self.broken):
            before, after = self.judged(task, answer), self.judged(task, task.tidy(answer))
            same = (before.valid, before.execution_match) == (after.valid, after.execution_match)
            assert same, f"tidy changes the verdict of {answer!r}: {before}, {after}"

        def holds(text: str) -> None:
            once = task.tidy(text)
            assert task.tidy(once) == once, f"tidy is not idempotent on {text!r}"
            before, after = task.check(self.question, text), task.check(self.question, once)
            assert before.valid == after.valid, f"tidy changes whether {text!r} is valid"

        self.for_any_text(holds)

    def test_families_are_names(self, task: Task) -> None:
        """Of any text: a tuple of texts, the same for the same label."""

        def holds(text: str) -> None:
            found = task.families(text)
            assert isinstance(found, tuple) and all(isinstance(name, str) and name for name in found), found
            assert task.families(text) == found, f"other families the second time for {text!r}"

        self.for_any_text(holds)

    def test_a_prompt_depends_on_the_question_alone(self, task: Task) -> None:
        """Teacher, training, evaluation and production see the same text, also in another process on another day."""
        prompt = task.prompt(self.question)
        renamed = self.question.model_copy(update={"id": "other", "meaning": "other"})
        assert prompt.instructions and self.question.text in prompt.question, f"the question is not in {prompt}"
        assert task.prompt(self.question) == prompt == task.prompt(renamed), "the prompt changes from call to call"
        again = self.make()
        try:
            assert again.prompt(self.question) == prompt, "the prompt changes from task to task"
        finally:
            again.close()

    def test_a_question_about_nothing_known_is_told_so(self, task: Task) -> None:
        """A collection that is not there is an `InputError`, unless the task looks at no collection."""
        stray = self.question.model_copy(update={"collection": "\0 no such collection"})
        try:
            task.prompt(stray)
        except InputError as error:
            assert str(error), "the message is empty"

    def test_the_identity_tells_tasks_apart(self, task: Task) -> None:
        """The same content has the same id, other content another: stages are repeated when they must be."""
        again, other = self.make(), self.make_other()
        try:
            assert task.identity() == task.identity() == again.identity(), "the identity changes without a cause"
            assert other.identity() != task.identity(), "other content has the same identity"
        finally:
            again.close()
            other.close()

    def test_variants_end_and_depend_on_the_seed(self, task: Task) -> None:
        """Pairs of texts, the same for the same seed, and not without end; a broken label has no need of any."""
        for label in (self.gold, self.broken):
            found = list(islice(task.variants(self.question, label, "seed"), _MANY))
            assert found == list(islice(task.variants(self.question, label, "seed"), _MANY)), "left to chance"
            assert len(found) < _MANY, "variants do not end"
            assert all(isinstance(part, str) and part for pair in found for part in pair), found

    def test_texts_are_texts(self, task: Task) -> None:
        """What answers may copy can be tokenised."""
        for text in islice(task.texts(), _MANY):
            assert isinstance(text, str), text
            text.encode()

    def test_a_grammar_lets_right_answers_be_written(self, task: Task) -> None:
        """What a student may write holds the gold answer as it learns it; the same grammar each time."""
        grammar = task.grammar(self.question)
        assert task.grammar(self.question) == grammar, "another grammar the second time"
        if grammar is not None:
            from thriftune.students.constrain import Constrainer
            from thriftune.testing.tiny import tokenizer

            words, gold = tokenizer(), task.tidy(self.gold)
            ids = words(gold, add_special_tokens=False)["input_ids"]
            assert Constrainer(words, len(words)).accepts(grammar, ids), f"the grammar refuses {gold}"

    def test_closing_twice_is_closing_once(self) -> None:
        """`close` may be called again."""
        made = self.make()
        made.close()
        made.close()

    def judged(self, task: Task, answer: str) -> Verdict:
        """Return the verdict on an answer against the gold one, after looking that its fields agree."""
        verdict = task.judge(self.question, self.gold, answer)
        consistent(verdict, self.question)
        return verdict

    def for_any_text(self, holds: Callable[[str], None]) -> None:
        """Call `holds` with odd texts, made-up texts, and the four answers damaged at random places."""
        for text in _ODD:
            holds(text)
        answers = [self.gold, self.equivalent, self.wrong, self.broken]
        run = given(st.text(st.characters()) | _damaged(answers))(holds)
        settings(max_examples=self.examples, deadline=None, database=None)(run)()


def consistent(verdict: Verdict, question: Question) -> None:
    """Assert that the fields of a verdict agree with each other and survive being written to a file."""
    assert verdict.question_id == question.id, f"the verdict is of another question: {verdict}"
    assert 0 <= verdict.result_f1 <= 1, f"F1 is not between 0 and 1: {verdict}"
    assert verdict.valid or verdict.fault not in ("", "wrong_result"), f"what is wrong is not named: {verdict}"
    better = verdict.exact or verdict.canonical or verdict.execution_match or verdict.robust_match
    assert verdict.valid or not (better or verdict.result_f1), f"a broken answer gets a point: {verdict}"
    assert verdict.valid or verdict.execution_match is not None or verdict.fault == "unsupported", f"{verdict}"
    if verdict.exact or verdict.canonical or verdict.robust_match:
        assert verdict.execution_match, f"equal as text or form, or robustly, but not in its result: {verdict}"
    assert not verdict.execution_match or not verdict.fault, f"a match with a fault: {verdict}"
    stored = json.loads(json.dumps(dump(verdict), allow_nan=False))
    assert Verdict.model_validate(stored) == verdict, f"the verdict changes when it is stored: {verdict}"


@st.composite
def _damaged(draw: st.DrawFn, answers: list[str]) -> str:
    """One of the answers with a piece replaced: by nothing, by a few letters, by a piece of an answer."""
    text, other = draw(st.sampled_from(answers)), draw(st.sampled_from(answers))
    start, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
    begin, end = draw(st.integers(0, len(other))), draw(st.integers(0, len(other)))
    piece = draw(st.just("") | st.text(st.characters(), max_size=4) | st.just(other[begin:end]))
    return text[:start] + piece + text[start + length :]
