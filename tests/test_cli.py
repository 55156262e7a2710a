"""A fault of the user ends the real command with exit code 2 and one message: place and mend, nothing lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from thriftune.version import VERSION

COMMANDS = ["run", "teach", "train", "evaluate", "report"]
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
MAPPING = {"properties": {"name": {"type": "keyword"}, "price": {"type": "integer"}}}
STOCK = {"tea": 3, "coffee": 4, "cake": 5, "bread": 6}
RECIPE = """name: shop
task:
  collections:
    shop: {mapping: mapping.json, documents: stock.jsonl}
teacher:
  lessons: [lessons.jsonl]
dataset: {test: 0.3}
"""
BARE_MODEL = {"model_type": "llama", "vocab_size": 64, "hidden_size": 64, "num_attention_heads": 4}


def thriftune(*words: object, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "thriftune.cli", *map(str, words)],
        cwd=folder,
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def lesson(identity: str, question: str, body: object, collection: str = "shop") -> dict:
    response = f"<rationale>because</rationale><answer>{json.dumps(body)}</answer>"
    return {"id": identity, "collection": collection, "questions": [question], "response": response}


def write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


LESSONS = [
    *(lesson(f"n{name}", f"do you sell {name} here", {"query": {"term": {"name": name}}}) for name in STOCK),
    *(lesson(f"p{price}", f"all for {price} coins", {"query": {"term": {"price": price}}}) for price in STOCK.values()),
]


@pytest.fixture
def shop(tmp_path) -> Path:
    """A folder with a whole small project: recipe, mapping, documents and lessons."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "mapping.json").write_text(json.dumps(MAPPING))
    write_lines(tmp_path / "stock.jsonl", [{"name": name, "price": price} for name, price in STOCK.items()])
    write_lines(tmp_path / "lessons.jsonl", LESSONS)
    return tmp_path


def teach(folder: Path, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return thriftune("teach", "recipe.yaml", "--out", "run", *words, folder=folder, **variables)


def message(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one message of a command that ended for a fault of its user."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert done.stderr.count("error: ") == 1, done.stderr
    return done.stderr.partition("error: ")[2].strip()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rejects(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "run" / "rejects.jsonl").read_text().splitlines()]


# what works


def test_help_names_all_commands_and_the_version_is_told(tmp_path):
    page = thriftune("--help", folder=tmp_path)
    assert page.returncode == 0 and "Example: thriftune run" in page.stdout
    assert all(f"\n  {command} " in page.stdout for command in COMMANDS)
    assert thriftune("--version", folder=tmp_path).stdout == f"thriftune {VERSION}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_page_of_help_has_an_example_that_its_command_takes(tmp_path, command):
    page = thriftune(command, "--help", folder=tmp_path)
    assert page.returncode == 0 and f"Example: thriftune {command} recipes/" in page.stdout
    assert "--out" in page.stdout and "--json" in page.stdout


def test_a_second_teach_is_done_already(shop):
    first = teach(shop, "--json")
    assert first.returncode == 0, first.stderr
    manifest = json.loads(first.stdout)
    assert manifest["stages"]["teach"]["figures"]["kept"] == len(LESSONS) and "nothing" not in first.stderr
    before = contents(shop / "run")
    second = teach(shop)
    assert second.returncode == 0 and second.stderr.count("is done already for this content; not done again") == 2
    assert "engine" not in second.stderr, "no engine is started for what is done"
    assert contents(shop / "run") == before


@pytest.mark.parametrize("name", ["mapping.json", "stock.jsonl", "lessons.jsonl"])
def test_changed_content_is_taught_anew_and_a_moved_project_is_not(shop, name):
    assert teach(shop).returncode == 0
    moved = shop.rename(shop.with_name(shop.name + "-moved"))
    assert teach(moved).stderr.count("not done again") == 2
    if name == "mapping.json":
        mapping = {"properties": MAPPING["properties"] | {"origin": {"type": "keyword"}}}
        (moved / name).write_text(json.dumps(mapping))
    else:
        write_lines(moved / name, [json.loads(line) for line in (moved / name).read_text().splitlines()][:-1])
    assert "teach     is done already" not in teach(moved).stderr


def test_an_interrupt_says_how_to_go_on(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        "name: demo\ntask: {collections: {films: {demo: films}, flights: {demo: flights}}}\n"
        "teacher: {lessons: [demo:films]}\n"
    )
    command = [sys.executable, "-m", "thriftune.cli", "teach", "recipe.yaml", "--out", "run"]
    started = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests run in the background ignore it
    )
    assert started.stderr is not None
    assert "starting the task's engine" in started.stderr.readline()  # loading the demo takes seconds
    started.send_signal(signal.SIGINT)
    _, stderr = started.communicate(timeout=60)
    assert started.returncode == 130 and "Traceback" not in stderr
    assert "stopped; the same command goes on from here" in stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["stages"]["teach"]["status"] == "stopped: interrupted"


