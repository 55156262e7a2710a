"""A recipe for an index of one's own, from a live server and from files; what is written is a recipe."""

import json

import pytest
from typer.testing import CliRunner

from thriftune.cli.app import app
from thriftune.errors import EngineError, InputError
from thriftune.recipe import load
from thriftune.starter.make import make
from thriftune.starter.source import from_files, from_server
from thriftune.starter.text import Chosen, slug
from thriftune.tasks.build import build
from thriftune.tasks.query_dsl.engine import embedded

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
    assert "# now:" in text and "30 of them" in text


@pytest.mark.parametrize("name", ["2024", 'a "b": {c}', "null", "no", "日本", "x: y #", "-", "a\nb"])
@pytest.mark.parametrize("teacher", ["", 'm"odel: #'])
def test_no_name_breaks_the_recipe(files, tmp_path, name, teacher):
    path = make(tmp_path / "out", Chosen(name, name, teacher=teacher, modality="full"), from_files(*files, 5))
    recipe = load(path)
    assert recipe.name == slug(name) and list(recipe.task.collections) == [name] and recipe.train.modality == "full"
    assert (recipe.teacher.model or "") == teacher


def test_what_is_missing_is_said(engine, files, tmp_path):
    with pytest.raises(EngineError, match="nowhere"):
        from_server(engine, "nowhere", 5)
    with pytest.raises(InputError, match="holds no documents"):
        from_server(engine, "empty", 5)
    make(tmp_path / "out", Chosen("a", "b"), from_files(*files, 5))
    with pytest.raises(InputError, match="is there already"):
        make(tmp_path / "out", Chosen("a", "b"), from_files(*files, 5))
    done = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--mapping", str(files[0])])
    assert isinstance(done.exception, InputError) and "give --index" in str(done.exception)
