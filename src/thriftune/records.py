"""The records that travel down the road, one JSON object a line in the run folder's files."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of all records: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Question(Record):
    """What a person asks of one collection.

    Attributes:
        id: unique within a run.
        collection: the index, database or schema asked about.
        text: the question as typed.
        meaning: questions with the same meaning (paraphrases) share this id and never straddle a split.
    """

    id: str
    collection: str
    text: str
    meaning: str


class Lesson(Record):
    """A question with the teacher's verified answer: `label` is executable text, `rationale` says why."""

    question: Question
    rationale: str
    label: str
    families: tuple[str, ...] = ()


class Reject(Record):
    """A teacher's answer that did not become a lesson: `reason` names the check it failed, `detail` says how."""

    question: Question
    reason: str
    detail: str
    response: str


class Prediction(Record):
    """What a student wrote for a question. `seconds` is its share of the batch's time."""

    question: Question
    gold: str
    text: str
    tokens: int
    seconds: float
    families: tuple[str, ...] = ()


class Verdict(Record):
    """How an answer was judged against the gold answer, by running both.

    Attributes:
        valid: the answer parses and the engine accepts it; `fault` names what is wrong otherwise.
        fault: `""` or a kind: `not_json`, `invalid`, `unmapped_field`, `limit:…`, `timeout` (SQL), `unsupported`,
            `wrong_result`.
        detail: the engine's sentence, or where the results differ.
        exact: same JSON text after whitespace is normalised. canonical: same canonical form.
        execution_match: same result on the real documents; `None` where the engine cannot judge it.
        robust_match: the same, also on document sets made from the gold's own literals; `None` if these cannot tell.
        result_f1: F1 of the returned ids or buckets, 0 to 1.
        gold_empty: the gold query found nothing on the real documents.
        gold_result, result: a short text of what each returned, for the report.
    """

    question_id: str
    valid: bool
    fault: str = ""
    detail: str = ""
    exact: bool = False
    canonical: bool = False
    execution_match: bool | None = False
    robust_match: bool | None = None
    result_f1: float = 0.0
    gold_empty: bool = False
    gold_result: str = ""
    result: str = ""


class QuestionLoss(Record):
    """The loss of a student on one lesson: nats summed over the supervised tokens of each task."""

    question_id: str
    label_nats: float
    label_tokens: int
    rationale_nats: float
    rationale_tokens: int


def dump(record: Record) -> dict[str, Any]:
    """Return the record as plain JSON data."""
    return record.model_dump(mode="json")


def dump_section(section: BaseModel) -> dict[str, Any]:
    """Return a recipe or one of its sections as plain JSON data."""
    return section.model_dump(mode="json")
