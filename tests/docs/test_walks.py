"""The walks of the pages are gone: the commands of *your own index* in their order, and the code of *ask and serve*.

The student is a tiny one, so it learns nothing; that each command leads to the next is what is tested.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from thriftune.files import read_records
from thriftune.recipe import load
from thriftune.records import Lesson, Prediction
from thriftune.road import travel
from thriftune.runs import Run
from thriftune.testing import tiny

from .blocks import ROOT, blocks, commands, every

SHORT = ["train.max_steps=2", "train.precision=fp32", "evaluate.limit=2", "evaluate.bootstrap=100"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder in which the pages' relative paths lead somewhere."""
    folder = tmp_path_factory.mktemp("walk")
    for name in ("examples", "recipes"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def called(folder: Path, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Give a command of a page as it stands there, with more words behind it."""
    words = [*shlex.split(text)[1:], *more]
    command = [sys.executable, "-m", "thriftune.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=ENVIRONMENT)


def of_page(name: str, *beginnings: str) -> list[str]:
    """Return the first command of a page with each beginning."""
    texts = [command.text for command in commands(ROOT / "docs" / name)]
    return [next(text for text in texts if text.startswith(f"thriftune {each}")) for each in beginnings]


@pytest.mark.timeout(900)  # six processes, one after the other
def test_your_own_index_from_files_to_an_answer(place, student):
    init, teach, run, ask = of_page(
        "your-own-index.md", "init plants --mapping", "teach plants/", "run plants/", "predict"
    )
    done = called(place, init)
    assert done.returncode == 0 and "40 documents of plants" in done.stdout, done.stderr
    assert "ask-a-chat-model.txt" in done.stdout and "thriftune teach plants/recipe.yaml" in done.stdout
    done = called(place, teach)
    assert done.returncode == 2 and 'A line of one: {"prompt"' in done.stderr
    (place / "plants" / "lessons.jsonl").write_bytes((ROOT / "examples/plants/lessons.jsonl").read_bytes())
    done = called(place, teach)
    assert done.returncode == 0, done.stderr
    rejects = [json.loads(line) for line in (place / "runs/plants/rejects.jsonl").read_text().splitlines()]
    assert {reject["reason"] for reject in rejects} == {"empty_result"}  # relative dates, without `now`
    done = called(place, run, f"student.model={student}", "dataset.test=0.2", *SHORT)
    assert done.returncode == 0 and "execution match" in done.stdout, done.stderr
    done = called(place, ask)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def test_a_teacher_by_its_address_costs_so_much_at_most(place):
    init, bill = of_page("your-own-index.md", "init plants-asked", "teach plants-asked")
    assert called(place, init).returncode == 0
    done = called(place, bill)
    assert done.returncode == 0 and done.stdout.startswith("300 questions (300 new)"), done.stderr
    assert "without teacher.price nothing is known" in done.stdout and "USD" not in done.stdout
    done = called(place, bill, "teacher.price.input_per_million=2")
    assert " USD, " in done.stdout and "without teacher.price" not in done.stdout


def test_every_lesson_of_the_plant_shop_is_kept_once_now_is_set(tmp_path):
    recipe = load(ROOT / "examples" / "plants" / "recipe.yaml")
    run = travel(recipe, tmp_path / "run", ("teach", "dataset"))
    figures = run.manifest["stages"]["teach"]["figures"]
    assert (figures["kept"], figures["rejected"], figures["meanings"]) == (60, {}, 30)
    assert run.manifest["stages"]["dataset"]["figures"]["leaks"] == 0


def test_the_record_of_the_order_lines_is_of_the_lessons_that_are_here(tmp_path):
    """Documents, lessons and split of `examples/superstore` are those that `benchmarks/results/superstore` is of."""
    for path in (ROOT / "examples" / "superstore").glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    subprocess.run([sys.executable, tmp_path / "documents.py"], check=True)
    run = travel(load(tmp_path / "recipe.yaml"), tmp_path / "run", ("teach", "dataset"))
    figures = run.manifest["stages"]["teach"]["figures"]
    assert (figures["kept"], figures["rejected"], figures["meanings"]) == (300, {}, 150)
    record = ROOT / "benchmarks" / "results" / "superstore"
    asked = {prediction.question.text for prediction in read_records(record / "predictions.jsonl", Prediction)}
    assert asked == {lesson.question.text for lesson in read_records(tmp_path / "run/dataset/test.jsonl", Lesson)}


def test_the_page_shows_the_recipe_of_the_plant_shop():
    """What the page adds to a starter recipe stands in the example too."""
    import yaml

    (shown,) = [
        yaml.safe_load(block.text) for block in blocks(ROOT / "docs/your-own-index.md") if block.language == "yaml"
    ]
    kept = yaml.safe_load((ROOT / "examples/plants/recipe.yaml").read_text(encoding="utf-8"))
    assert shown["task"]["collections"] == kept["task"]["collections"]


def test_a_plan_is_made_of_a_table_without_a_column_for_the_collection(tmp_path):
    from thriftune.plan.prepare import lessons_of

    recipe = load(ROOT / "examples" / "plants" / "recipe.yaml")
    found = lessons_of(recipe, tmp_path)
    assert len(found) == 60 and {lesson.question.collection for lesson in found} == {"plants"}


@pytest.fixture(scope="module")
def films(place, student) -> Path:
    """What the code of *ask and serve* expects: runs/films-demo."""
    words = ["teacher.limit=30", "dataset.test=0.3", f"student.model={student}", "train.max_steps=1"]
    recipe = load(ROOT / "recipes" / "films-demo.yaml", [*words, "train.precision=fp32", "evaluate.max_new_tokens=60"])
    return travel(recipe, place / "runs" / "films-demo", ("teach", "dataset", "train")).folder


def test_the_code_of_ask_and_serve_runs(place, films, monkeypatch, capsys):
    asking, over_http = [block for block in every("python") if block.page == "docs/serve.md"]
    monkeypatch.chdir(place)
    exec(compile(asking.text, str(asking), "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2
    command = [sys.executable, "-m", "thriftune.cli", "serve", "runs/films-demo", "--port", "0"]
    server = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        assert server.stderr is not None
        port = next(found[1] for line in server.stderr if (found := re.search(r"listening on .*:(\d+)/v1", line)))
        exec(compile(over_http.text.replace(":8000", f":{port}"), str(over_http), "exec"), {})
        assert capsys.readouterr().out.strip()
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def test_the_run_of_the_walk_says_it_is_done(place):
    stages = Run(place / "runs" / "plants").manifest["stages"]
    assert [stages[name]["status"] for name in ("teach", "dataset", "train", "evaluate", "report")] == ["done"] * 5
