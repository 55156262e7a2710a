"""A recipe's faults come all at once, in the user's spelling; what it does not say has the documented default."""

from pathlib import Path

import pytest

from thriftune.errors import RecipeError
from thriftune.recipe import Recipe, Train, load

GOOD = """
name: shop
task:
  collections:
    shop: {mapping: data/mapping.json, documents: data/docs.jsonl}
teacher:
  lessons: [demo:films, data/lessons.jsonl]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(write(folder, text), list(overrides))
    return str(caught.value)


def test_paths_lie_beside_the_recipe_and_demo_names_stay(tmp_path):
    recipe = load(write(tmp_path, GOOD))
    assert recipe.task.collections["shop"].mapping == tmp_path / "data" / "mapping.json"
    assert recipe.task.collections["shop"].documents == tmp_path / "data" / "docs.jsonl"
    assert recipe.teacher.lessons == ["demo:films", str(tmp_path / "data" / "lessons.jsonl")]


def test_overrides_reach_any_key_also_of_a_section_that_is_absent_or_empty(tmp_path):
    path = write(tmp_path, GOOD + "evaluate:\n")
    recipe = load(path, ["train.rank=32", "train.modality=lora", "evaluate.limit=5", "name=other"])
    assert (recipe.train.rank, recipe.train.modality, recipe.evaluate.limit, recipe.name) == (32, "lora", 5, "other")


def test_alpha_is_four_times_the_rank_unless_set():
    assert Train(rank=8).lora_alpha == 32
    assert Train(rank=8, alpha=5).lora_alpha == 5


def test_label_only_weighs_the_label_alone():
    assert Train(objective="label_only", label_weight=0.3).weight == 1.0
    assert Train(label_weight=0.3).weight == 0.3


def test_all_faults_come_at_once(tmp_path):
    text = problems(
        tmp_path,
        """
name: Shop with spaces
task:
  collections:
    films: {demoo: films}
    books: {documents: b.jsonl}
    both: {demo: films, mapping: m.json, documents: d.jsonl}
    other: {demo: books}
