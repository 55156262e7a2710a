"""Two students compared on the questions they share, against a plain count."""

import json
import random

import pytest
from typer.testing import CliRunner

from thriftune.cli import app
from thriftune.errors import InputError
from thriftune.evaluate.compare import compare, paired
from thriftune.files import write_records
from thriftune.records import Prediction, Question, Verdict
from thriftune.runs import Run


def answered(folder, matches, gold="g", who=""):
    """Write a run whose student matched, did not match (None: could not be judged) on questions by id."""
    asked = {key: Question(id=key, collection="c", text=f"ask {key}", meaning=key) for key in matches}
    write_records(
        folder / f"predictions{who}.jsonl",
        [Prediction(question=q, gold=gold, text=f"said {folder.name}", tokens=1, seconds=1.0) for q in asked.values()],
    )
    write_records(
        folder / f"verdicts{who}.jsonl",
        [Verdict(question_id=key, valid=True, execution_match=match) for key, match in matches.items()],
    )
    return Run(folder)


def test_the_difference_is_that_of_the_shared_questions(tmp_path):
    one = answered(tmp_path / "one", {"a": True, "b": True, "c": False, "d": None, "e": True})
    two = answered(tmp_path / "two", {"b": False, "c": False, "d": True, "a": True, "f": True})
    found = compare((one, "tuned"), (two, "tuned"))
    cell = found.differences["execution_match"]
    assert (cell["value"], cell["n"]) == (round(1 / 3, 6), 3) and cell["low"] <= cell["value"] <= cell["high"]
    assert (len(found.shared), found.left_out) == (4, 2)
    differing = [both for both in found.shared if both.differ]
    assert [both.predictions[0].question.id for both in differing] == ["b"]
    assert [prediction.text for prediction in differing[0].predictions] == ["said one", "said two"]


def test_a_question_whose_gold_answer_is_another_is_left_out(tmp_path):
    one, two = answered(tmp_path / "one", {"a": True}), answered(tmp_path / "two", {"a": True}, gold="other")
    with pytest.raises(InputError, match="share no test question"):
        compare((one, "tuned"), (two, "tuned"))
    with pytest.raises(InputError, match="no verdicts on its base student"):
        compare((one, "tuned"), (one, "base"))


def test_the_base_student_can_be_compared_with_its_own_tuned_one(tmp_path):
    run = answered(tmp_path, {"a": True, "b": True})
    answered(tmp_path, {"a": False, "b": True}, who="-base")
    assert compare((run, "tuned"), (run, "base")).differences["execution_match"]["value"] == 0.5


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    chance, covered = random.Random(1), 0
    for trial in range(200):
        pairs = [(float(chance.random() < 0.6), float(chance.random() < 0.4)) for _ in range(120)]
        cell = paired([a for a, _ in pairs], [b for _, b in pairs], 400, seed=trial)
        covered += cell["low"] <= 0.2 <= cell["high"]
    assert 178 <= covered <= 199  # 95 % of 200 is 190


def test_pairing_narrows_the_interval_and_equal_answers_claim_no_certainty():
    chance = random.Random(2)
    first = [float(chance.random() < 0.5) for _ in range(100)]
    second = [1 - value if number < 5 else value for number, value in enumerate(first)]
    cell = paired(first, second, 2000)
    assert cell["high"] - cell["low"] < 0.1
    same = paired(first, first, 2000)
    assert (same["value"], same["n"]) == (0.0, 100) and same["low"] == -same["high"] < -0.03


def test_the_command_prints_each_difference_with_its_interval(tmp_path):
    answered(tmp_path / "one", {"a": True, "b": True})
    answered(tmp_path / "two", {"a": False, "b": True, "c": True})
    runs = [str(tmp_path / "one"), str(tmp_path / "two")]
    done = CliRunner().invoke(app, ["compare", *runs])
    assert done.exit_code == 0, done.output
    assert "2 questions with the same gold answer" in done.output and "1 questions that only one" in done.output
    assert "execution match          +50.0 points [" in done.output and "robust execution match   –" in done.output
    (pair,) = json.loads(CliRunner().invoke(app, ["compare", *runs, "--json"]).output)
    assert pair["differences"]["execution_match"]["value"] == 0.5
    with pytest.raises(InputError, match="Give two"):
        CliRunner().invoke(app, ["compare", runs[0]], catch_exceptions=False)
