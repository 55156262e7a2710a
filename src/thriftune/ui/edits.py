"""An edited lesson passes the checks that a teacher's answer passes."""

from thriftune.records import Lesson, Reject
from thriftune.tasks.base import Task
from thriftune.teach.verify import verify


def edited(task: Task, lesson: Lesson, question: str, rationale: str, label: str) -> Lesson | Reject:
    """Return the lesson with these texts, or the reject with the check that it failed.

    Without any words the question stays as it was, as in the terminal.
    """
    words = " ".join(question.split())
    asked = lesson.question.model_copy(update={"text": words or lesson.question.text})
    response = f"<rationale>\n{rationale}\n</rationale>\n<answer>\n{label}\n</answer>\n"
    return verify(task, asked, response)
