"""Questions that a student answered wrong, kept for the next round of teaching.

`wrong.jsonl` of the run folder is a file of questions as `teacher.questions` takes it: `{"id", "collection",
"questions"}`. A question is in it once.
"""

from pathlib import Path

from thriftune.files import append_record, content_id, in_turn, read_lines

WRONG = "wrong.jsonl"


def note_wrong(folder: Path, collection: str, question: str) -> bool:
    """Store a question; return False where it is there already.

    Raises:
        RunError: the run folder may not be written.
        InputError: the file is damaged.
    """
    path, identity = folder / WRONG, f"wrong-{content_id(collection, question)}"
    with in_turn(path):
        if path.exists() and any(value.get("id") == identity for _, value in read_lines(path)):
            return False
        append_record(path, {"id": identity, "collection": collection, "questions": [question]})
    return True
