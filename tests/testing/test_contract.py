"""The contract of a task holds for every kind of task there is, and it fails for tasks that break a promise."""

import sqlite3
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from thriftune import recipe
from thriftune.demo import films, support
from thriftune.errors import InputError
from thriftune.records import Question, Verdict
from thriftune.tasks.base import Grammar
from thriftune.tasks.build import build
from thriftune.tasks.json_schema.schemas import Source
from thriftune.tasks.json_schema.task import JsonSchema
from thriftune.tasks.own import make as own
from thriftune.testing import contract
from thriftune.testing.contract import TaskContract

ROOT = Path(__file__).parents[2]
FORMULA = ROOT / "examples" / "formula"


def example(name):
    """Return a module of the example as its own test file is."""
    spec = spec_from_file_location(f"example_{name}", FORMULA / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(collection: str, text: str) -> Question:
    return Question(id="q", collection=collection, text=text, meaning="q")


class TestQueryDsl(TaskContract):
    question = asked("films", "horror films since 2000")
    gold = '{"query":{"bool":{"filter":[{"term":{"genres":"Horror"}},{"range":{"year":{"gte":2000}}}]}}}'
    equivalent = '{"query":{"bool":{"must":[{"range":{"year":{"gt":1999}}},{"match":{"genres":"Horror"}}]}}}'
    wrong = gold.replace("gte", "gt")
    broken = gold.replace("range", "rage")
    examples = 30

    def make(self):
        return self.built(films.NOTES)

    def make_other(self):
        return self.built({"year": "of the first showing"})

    def built(self, notes):
        task = {"collections": {"films": {"demo": "films", "notes": notes}}}
        whole = {"name": "x", "task": task, "teacher": {"lessons": ["demo:films"]}}
        return build(recipe.Recipe.model_validate(whole))


class TestSql(TaskContract):
    question = asked("shop", "which orders are above ten?")
    gold = "SELECT id FROM orders WHERE amount > 10"
    equivalent = "select o.id from orders as o where not o.amount <= 10"
    wrong = "SELECT id FROM orders WHERE amount > 20"
    broken = "SELECT id FROM order WHERE amount > 10"

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def files(cls, tmp_path_factory):
        cls.folder = tmp_path_factory.mktemp("sql")
        for name, amounts in (("one", [5, 10, 15, 30]), ("two", [5, 10, 15])):
            connection = sqlite3.connect(cls.folder / f"{name}.sqlite")
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER, state TEXT)")
            connection.executemany("INSERT INTO orders (amount, state) VALUES (?, 'paid')", [(a,) for a in amounts])
            connection.commit()
            connection.close()

    def make(self):
        return self.built("one")

    def make_other(self):
        return self.built("two")

    def built(self, name):
        task = {"kind": "sql", "databases": {"shop": {"file": self.folder / f"{name}.sqlite"}}}
        whole = {"name": "x", "task": task, "teacher": {"lessons": ["demo:films"]}}
        return build(recipe.Recipe.model_validate(whole))


class TestJsonSchema(TaskContract):
    question = asked("support", "Please put us at the window with a vegan meal, it is urgent. Booking K3LM9P.")
    gold = '{"intent":"seat","booking":"K3LM9P","wants":["window","vegan"],"urgent":true}'
    equivalent = '{ "urgent": true, "wants": ["vegan", "window"], "intent": "seat", "booking": "K3LM9P" }'
    wrong = gold.replace("vegan", "halal")
    broken = gold.replace("true", '"yes"')

    def make(self):
        return JsonSchema({"support": Source(support.SCHEMA, support.NOTES)})

    def make_other(self):
        return JsonSchema({"support": Source({**support.SCHEMA, "required": []}, support.NOTES)})


TestFormula = example("test_formula").TestFormula


class Careless(TestFormula):
    """A task whose every promise can be broken by name."""

    __test__ = False

    def __init__(self, **broken):
        self.broken_methods = broken

    def make(self):
        return self.broken_as_said(super().make())

    def make_other(self):
        return self.broken_as_said(super().make_other())

    def broken_as_said(self, task):
        for name, method in self.broken_methods.items():
            setattr(task, name, method)
        return task


def raising(*_):
    raise ValueError("boom")


def verdict(**fields):
    return lambda *_: Verdict(question_id="q", **fields)


