"""A recipe for an index of one's own, from a live server and from files; what is written is a recipe."""

import json

import pytest
from typer.testing import CliRunner

from thriftune.cli.app import app
from thriftune.errors import EngineError, InputError
from thriftune.recipe import load
from thriftune.starter.make import make
from thriftune.starter.sheet import SHEET
from thriftune.starter.source import from_files, from_server
from thriftune.starter.text import Chosen, slug
from thriftune.tasks.build import build
from thriftune.tasks.query_dsl.engine import embedded
from thriftune.teach.teachers import recorded

MAPPING = {"properties": {"name": {"type": "keyword"}, "made": {"type": "date"}, "price": {"type": "float"}}}
DOCUMENTS = [{"_id": f"p{n}", "name": f"thing {n}", "made": "2025-01-01", "price": n / 2} for n in range(30)]


@pytest.fixture(scope="module")
def engine():
    with embedded() as engine:
        engine.load("products", MAPPING, DOCUMENTS)
        engine.load("empty", MAPPING, [])
        yield engine


@pytest.fixture
def files(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps({"products": {"mappings": MAPPING}}))
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    return tmp_path / "m.json", tmp_path / "d.jsonl"


def test_a_live_index_becomes_a_recipe_that_runs_on_it(engine, tmp_path):
    words = [
        "init",
        str(tmp_path / "shop"),
        "--url",
        engine.url,
        "--index",
        "products",
        "--teacher",
        "m",
        "--most",
        "20",
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "20 documents of products" in done.output, done.output
    recipe = load(tmp_path / "shop" / "recipe.yaml")
    assert (recipe.name, recipe.teacher.model, recipe.task.engine.url) == ("shop", "m", engine.url)
    task = build(recipe)
    try:
        from thriftune.records import Question

        question = Question(id="q", collection="products", text="cheap things", meaning="q")
        found = task.run(question, '{"query":{"range":{"price":{"gte":14}}}}', 5)
        assert found.total == 2  # on the server, which has all thirty
    finally:
        task.close()
    assert engine.search("products", [{"size": 0, "track_total_hits": True}])[0]["hits"]["total"]["value"] == 30


def test_files_become_a_recipe(files, tmp_path):
    words = ["init", str(tmp_path / "shop"), "--mapping", str(files[0]), "--documents", str(files[1])]
    done = CliRunner().invoke(app, [*words, "--index", "products", "--teacher", ""])
    assert done.exit_code == 0, done.output
    recipe = load(tmp_path / "shop" / "recipe.yaml")
    assert recipe.teacher.kind == "recorded" and recipe.task.engine.url is None
    assert json.loads((tmp_path / "shop" / "mapping.json").read_text()) == MAPPING
    text = (tmp_path / "shop" / "recipe.yaml").read_text()
    assert "# now:" in text and "30 of them" in text and "learning_rate: 2.0e-3" in text
    assert "thriftune teach" in done.output and "lessons.jsonl" in done.output


def test_without_a_teacher_a_sheet_asks_any_chat_model(files, tmp_path):
    path = make(tmp_path / "shop", Chosen("shop", "products"), from_files(*files, "products", 30))
    text = path.with_name(SHEET).read_text()
    assert "made date" in text and "price float" in text and '"name": "thing 0"' in text
    line = next(line for line in text.splitlines() if line.startswith('{"prompt"')).replace("…", "{}")
    path.with_name("lessons.jsonl").write_text(line + "\n")
    ((_, lesson),) = recorded(path.with_name("lessons.jsonl"), ["products"])  # its form is one that is read
    assert lesson.questions == ("the question",) and "<answer>" in lesson.response


def test_with_a_teacher_there_is_no_sheet(files, tmp_path):
    words = ["init", str(tmp_path / "shop"), "--mapping", str(files[0]), "--documents", str(files[1])]
    done = CliRunner().invoke(app, [*words, "--index", "products", "--teacher", "m", "--modality", "full"])
    assert done.exit_code == 0 and "thriftune plan" in done.output, done.output
    assert not (tmp_path / "shop" / SHEET).exists()
    assert load(tmp_path / "shop" / "recipe.yaml").train.learning_rate == 5e-4


def test_hits_of_a_server_are_documents(files, tmp_path):
    files[1].write_text('{"_index": "products", "_id": "a", "_score": 1.0, "_source": {"name": "x"}}\n{"name": "y"}')
    assert from_files(*files, "products", 5).documents == [{"_id": "a", "name": "x"}, {"_id": "2", "name": "y"}]


def test_a_document_that_is_cut_off_is_told(files):
    files[1].write_text('{"name": "x"}\n{"name": "y')
    with pytest.raises(InputError, match=r"d\.jsonl:2: not JSON"):
        from_files(*files, "products", 5)


def test_of_several_mappings_that_of_the_index_is_taken(files):
    others = {"properties": {"city": {"type": "keyword"}}}
    files[0].write_text(json.dumps({"towns": {"mappings": others}, "products": {"mappings": MAPPING}}))
    assert from_files(*files, "products", 5).mapping == MAPPING
    with pytest.raises(InputError, match="holds the mappings of towns, products, and none of an index ships"):
        from_files(*files, "ships", 5)


@pytest.mark.parametrize("form", [MAPPING, {"mappings": MAPPING}, {"products-2025": {"mappings": MAPPING}}])
def test_any_form_of_one_mapping_is_read(files, form):
    files[0].write_text(json.dumps(form))
    assert from_files(*files, "products", 5).mapping == MAPPING


@pytest.mark.parametrize("form", [[], {}, 3, {"products": 1}, {"products": {}}, {"mappings": {}}, {"mappings": None}])
def test_what_is_no_mapping_is_told(files, form):
    files[0].write_text(json.dumps(form))
    with pytest.raises(InputError, match="is no mapping"):
        from_files(*files, "products", 5)


@pytest.mark.parametrize("name", ["2024", 'a "b": {c}', "null", "no", "日本", "x: y #", "-", "a\nb"])
@pytest.mark.parametrize("teacher", ["", 'm"odel: #'])
def test_no_name_breaks_the_recipe(files, tmp_path, name, teacher):
    path = make(
        tmp_path / "out", Chosen(name, name, teacher=teacher, modality="full"), from_files(*files, "products", 5)
    )
    recipe = load(path)
    assert recipe.name == slug(name) and list(recipe.task.collections) == [name] and recipe.train.modality == "full"
    assert (recipe.teacher.model or "") == teacher


def test_what_is_missing_is_said(engine, files, tmp_path):
    with pytest.raises(EngineError, match="nowhere"):
        from_server(engine, "nowhere", 5)
    with pytest.raises(InputError, match="holds no documents"):
        from_server(engine, "empty", 5)
    make(tmp_path / "out", Chosen("a", "b"), from_files(*files, "products", 5))
    with pytest.raises(InputError, match="is there already"):
        make(tmp_path / "out", Chosen("a", "b"), from_files(*files, "products", 5))
    words = ["init", str(tmp_path / "new"), "--mapping", str(files[0]), "--index", "products"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, InputError) and str(done.exception).startswith("give --documents")
    assert "judged by what they find" in str(done.exception)
    done = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--mapping", str(files[0])])
    assert isinstance(done.exception, InputError) and "give --index" in str(done.exception)