# the recipe


def test_a_missing_recipe(tmp_path):
    text = message(thriftune("teach", "absent.yaml", folder=tmp_path))
    assert text == "cannot read the recipe absent.yaml: No such file or directory"
    assert not list(tmp_path.iterdir())


def test_a_recipe_that_is_no_yaml_is_told_with_file_and_line(shop):
    (shop / "recipe.yaml").write_text(RECIPE + "train: [1\n")
    text = message(teach(shop))
    assert text.startswith("recipe.yaml is not YAML: ") and 'in "recipe.yaml", line 8' in text
    assert not (shop / "run").exists()


def test_all_faults_of_a_recipe_at_once_and_nothing_is_started(shop):
    (shop / "recipe.yaml").write_text(RECIPE + "train: {ranks: 3, modality: dora, batch: many}\ntrian: {}\n")
    lines = message(teach(shop)).splitlines()
    assert lines == [
        "recipe.yaml has 4 problems:",
        "  train.modality  must be 'full', 'lora' or 'qlora', got 'dora'",
        "  train.batch     must be a valid integer, unable to parse string as an integer, got 'many'",
        "  train.ranks     is not a key; did you mean train.rank?",
        "  trian           is not a key; did you mean train?",
    ]
    assert not (shop / "run").exists()


def test_a_wrong_override(shop):
    assert "train.ranks  is not a key; did you mean train.rank?" in message(teach(shop, "train.ranks=3"))


@pytest.mark.parametrize("words", [["teach"], ["taech", "recipe.yaml"], ["teach", "recipe.yaml", "--nothing"]])
def test_a_wrong_command_line_shows_how_to_ask_for_help(shop, words):
    done = thriftune(*words, folder=shop)
    assert done.returncode == 2 and "--help" in done.stderr and "Traceback" not in done.stderr


# the inputs


def test_a_missing_file_of_lessons_names_the_key_and_the_embedded_ones(shop):
    (shop / "lessons.jsonl").unlink()
    text = message(teach(shop))
    assert text.startswith("teacher.lessons: there is no file") and "lessons.jsonl" in text and "demo:films" in text


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"id": "x", "collection": "shop"', ":9: not JSON ("),
        ('{"id": "x", "collection": "shop", "questions": ["q"]}', ":9: response: Field required"),
        (json.dumps(LESSONS[0]), ":9: id: 'ntea' stands at "),
    ],
)
def test_a_malformed_line_is_named_and_costs_no_earlier_lesson(shop, line, fault):
    assert teach(shop).returncode == 0
    before = contents(shop / "run")
    lessons = shop / "lessons.jsonl"
    good = lessons.read_text()
    lessons.write_text(good + line)
    assert message(teach(shop)).startswith(f"{lessons}{fault}")
    assert {name: data for name, data in contents(shop / "run").items() if name != "manifest.json"} == {
        name: data for name, data in before.items() if name != "manifest.json"
    }
    lessons.write_text(good)
    assert teach(shop).stderr.count("not done again") == 2, "what was done before is still done"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "cannot read the mapping {path}: No such file"),
        ("{", "{path} is not JSON: "),
        ("[]", "{path} is no mapping: "),
        ('{"name": {"type": "keyword"}, "price": {"type": "integer"}}', '{path} is no mapping: it has no "properties"'),
    ],
)
def test_a_mapping_that_is_none(shop, text, fault):
    path = shop / "mapping.json"
    path.unlink() if text is None else path.write_text(text)
    assert message(teach(shop)).startswith(fault.format(path=path))


def test_documents_that_are_missing_or_malformed(shop):
    (shop / "stock.jsonl").write_text('{"name": "tea"}\n{"name": \n{}\n')
    assert message(teach(shop)).startswith(f"{shop / 'stock.jsonl'}:2: not JSON (")
    (shop / "stock.jsonl").unlink()
    assert "task.collections.shop.documents: there is no file" in message(teach(shop))


