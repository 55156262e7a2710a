"""The scores say whether answers were kept within a grammar, and what the grammar gets wrong."""

import json

from thriftune.evaluate.stage import constraint_of
from thriftune.records import Lesson, Question
from thriftune.students.load import load_for_generation
from thriftune.tasks.base import Grammar
from thriftune.testing import tiny


def lesson(label):
    return Lesson(question=Question(id="q", collection="c", text="?", meaning="q"), rationale="", label=label)


def test_gold_answers_outside_the_grammar_are_counted(tmp_path):
    student = load_for_generation(str(tiny.save(tmp_path / "m")), "auto", "fp32")
    schema = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    grammar = Grammar("json_schema", json.dumps(schema))
    lessons = [lesson("[1,2]"), lesson("[1, 2]"), lesson('["a"]'), lesson("[]")]
    found = constraint_of(student, [grammar, grammar, grammar, None], lessons)
    assert found["constrained"] and found["gold_refused"] == 2 and "uniqueItems" in found["not_enforced"][0]
    assert constraint_of(student, [None] * 4, lessons) == {"constrained": False}
