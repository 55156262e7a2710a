"""A trained run is asked in Python and by the command line, one question or many."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import thriftune
from thriftune.errors import InputError, RunError


@pytest.fixture(scope="module")
def predictor(run):
    with thriftune.load(run) as loaded:
        yield loaded


def command(run: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "thriftune.cli", "predict", str(run), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=120, env=environment)


def test_answers_come_in_order_and_are_those_of_one_question_alone(predictor):
    texts = ["war films", "how many comedies were made after 1991, and which?", "drama"]
    answers = predictor.predict(texts, "films")
    assert [answer.question for answer in answers] == texts
    assert [a.text for a in answers] == [predictor.predict([text], "films")[0].text for text in texts]
    assert all(answer.text.startswith('{"') and answer.rationale == "" and answer.found is None for answer in answers)
    assert predictor.predict([], "films") == []


def test_the_reason_is_written_when_asked_for(predictor):
    assert predictor.predict(["war films"], "films", explain=True)[0].rationale


def test_an_answer_is_run_and_what_it_finds_is_shown(predictor):
    found = predictor.predict(["war films"], "films", execute=True)[0].found
    assert (found["total"] is None) == bool(found["fault"])
    question = predictor.question("war films", "films")
    run = predictor.task.run(question, '{"query":{"range":{"year":{"gte":1991}}},"sort":["year"],"size":5}', 2)
    assert run.total == 9 and [row["year"] for row in run.rows] == [1991, 1992] and run.rows[0]["_id"] == "2"
    counted = predictor.task.run(question, '{"size":0,"aggs":{"a":{"max":{"field":"year"}}}}', 2)
    assert counted.rows == () and counted.figures["a"]["value"] == 1999
    assert predictor.task.run(question, '{"query":{"term":{"no":1}}}', 2).fault == "unmapped_field"
    assert predictor.task.run(question, "nonsense", 2).fault == "not_json"


def test_a_collection_must_be_named_where_there_are_several(predictor):
    with pytest.raises(InputError, match="films, shows"):
        predictor.predict(["war films"])
    with pytest.raises(InputError, match="books"):
        predictor.predict(["war films"], "books")


def test_a_folder_without_a_trained_model_is_told(tmp_path):
    with pytest.raises(RunError, match="thriftune train"):
        thriftune.load(tmp_path)


def test_the_command_answers_words_and_lines(run):
    shown = command(run, "war films", "--collection", "films", "--execute", "--explain")
    assert shown.returncode == 0, shown.stderr
    assert "why: " in shown.stdout and shown.stdout.startswith('{"')
    stdin = '"war films"\n\n{"question": "drama", "collection": "shows"}\n"comedy"\n'
    lines = command(run, "--collection", "films", stdin=stdin)
    assert lines.returncode == 0, lines.stderr
    answers = [json.loads(line) for line in lines.stdout.splitlines()]
    asked = [(answer["question"], answer["collection"]) for answer in answers]
    assert asked == [("war films", "films"), ("drama", "shows"), ("comedy", "films")]


@pytest.mark.parametrize(("stdin", "told"), [("war films\n", ":1: not JSON"), ('"a"\n{"q": 1}\n', ":2: a line is")])
def test_a_line_that_is_none_is_told_with_its_number(run, stdin, told):
    done = command(run, "--collection", "films", stdin=stdin)
    assert done.returncode == 2 and f"standard input{told}" in done.stderr and "Traceback" not in done.stderr
