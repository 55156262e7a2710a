"""Several answers to one question: what most of them say when they are run is kept, disagreement is a reject."""

import io
from collections import Counter

import pytest
from pydantic import ValidationError

from thriftune.files import read_records
from thriftune.progress import Progress
from thriftune.recipe import Teacher
from thriftune.records import Lesson, Question, Reject, Verdict
from thriftune.runs import Run
from thriftune.teach.agree import DISAGREEMENT, agreed
from thriftune.teach.doubts import DOUBTS, read
from thriftune.teach.stage import LESSONS, REJECTS, teach
from thriftune.teach.teachers import OVER_BUDGET, Unanswered

from .test_stage import Finds, Spoken

ASKED = Question(id="q", collection="c", text="t", meaning="q")


def value(label: str) -> int:
    return sum(map(int, label.split("+")))


class Sums(Finds):
    """Labels are sums; their result is their value. Beyond 100 the robust check sees that odd and even differ."""

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        one, two = value(gold), value(predicted)
        same = one == two or (one > 100 and two > 100)
        return Verdict(question_id=question.id, valid=True, execution_match=same, robust_match=one == two)


def results(*labels: str) -> list[Lesson | Reject]:
    return [
        Lesson(question=ASKED, rationale=f"r{n}", label=label)
        if label
        else Reject(question=ASKED, reason=f"bad{n}", detail="d", response="x")
        for n, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        (["1+2"], "1+2"),
        (["5", "1+2", "2+1"], "1+2"),
        (["1+2", "", "3"], "1+2"),
        (["7", "1+2", "3", "4", "0+3"], "1+2"),
        (["101", "100+1", "102"], "101"),
    ],
)
def test_the_first_of_the_majority_is_kept(labels, kept):
    found = agreed(Sums(), results(*labels))
    assert isinstance(found.result, Lesson) and found.result.label == kept
    agree = sum(bool(label) and value(label) == value(kept) for label in labels)
    assert (f"came {agree} times" in found.against) is (agree < len(labels)), "only doubted where some did not agree"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["1", "2"], DISAGREEMENT),
        (["1", "2", "3"], DISAGREEMENT),
        (["1", "", ""], DISAGREEMENT),
        (["1", "1", "2", "2"], DISAGREEMENT),
        (["101", "102"], DISAGREEMENT),
        (["", ""], "bad0"),
    ],
)
def test_no_majority_is_a_reject_with_its_reason(labels, reason):
    found = agreed(Sums(), results(*labels))
    assert isinstance(found.result, Reject) and found.result.reason == reason and found.against == ""


class Many(Spoken):
    """Answers each question with a list of responses, interleaved."""

    def answers(self, done=()):
        for round_ in range(3):
            for name, responses in self._answers.items():
                if name not in done:
                    yield Question(id=name, collection="c", text=name, meaning=name), responses[round_]


def said(label: str) -> str:
    return f"<rationale>r</rationale><answer>find {label}</answer>"


ANSWERS = {
    "same": [said("tea"), said("tea"), said("cake")],
    "differ": [said("tea"), said("cake"), said("milk")],
    "broken": ["", said("tea"), said("tea")],
    "bad": ["", "", ""],
}


def test_the_stage_waits_for_all_answers_and_lands_each_question_once(tmp_path):
    run = Run(tmp_path)
    figures = teach(run, Finds(), Many(ANSWERS), Progress("teach", io.StringIO()), samples=3)
    assert {lesson.question.id for lesson in read_records(run.path(LESSONS), Lesson)} == {"same", "broken"}
    assert Counter(reject.reason for reject in read_records(run.path(REJECTS), Reject)) == {
        DISAGREEMENT: 1,
        "no_rationale": 1,
    }
    assert figures["acceptance_rate"] == 0.5
    assert {
        name: [(each.reason, each.detail) for each in doubts] for name, doubts in read(run.path(DOUBTS)).items()
    } == {
        "same": [("split_vote", "3 answers: 2 different results, 0 rejected; the most frequent result came 2 times")],
        "broken": [("split_vote", "3 answers: 1 different results, 1 rejected; the most frequent result came 2 times")],
    }


def test_a_question_whose_answers_the_budget_cut_short_does_not_land(tmp_path):
    from thriftune.errors import TeacherError

    run, over = Run(tmp_path), Unanswered(OVER_BUDGET, "")
    cut = {"same": ANSWERS["same"], "half": [said("tea"), over, over]}
    with pytest.raises(TeacherError, match="before 1 of 2 questions"):
        teach(run, Finds(), Many(cut), Progress("teach", io.StringIO()), samples=3)
    assert [lesson.question.id for lesson in read_records(run.path(LESSONS), Lesson)] == ["same"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"kind": "openai", "model": "m", "questions": ["q"], "samples": 3}, "temperature above 0"),
        ({"lessons": ["demo:films"], "samples": 3}, "need a live teacher"),
        ({"lessons": ["demo:films"], "expand": {"count": 3}}, "need a live teacher"),
        ({"kind": "openai", "model": "m"}, "questions or expand.count"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_told(keys, said):
    with pytest.raises(ValidationError, match=said):
        Teacher.model_validate(keys)
