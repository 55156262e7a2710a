"""Lessons go out to other tools' formats and come back the same; what is wrong is named by row and column."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.errors import InputError, MissingPackage
from thriftune.recipe import Teacher
from thriftune.tables.read import is_table, read
from thriftune.tables.rows import Row
from thriftune.tables.write import FORMATS, write
from thriftune.teach.build import identity
from thriftune.teach.teachers import RecordedTeacher, recorded

HAS_ARROW = importlib.util.find_spec("pyarrow") is not None
FORMS = [
    pytest.param(form, marks=[] if HAS_ARROW or form in ("csv", "jsonl") else pytest.mark.skip("needs pyarrow"))
    for form in FORMATS
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SAID = TEXT.filter(str.strip)
ROWS = st.lists(st.builds(Row, id=TEXT, collection=TEXT, prompt=SAID, dsl=SAID, rationale=TEXT), max_size=6)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=100, deadline=None)
@given(parts=st.fixed_dictionaries({"train": ROWS, "test": ROWS}))
def test_what_goes_out_comes_back(tmp_path_factory, form, parts):
    folder = tmp_path_factory.mktemp("out")
    paths = write(folder, parts, form)
    back = [row for path in paths if path.is_dir() or path.stat().st_size for _, row in read(path)]
    assert back == [row for rows in parts.values() for row in rows]


def table(folder: Path, text: str, name: str = "answers.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "prompt,dsl,rationale\nall tea,{},why\n",
        "\ufeffprompt,dsl,rationale\r\nall tea,{},why\r\n",
        "prompt;dsl;rationale\nall tea;{};why\n\n",
        'rationale,other,answer,question\n"why",7,{},"all tea"',
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, text):
    assert [row for _, row in read(table(tmp_path, text))] == [Row(prompt="all tea", dsl="{}", rationale="why")]


def test_a_query_may_stand_as_an_object(tmp_path):
    path = table(tmp_path, '{"prompt": "tea", "dsl": {"size": 0}, "rationale": null, "id": 7}\n', "a.jsonl")
    assert [row for _, row in read(path)] == [Row(id="7", prompt="tea", dsl='{"size": 0}', rationale="")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "answers.csv: there is no column prompt (nor question); there is: none"),
        ("prompt,dsl\na,{}\n", "answers.csv: there is no column rationale; there is: prompt, dsl"),
        ("prompt,dsl,rationale\na,{},r\nb,,r\n", "answers.csv: row 2: column dsl: is empty"),
        ("prompt,dsl,rationale\na,{}\n", "answers.csv: row 1: 2 cells for 3 columns"),
        ('prompt,dsl,rationale\na,{},"open\n', "answers.csv: row 1: "),
        ('prompt,dsl,rationale\n"a\nb",{},r\n" ",{},r\n', "answers.csv: row 2: column prompt: is empty"),
    ],
)
def test_a_fault_of_a_csv_is_named_by_file_row_and_column(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        list(read(table(tmp_path, text)))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"prompt": "a", "dsl": "{}"}, "row 2: there is no column rationale"),
        ({"prompt": 3, "dsl": "{}", "rationale": ""}, "row 2: column prompt: must be text, got 3"),
        ({"prompt": "a", "dsl": None, "rationale": ""}, "row 2: column dsl: must be text, got nothing"),
        ({"prompt": "\ud83d", "dsl": "{}", "rationale": ""}, "row 2: column prompt: half of a surrogate pair"),
        (["a"], "row 2: an object with prompt, dsl and rationale is expected"),
    ],
)
def test_a_fault_of_a_jsonl_is_named_by_file_row_and_column(tmp_path, line, said):
    good = {"prompt": "a", "dsl": "{}", "rationale": "r"}
    path = table(tmp_path, json.dumps(good) + "\n" + json.dumps(line) + "\n", "a.jsonl")
    with pytest.raises(InputError) as caught:
        list(read(path))
    assert f"{path}: {said}" in str(caught.value)


def test_another_encoding_is_one_message(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("prompt,dsl,rationale\ncafé,{},r\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8; save it as CSV UTF-8"):
        list(read(path))


@pytest.mark.skipif(HAS_ARROW, reason="pyarrow is there")
@pytest.mark.parametrize("form", ["parquet", "hf"])
def test_without_pyarrow_the_command_that_helps_is_named(tmp_path, form):
    with pytest.raises(MissingPackage, match=r"pip install 'thriftune\[tables\]'"):
        write(tmp_path / "out", {"train": [Row(prompt="a", dsl="{}", rationale="")]}, form)


@pytest.mark.skipif(not HAS_ARROW, reason="needs pyarrow")
@pytest.mark.parametrize("name", ["a.parquet", "a.parquet/", "folder/state.json", "folder/dataset_dict.json"])
def test_a_damaged_file_is_one_message(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("/"):
        path.mkdir()
    else:
        path.write_text("no such thing")
    with pytest.raises(InputError, match=r"no Parquet file|damaged|no dataset folder"):
        list(read(path if path.suffix == ".parquet" else path.parent))


@pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="needs datasets")
def test_the_library_datasets_reads_our_folder_and_we_read_its(tmp_path):
    import datasets

    rows = [Row(id=str(n), collection="c", prompt=f"é {n}", dsl="{}", rationale="") for n in range(5)]
    write(tmp_path / "ours", {"train": rows, "test": rows[:2]}, "hf")
    loaded = datasets.load_from_disk(str(tmp_path / "ours"))
    assert [Row(**value) for value in loaded["train"]] == rows and len(loaded["test"]) == 2
    loaded["train"].select([4, 0]).save_to_disk(str(tmp_path / "theirs"))
    assert [row for _, row in read(tmp_path / "theirs")] == [rows[4], rows[0]]


# as lessons of a recipe


def test_rows_with_one_answer_are_wordings_of_one_meaning(tmp_path):
    path = table(tmp_path, "id,prompt,dsl,rationale\nx,all tea,{},r\ny,coffee,{1},r\nz,tea please,{},r\n")
    found = [(place, record.id, record.questions) for place, record in recorded(path, ["shop"])]
    assert found == [(f"{path}: row 1", "x", ("all tea", "tea please")), (f"{path}: row 2", "y", ("coffee",))]
    asked = list(RecordedTeacher([str(path)], collections=["shop"]).answers())
    assert {question.collection for question, _ in asked} == {"shop"}
    assert asked[0][1] == "<rationale>r</rationale>\n<answer>{}</answer>"


def test_a_row_without_a_collection_needs_one_where_there_are_several(tmp_path):
    path = table(tmp_path, "prompt,dsl,rationale\na,{},r\n")
    with pytest.raises(InputError, match="row 1: column collection: a name is needed, one of films, flights"):
        list(recorded(path, ["films", "flights"]))


def test_the_teachers_id_follows_the_content_of_a_table_and_of_a_folder(tmp_path):
    path = table(tmp_path, "prompt,dsl,rationale\na,{},r\n")
    (tmp_path / "folder").mkdir()
    inner = table(tmp_path / "folder", "1", "state.json")
    before = [identity(Teacher(lessons=[str(item)])) for item in (path, tmp_path / "folder")]
    table(tmp_path, "prompt,dsl,rationale\nb,{},r\n")
    inner.write_text("2")
    after = [identity(Teacher(lessons=[str(item)])) for item in (path, tmp_path / "folder")]
    assert not set(before) & set(after)


def test_recorded_answers_are_no_table(tmp_path):
    line = {"id": "a", "collection": "c", "questions": ["q"], "response": "r"}
    assert not is_table(table(tmp_path, json.dumps(line) + "\n", "a.jsonl"))
    assert is_table(table(tmp_path, '{"prompt": "a"}\n', "b.jsonl")) and is_table(tmp_path / "c.csv")


# the commands


def thriftune(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thriftune.cli", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


STOCK = ["tea", "coffee", "cake", "bread", "milk", "salt"]


def shop(folder: Path) -> None:
    (folder / "mapping.json").write_text('{"properties": {"name": {"type": "keyword"}}}')
    (folder / "stock.jsonl").write_text("".join(json.dumps({"name": name}) + "\n" for name in STOCK))
    rows = [f'"do you sell {name} here","{{""query"":{{""term"":{{""name"":""{name}""}}}}}}",why' for name in STOCK]
    (folder / "answers.csv").write_text("\n".join(["prompt,dsl,rationale", *rows]) + "\n")
    recipe = {
        "name": "shop",
        "task": {"collections": {"shop": {"mapping": "mapping.json", "documents": "stock.jsonl"}}},
        "teacher": {"lessons": ["answers.csv"]},
        "dataset": {"test": 0.3},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))


def test_a_recipe_takes_a_csv_and_its_dataset_goes_out_and_back_in(tmp_path):
    shop(tmp_path)
    done = thriftune(tmp_path, "teach", "recipe.yaml", "--out", "run")
    assert done.returncode == 0, done.stderr
    kept = {json.loads(line)["label"] for line in (tmp_path / "run/lessons.jsonl").read_text().splitlines()}
    assert len(kept) == 6
    for form, suffix in (("csv", "csv"), ("jsonl", "jsonl"), *([("parquet", "parquet")] if HAS_ARROW else [])):
        assert thriftune(tmp_path, "data", "export", "run", "--to", form, "--out", form).returncode == 0
        back = thriftune(tmp_path, "data", "import", f"{form}/train.{suffix}", "--out", f"{form}.lessons.jsonl")
        assert back.returncode == 0, back.stderr
        lessons = [f"teacher.lessons=[{form}.lessons.jsonl]", "--out", f"run-{form}"]
        again = thriftune(tmp_path, "teach", "recipe.yaml", *lessons)
        assert again.returncode == 0, again.stderr
        found = {
            json.loads(line)["label"] for line in (tmp_path / f"run-{form}/lessons.jsonl").read_text().splitlines()
        }
        assert found and found < kept

    done = thriftune(tmp_path, "data", "export", "run", "--to", "chat", "--out", "chat", "--rationales")
    assert done.returncode == 0, done.stderr
    chat = json.loads((tmp_path / "chat/train.jsonl").read_text().splitlines()[0])["messages"]
    assert [turn["role"] for turn in chat] == ["system", "user", "assistant"] and "name keyword" in chat[0]["content"]
    assert chat[2]["content"].startswith("<rationale>why</rationale>\n<answer>{")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data", "export", "nowhere", "--to", "csv", "--out", "x"], "holds no dataset"),
        (["data", "import", "nowhere.csv", "--out", "x"], "there is no file"),
        (["data", "import", "recipe.yaml", "--out", "x"], "recipe.yaml:1: "),
        (["data", "import", "answers.csv", "--out", "x"], "column collection: a name is needed"),
    ],
)
def test_a_fault_is_one_message(tmp_path, words, said):
    shop(tmp_path)
    done = thriftune(tmp_path, *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()