def test_a_question_for_an_unknown_collection_names_the_known_ones(shop):
    write_lines(shop / "lessons.jsonl", [*LESSONS, lesson("far", "which films?", {}, "films")])
    text = message(teach(shop))
    assert text == "question far.0 asks collection 'films'; task.collections has: shop"
    assert len((shop / "run" / "lessons.jsonl").read_text().splitlines()) == len(LESSONS), "what was verified stays"
    (shop / "lessons.jsonl").write_text("".join(json.dumps(row) + "\n" for row in LESSONS))
    assert teach(shop).returncode == 0


def test_lessons_on_a_field_that_the_mapping_lacks_are_rejected_with_the_reason(shop):
    (shop / "mapping.json").write_text(json.dumps({"properties": {"name": MAPPING["properties"]["name"]}}))
    write_lines(shop / "stock.jsonl", [{"name": name} for name in STOCK])
    done = teach(shop)
    assert done.returncode == 0, done.stderr
    found = rejects(shop)
    assert {reject["question"]["id"] for reject in found} == {f"p{price}.0" for price in STOCK.values()}
    assert {reject["reason"] for reject in found} == {"unmapped_field"}
    assert all("price" in reject["detail"] for reject in found)


def test_a_mapping_that_fits_no_lesson_at_all_is_one_message(shop):
    (shop / "mapping.json").write_text(json.dumps({"properties": {"title": {"type": "keyword"}}}))
    write_lines(shop / "stock.jsonl", [{"title": "x"}])
    text = message(teach(shop))
    assert text.startswith("none of 8 answers became a lesson: unmapped_field (8).") and "rejects.jsonl" in text
    assert len(rejects(shop)) == len(LESSONS)
    assert message(teach(shop)) == text, "a second start says the same"


def test_too_few_lessons_to_split(shop):
    write_lines(shop / "lessons.jsonl", LESSONS[:1])
    assert "1 lessons with 1 meanings are too few to split" in message(teach(shop))


def test_an_engine_that_cannot_be_reached_is_named(shop):
    text = message(teach(shop, "task.engine.url=http://127.0.0.1:9"))
    assert text.startswith("cannot reach the search engine at http://127.0.0.1:9")


def test_half_a_pair_of_credentials_is_told_without_its_value(shop):
    text = message(teach(shop, "task.engine.url=http://127.0.0.1:9", THRIFTUNE_ENGINE_USER="someone"))
    assert "THRIFTUNE_ENGINE_PASSWORD" in text and "someone" not in text


# the run folder


def test_a_run_folder_that_is_a_file_or_lies_in_one(shop):
    (shop / "taken").write_text("precious")
    text = message(thriftune("teach", "recipe.yaml", "--out", "taken", folder=shop))
    assert text == "taken is a file; choose another run folder with --out"
    text = message(thriftune("teach", "recipe.yaml", "--out", "taken/run", folder=shop))
    assert text.startswith("cannot write ") and "--out" in text
    assert (shop / "taken").read_text() == "precious"


@pytest.mark.parametrize("text", ["{", "{}", "[1]"])
def test_a_damaged_manifest_loses_nothing(shop, text):
    (shop / "run").mkdir()
    (shop / "run" / "manifest.json").write_text(text)
    (shop / "run" / "lessons.jsonl").write_text("hours of work\n")
    before = contents(shop / "run")
    found = message(teach(shop))
    assert found.startswith("run/manifest.json is damaged: ") and "Move the folder away" in found
    assert contents(shop / "run") == before


@pytest.mark.parametrize("command", ["train", "evaluate", "report"])
def test_a_stage_before_its_turn_names_the_missing_file(shop, command):
    text = message(thriftune(command, "recipe.yaml", "--out", "run", folder=shop))
    assert text.startswith("run/") and "is missing: the stage before has to run first" in text


def test_a_model_folder_without_weights(shop):
    """And the model that another student had been trained to is still there."""
    assert teach(shop).returncode == 0
    (shop / "bare").mkdir()
    (shop / "bare" / "config.json").write_text(json.dumps(BARE_MODEL))
    (shop / "run" / "model").mkdir()
    (shop / "run" / "model" / "model.safetensors").write_text("hours of work")
    student = f"student.model={shop / 'bare'}"
    text = message(thriftune("train", "recipe.yaml", student, "--out", "run", folder=shop))
    assert text.startswith(f"student.model '{shop / 'bare'}' cannot be loaded: ") and "safetensors" in text
    assert (shop / "run" / "model" / "model.safetensors").read_text() == "hours of work"
    manifest = json.loads((shop / "run" / "manifest.json").read_text())
    assert manifest["stages"]["teach"]["status"] == "done"
    assert manifest["stages"]["train"]["last_attempt"].startswith("failed: StudentError")