teacher:
train: {label_weight: 2, modality: dora, ranks: 3, rank: eight, targets: 3, learning_rate: .nan}
dataset: {test: 0.7, valid: 0.5}
nonsense: 1
""",
    )
    lines = text.splitlines()
    assert lines[0] == "recipe.yaml has 14 problems:" and len(lines) == 15
    for key, sentence in [
        ("name", "should match pattern"),
        ("task.collections.films.demoo", "is not a key; did you mean task.collections.films.demo?"),
        ("task.collections.books", "documents need a mapping"),
        ("task.collections.both", "give either demo, or mapping and documents"),
        ("task.collections.other.demo", "must be 'films' or 'flights', got 'books'"),
        ("teacher", "is empty; give it keys or leave it out"),
        ("train.label_weight", "must be less than or equal to 1, got 2"),
        ("train.modality", "must be 'full', 'lora' or 'qlora', got 'dora'"),
        ("train.ranks", "is not a key; did you mean train.rank?"),
        ("train.rank", "must be a valid integer"),
        ("train.targets", "must be all-linear or a list of module names, got 3"),
        ("train.learning_rate", "finite number, got nan"),
        ("dataset", "their sum must be below 1"),
        ("nonsense", "is not a key"),
    ]:
        assert any(line.split()[0] == key and sentence in line for line in lines[1:]), (key, text)


def test_one_fault_is_one_problem(tmp_path):
    text = problems(tmp_path, GOOD + "trian: {}\n")
    assert text.splitlines() == ["recipe.yaml has 1 problem:", "  trian  is not a key; did you mean train?"]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("train: 3", "train"),
        ("train: [1]", "train"),
        ("train: {rank: 0}", "train.rank"),
        ("train: {rank: 1.5}", "train.rank"),
        ("train: {targets: []}", "train.targets"),
        ("train: {targets: [3]}", "train.targets"),
        ("dataset: {test: 0}", "dataset.test"),
        ("dataset: {seed: x}", "dataset.seed"),
        ("student: {kind: rnn}", "student.kind"),
        ("evaluate: {base: maybe}", "evaluate.base"),
        ("1: 2", "1"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(tmp_path, section, key):
    lines = problems(tmp_path, GOOD + section + "\n").splitlines()
    assert lines[0] == "recipe.yaml has 1 problem:"
    assert lines[1].split()[0] == key


def test_credentials_in_the_url_are_refused_and_not_repeated(tmp_path):
    said = problems(tmp_path, GOOD, "task.engine={url: 'https://reader:s3cret@search.example:9200'}")
    assert "url must not hold a user; set THRIFTUNE_ENGINE_USER and THRIFTUNE_ENGINE_PASSWORD instead" in said
    assert "s3cret" not in said


def test_missing_sections_are_named(tmp_path):
    text = problems(tmp_path, "name: x\n")
    assert "task     is missing" in text and "teacher  is missing" in text


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just words\n", "7\n"])
def test_what_is_no_mapping_of_keys_is_told_so(tmp_path, text):
    assert "empty or not a mapping of keys" in problems(tmp_path, text)


@pytest.mark.parametrize("text", ["a: [b", "a: b: c", "\tname: x", "name: !!python/object:os.system x", "a: \x00"])
def test_what_is_no_yaml_is_told_with_the_file(tmp_path, text):
    assert "recipe.yaml is not YAML: " in problems(tmp_path, text)


def test_a_recipe_that_cannot_be_read_is_told_with_the_file(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*absent\.yaml: No such file"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(RecipeError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(RecipeError, match=r"latin\.yaml is not YAML"):
        load(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.rank", "not of the form section.key=value"),
        ("train.rank=[", "the value is not YAML"),
        ("name.rank=3", "name is not a section"),
        ("train.ranks=3", "did you mean train.rank?"),
        ("train.rank=many", "train.rank  must be a valid integer"),
        ("trainrank=3", "trainrank  is not a key"),
    ],
)
def test_a_wrong_override_is_named(tmp_path, override, message):
    assert message in problems(tmp_path, GOOD, override)


def test_a_recipe_survives_its_own_dump(tmp_path):
    recipe = load(write(tmp_path, GOOD))
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("task", "key", "sentence"),
    [
        ("{kind: sql}", "task", "kind sql needs databases with at least one name"),
        ("{kind: sql, collections: {a: {demo: films}}}", "task", "kind sql needs databases"),
        (
            "{kind: sql, databases: {a: {demo: nycflights}}, collections: {b: {demo: films}}}",
            "task",
            "has no collections",
        ),
        ("{databases: {a: {file: a.db}}}", "task", "kind query_dsl needs collections"),
        (
            "{kind: sqlite, databases: {a: {file: a.db}}}",
            "task.kind",
            "must be 'query_dsl', 'sql', 'json_schema' or 'python', got 'sqlite'",
        ),
        ("{kind: sql, databases: {a: {}}}", "task.databases.a", "give either demo or file"),
        ("{kind: sql, databases: {a: {demo: nycflights, file: a.db}}}", "task.databases.a", "give either demo or file"),
        ("{kind: sql, databases: {a: {demo: films}}}", "task.databases.a.demo", "must be 'nycflights', got 'films'"),
        ("{kind: sql, databases: {a: {flie: a.db}}}", "task.databases.a.flie", "did you mean task.databases.a.file?"),
        ("{kind: sql, databases: {a: {file: a.db, notes: {b.c: 3}}}}", "task.databases.a.notes.b.c", "valid string"),
        ("{kind: sql, databases: {a: {file: a.db}}, engine: {timeout_seconds: 0}}", "task.engine", "greater than 0"),
    ],
)
def test_faults_of_the_task_sql(tmp_path, task, key, sentence):
    text = problems(tmp_path, f"name: x\ntask: {task}\nteacher: {{lessons: [demo:sql]}}\n")
    line = next(line for line in text.splitlines()[1:] if sentence in line)
    assert line.split()[0].startswith(key)
