"""Value linking: a question's names are shown as the index holds them, and nothing else is."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.records import Question
from thriftune.tasks.query_dsl.linking import Links, links_of, shown
from thriftune.tasks.query_dsl.mapping import FieldType

FIELDS = {
    "title": FieldType("text"),
    "genres": FieldType("keyword"),
    "cast": FieldType("keyword"),
    "writers": FieldType("keyword"),
    "dest.code": FieldType("keyword"),
    "language": FieldType("keyword"),
}
DOCUMENTS = [
    {"title": "Heat", "genres": ["Comedy", "Sci-Fi"], "cast": ["Peter Morgan", "Denzel Washington"]},
    {"title": "It", "writers": ["Peter Morgan"], "cast": ["Denzel Washington", "Bérénice Marlohe"]},
    {"title": "Up", "cast": ["Denzel Washington", "Flea"], "dest": {"code": "BUF"}, "language": "French"},
    *({"cast": [f"Extra {number}"]} for number in range(120)),
]
SPOKEN = {"dest.code": {"BUF": ["Buffalo"]}, "genres": {"Sci-Fi": ["science fiction"]}}


@pytest.fixture(scope="module")
def links() -> Links:
    return links_of(FIELDS, DOCUMENTS, SPOKEN)


@pytest.mark.parametrize(
    "question, line",
    [
        ("screenplays by peter morgan", 'cast,writers:"Peter Morgan"'),
        ("comedies and SCI-FI in french", 'genres:"Comedy" genres:"Sci-Fi" language:"French"'),
        ("science fiction to Buffalo", 'genres:"Sci-Fi" dest.code:"BUF"'),
        ("anything with Berenice Marlohe", 'cast:"Bérénice Marlohe"'),
        ("Denzel's films", 'cast:"Denzel Washington"'),  # a rare part of a frequent name
        ("BUF delays", 'dest.code:"BUF"'),
        ("the buf and I", ""),  # a code in other letters is a word
        ("films with Flea", 'cast:"Flea"'),
        ("a flea circus", ""),  # a one-word name of a long list needs its capital
        ("Morgan or Extra?", ""),  # too few documents, too many names
        ("Heat", ""),  # text is no keyword
        ("", ""),
    ],
)
def test_values_are_shown_as_the_index_holds_them(links, question, line):
    assert shown(links, question) == (f"\n{line}" if line else "")


@given(st.text(max_size=80))
def test_whatever_is_asked_only_values_of_the_index_are_shown(question):
    found = links_of(FIELDS, DOCUMENTS, SPOKEN).named(question)
    held = json.dumps(DOCUMENTS, ensure_ascii=False)
    assert len(found) <= 6
    assert all(f'"{value}"' in held and fields for fields, value in found)


def test_the_prompt_shows_them_behind_the_question_unless_told_not_to(task):
    question = Question(id="q", collection="films", text="westerns and science fiction", meaning="m")
    assert task.prompt(question).question == 'westerns and science fiction\ngenres:"Western" genres:"Science Fiction"'
    task.link_values = False
    try:
        assert task.prompt(question).question == question.text
    finally:
        task.link_values = True


IN_ANOTHER_PROCESS = """
from thriftune.tasks.query_dsl.linking import links_of, shown
from thriftune.tasks.query_dsl.mapping import fields_of
names = ["director", "cast", "writers", "composers", "producers"]
mapping = {"properties": {name: {"type": "keyword"} for name in names}}
print(shown(links_of(fields_of(mapping), [dict.fromkeys(names, "Woody Allen")], {}), "films with Woody Allen"))
"""


def test_the_line_is_the_same_in_every_process():
    """Training, evaluation and production are different processes, and Python's hashes of texts differ between them."""
    said = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
        said.add(subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout)
    assert said == {'\ndirector,cast,writers:"Woody Allen"\n'}