RIGHT = {"valid": True, "execution_match": True, "exact": True, "canonical": True, "result_f1": 1.0}
COUNTED = iter(range(10**6))

# the test that fails: how the task is broken
BREAKS = {
    "test_a_gold_answer_is_valid_and_finds_something": {"check": verdict(valid=True, gold_empty=True)},
    "test_an_answer_equals_itself": {"judge": verdict(**{**RIGHT, "exact": False})},
    "test_an_equivalent_answer_matches": {"judge": verdict(valid=True, fault="wrong_result", detail="all")},
    "test_a_wrong_answer_is_valid_and_does_not_match": {"judge": verdict(**RIGHT)},
    "test_a_broken_answer_is_a_verdict": {"judge": verdict(**RIGHT)},
    "test_a_broken_gold_answer_makes_no_match": {"judge": verdict(**RIGHT)},
    "test_no_answer_raises_and_every_verdict_is_consistent": {"check": raising},
    "test_a_verdict_is_the_same_each_time": {
        "judge": lambda *_: Verdict(question_id="q", valid=True, result_f1=1 / (next(COUNTED) + 2))
    },
    "test_tidy_keeps_the_meaning_and_is_done_once": {"tidy": lambda text: text + " "},
    "test_families_are_names": {"families": lambda text: text.split(",")},
    "test_a_prompt_depends_on_the_question_alone": {"prompt": lambda question: (question.id, question.text)},
    "test_a_question_about_nothing_known_is_told_so": {"prompt": raising},
    "test_the_identity_tells_tasks_apart": {"identity": lambda: "formula"},
    "test_variants_end_and_depend_on_the_seed": {"variants": lambda *_: iter(lambda: ("a", "b"), None)},
    "test_texts_are_texts": {"texts": lambda: iter(["\ud800"])},
    "test_a_grammar_lets_right_answers_be_written": {"grammar": lambda question: Grammar("lark", 'start: "x"')},
    "test_closing_twice_is_closing_once": {"close": lambda task=[]: task.remove(None)},
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_promise_is_found(name):
    careless = Careless(**BREAKS[name])
    promise = getattr(careless, name)
    with pytest.raises((AssertionError, AttributeError, ValueError, pytest.fail.Exception)):
        promise() if "closing" in name else promise(careless.make())


def test_every_promise_has_a_breach():
    assert set(BREAKS) == {name for name in dir(TaskContract) if name.startswith("test_")}


@pytest.mark.parametrize(
    "fields",
    [
        {"valid": False},
        {"valid": False, "fault": "wrong_result"},
        {"valid": False, "fault": "invalid", "execution_match": True},
        {"valid": False, "fault": "invalid", "result_f1": 0.5},
        {"valid": False, "fault": "invalid", "execution_match": None},
        {"valid": True, "result_f1": 1.5},
        {"valid": True, "execution_match": False, "exact": True},
        {"valid": True, "execution_match": False, "robust_match": True},
        {"valid": True, "execution_match": True, "fault": "wrong_result"},
    ],
)
def test_a_verdict_whose_fields_disagree_is_found(fields):
    with pytest.raises(AssertionError):
        contract.consistent(Verdict(question_id="q", **fields), asked("c", "t"))


def test_a_method_that_is_missing_is_told_by_name(tmp_path):
    (tmp_path / "mine.py").write_text("def make():\n    return object()\nnumber = 3\n")
    with pytest.raises(InputError, match=r"returned a object without identity, prompt, check, judge"):
        own(f"{tmp_path / 'mine.py'}:make", {})
    with pytest.raises(InputError, match=r"task\.options do not fit .*mine\.py:make: got an unexpected .* 'row'"):
        own(f"{tmp_path / 'mine.py'}:make", {"row": 1})
    with pytest.raises(InputError, match="has no function number"):
        own(f"{tmp_path / 'mine.py'}:number", {})
    with pytest.raises(InputError, match="there is no file"):
        own(f"{tmp_path / 'other.py'}:make", {})


def test_the_page_shows_the_file():
    page = (ROOT / "docs" / "your-own-task.md").read_text(encoding="utf-8")
    for name in ("formula.py", "recipe.yaml", "test_formula.py"):
        assert (FORMULA / name).read_text(encoding="utf-8").strip() in page, (
            f"docs/your-own-task.md differs from {name}"
        )
    assert (FORMULA / "lessons.jsonl").read_text(encoding="utf-8").splitlines()[0] in page
