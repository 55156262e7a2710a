"""A run of a tiny student on two small collections."""

import json

import pytest

from thriftune.recipe import load as load_recipe
from thriftune.road import travel
from thriftune.testing import tiny

RECIPE = """
name: tiny
task: {{collections: {{films: {{mapping: mapping.json, documents: documents.jsonl}},
                       shows: {{mapping: mapping.json, documents: documents.jsonl}}}}}}
teacher: {{lessons: [lessons.jsonl]}}
dataset: {{test: 0.3, valid: 0.1}}
student: {{model: {student}}}
train: {{batch: 4, max_steps: 2, learning_rate: 1.0e-3, precision: fp32}}
evaluate: {{max_new_tokens: 160, bootstrap: 200, batch: 4}}
"""
GENRES = ["Horror", "Comedy", "Drama", "War", "Crime", "Family", "Western", "Musical", "Mystery", "Sport"]


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of a tiny student, trained for two steps: it writes nonsense, but within the grammar."""
    folder = tmp_path_factory.mktemp("predict")
    (folder / "recipe.yaml").write_text(RECIPE.format(student=tiny.save(folder / "student")))
    mapping = {"mappings": {"properties": {"genre": {"type": "keyword"}, "year": {"type": "integer"}}}}
    (folder / "mapping.json").write_text(json.dumps(mapping))
    documents = [{"genre": genre, "year": 1990 + n} for n, genre in enumerate(GENRES)]
    (folder / "documents.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    answer = '<rationale>{0} is a term.</rationale><answer>{{"query":{{"term":{{"genre":"{0}"}}}}}}</answer>'
    lessons = [
        {"id": f"l{n}", "collection": "films", "questions": [f"{g} films"], "response": answer.format(g)}
        for n, g in enumerate(GENRES)
    ]
    (folder / "lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    travel(load_recipe(folder / "recipe.yaml"), folder / "run", ("teach", "dataset", "train"))
    return folder / "run"
