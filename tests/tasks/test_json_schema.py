"""JSON by schema: what is valid, what is the same data, what is told in words, and what cannot hang or crash it."""

import json
import os
import signal
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune import recipe
from thriftune.demo import support
from thriftune.errors import InputError, RecipeError
from thriftune.records import Question
from thriftune.tasks.json_schema import compare
from thriftune.tasks.json_schema.document import Fault, parse
from thriftune.tasks.json_schema.prompt import fields_of, lines_of, render, words_of
from thriftune.tasks.json_schema.schemas import Source, read
from thriftune.tasks.json_schema.task import JsonSchema
from thriftune.tasks.json_schema.validate import Validator

TREE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "size": {"type": "number"},
        "tags": {"type": "array", "uniqueItems": True},
        "steps": {"type": "array"},
        "inner": {"$ref": "#"},
    },
}
SCHEMAS = {
    "tree": TREE,
    "support": support.SCHEMA,
    "evil": {"properties": {"a": {"pattern": "^(a+)+$"}}},
    "branching": {"$defs": {"n": {"anyOf": [{"items": {"$ref": "#/$defs/n"}}] * 40}}, "$ref": "#/$defs/n"},
    "old": {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True},
    "any": True,
    "odd": {"properties": {"n": {"multipleOf": 0.1}, "r": {"format": "regex"}}},
}


@pytest.fixture(scope="module")
def task():
    made = JsonSchema({name: Source(schema, {}) for name, schema in SCHEMAS.items()}, timeout_seconds=0.5)
    yield made
    made.close()


def about(schema):
    return Question(id="q", collection=schema, text="which?", meaning="q")


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def judged(task, gold, other, schema="tree"):
    return task.judge(about(schema), text(gold), text(other))


EQUAL = {
    "order of keys": ({"name": "a", "size": 1}, {"size": 1, "name": "a"}),
    "whitespace": ('{"size":1}', ' {\n "size" : 1 }\n'),
    "one and 1.0": ({"size": 1}, '{"size": 1.0}'),
    "exponents": ({"size": 1500}, '{"size": 1.5e3}'),
    "minus zero": ({"size": 0}, '{"size": -0.0}'),
    "escapes": ({"name": "é"}, '{"name": "\\u00e9"}'),
    "a set in another order": ({"tags": ["x", "y"]}, {"tags": ["y", "x"]}),
    "a set of objects": ({"tags": [{"a": 1, "b": 2}, 3]}, {"tags": [3, {"b": 2, "a": 1}]}),
    "a set below a reference": ({"inner": {"inner": {"tags": [1, 2]}}}, {"inner": {"inner": {"tags": [2, 1]}}}),
}
UNEQUAL = {
    "true is not 1": ({"steps": [True]}, {"steps": [1]}),
    "a number is not a text": ({"steps": [1]}, {"steps": ["1"]}),
    "null is not missing": ({"name": "a", "extra": None}, {"name": "a"}),
    "an empty array is not missing": ({"name": "a", "steps": []}, {"name": "a"}),
    "an empty array is not an empty object": ({"extra": []}, {"extra": {}}),
    "an array has an order": ({"steps": ["x", "y"]}, {"steps": ["y", "x"]}),
    "a set in an array has its place": ({"steps": [1, [2]]}, {"steps": [[2], 1]}),
    "capitals": ({"name": "A"}, {"name": "a"}),
    "large numbers": ({"size": 2**53}, {"size": 2**53 + 1}),
    "a nearly equal number": ({"size": 0.1}, {"size": 0.1000001}),
    "a key that looks like a place": ({"extra": ["a"]}, {"extra": {"0": "a"}}),
}


@pytest.mark.parametrize("name", EQUAL)
def test_the_same_data_in_another_form_matches(task, name):
    for gold, other in (EQUAL[name], EQUAL[name][::-1]):
        verdict = judged(task, gold, other)
        assert verdict.valid and verdict.execution_match and verdict.canonical and verdict.result_f1 == 1, verdict
        assert verdict.robust_match is None


@pytest.mark.parametrize("name", UNEQUAL)
def test_other_data_does_not_match(task, name):
    for gold, other in (UNEQUAL[name], UNEQUAL[name][::-1]):
        verdict = judged(task, gold, other)
        assert verdict.valid and verdict.execution_match is False and not verdict.canonical, verdict
        assert verdict.fault == "wrong_result" and "$" in verdict.detail and verdict.result_f1 < 1


def test_f1_counts_leaves(task):
    gold = {"name": "a", "size": 1, "tags": ["x", "y"], "inner": {"name": "b"}}
    verdict = judged(task, gold, {**gold, "size": 2, "inner": {}, "tags": ["y"]})
    assert verdict.result_f1 == pytest.approx(2 * 2 / (5 + 4))  # name and y of five and of four
    assert (
        verdict.detail == 'missing: $.size = 1, $.tags[] = "x", $.inner.name = "b"; too much: $.size = 2, $.inner = {}'
    )


def test_exact_is_the_same_text_but_for_whitespace(task):
    assert judged(task, '{"name":"a","size":1}', '{ "name": "a", "size": 1 }').exact
    assert not judged(task, '{"name":"a","size":1}', '{"size":1,"name":"a"}').exact


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON, JSON)
def test_an_f1_of_1_is_equality(left, right):
    ours, theirs = compare.leaves(left, ()), compare.leaves(right, ())
    assert (compare.f1(ours, theirs) == 1) == (ours == theirs) == (compare.form(left, ()) == compare.form(right, ()))
    assert compare.f1(ours, ours) == 1 and compare.leaves(json.loads(compare.form(left, ())), ()) == ours


INVALID = {
    '{"intent":"cancle"}': '$.intent: must be one of "cancel", "rebook", "refund", "baggage", "seat", "assistance", '
    '"information", "complaint", got "cancle"; did you mean "cancel"?',
    '{"booking":"K3LM9P"}': "$: lacks the required field intent",
    '{"intent":"seat","bokking":"K3LM9P"}': "$: has the unknown field bokking; did you mean booking?",
    '{"intent":"seat","booking":"k3"}': '$.booking: must match the pattern "^[A-Z0-9]{6}$", got "k3"',
    '{"intent":"seat","date":"2026-02-30"}': '$.date: must be of the format date, got "2026-02-30"',
    '{"intent":"seat","passengers":[{"name":"Al"},{"name":"Bo","age":"7"}]}': "$.passengers[1].age: must be of type "
    'integer, got "7"',
    '{"intent":"seat","bags":[{"kind":"skis","count":0}]}': "$.bags[0].count: 0 is less than the minimum of 1",
    '{"intent":"seat","wants":["aisle","aisle"]}': "$.wants: ['aisle', 'aisle'] has non-unique elements",
    "[]": "$: must be of type object, got []",
    "null": "$: must be of type object, got null",
}


@pytest.mark.parametrize("answer", INVALID)
def test_what_is_invalid_is_told_with_its_place(task, answer):
    verdict = task.check(about("support"), answer)
    assert (verdict.valid, verdict.fault, verdict.detail) == (False, "invalid", INVALID[answer])


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("", "not_json"),
        ("{} {}", "not_json"),
        ('Sure! {"name": "a"}', "not_json"),
        ('{"name":"a","name":"b"}', "not_json"),
        ('{"inner":{"name":"a","name":"a"}}', "not_json"),
        ('{"size":NaN}', "not_json"),
        ('{"size":1e999}', "not_json"),
        ('{"name":"\\ud800"}', "not_json"),
        ("9" * 5000, "not_json"),
        ("[" * 10_000 + "]" * 10_000, "limit:depth"),
        ("[" * 9_000, "limit:depth"),
        ("[" * 41 + "]" * 41, "limit:depth"),
        ('"' + "a" * 20_000 + '"', "limit:size"),
    ],
)
def test_what_is_no_document_is_a_verdict(task, answer, fault):
    for schema in ("any", "tree"):
        assert task.check(about(schema), answer).fault == fault


def test_draft_4_is_draft_4_when_the_schema_says_so(task):
    assert not task.check(about("old"), "3").valid
    assert task.check(about("old"), "3.5").valid


def test_only_an_answer_that_says_nothing_is_empty(task):
    assert all(task.check(about("any"), answer).gold_empty for answer in ("{}", "[]", "null", '""'))
    assert not any(task.check(about("any"), answer).gold_empty for answer in ("0", "false", '{"a":null}', "[[]]"))


@pytest.mark.parametrize(
    ("schema", "answer"), [("evil", '{"a":"' + "a" * 60 + '!"}'), ("branching", "[" * 30 + "1" + "]" * 30)]
)
def test_a_validation_without_end_is_ended_and_the_next_one_is_judged(task, schema, answer):
    started = time.monotonic()
    verdict = task.check(about(schema), answer)
    took = time.monotonic() - started
    if schema == "evil":
        assert (verdict.valid, verdict.fault) == (False, "limit:time") and took < 20, verdict
    assert verdict.fault in ("", "limit:time", "limit:depth") and task.check(about(schema), "{}").valid
    assert task.check(about("support"), '{"intent":"seat"}').valid


@pytest.mark.parametrize("answer", ['{"n":1' + "0" * 400 + "}", '{"r":"a{99999999999999999999}"}'])
def test_what_the_library_fails_on_is_not_judged(task, answer):
    verdict = judged(task, '{"n":1}', answer, "odd")
    assert (verdict.valid, verdict.fault, verdict.execution_match) == (False, "unsupported", None), verdict


def test_a_worker_that_dies_is_started_again(task):
    os.kill(task._validator._process.pid, signal.SIGKILL)
    task._validator._process.wait()
    assert task.check(about("tree"), '{"name":"a"}').valid


def test_a_worker_that_dies_while_it_works_is_a_verdict():
    validator = Validator({"evil": json.dumps(SCHEMAS["evil"])}, seconds=30)
    validator.start()
    process = validator._process
    threading.Timer(0.3, process.kill).start()
    assert validator.sets("evil", '{"a":"' + "a" * 60 + '!"}').kind == "limit:memory"
    assert validator.sets("evil", '{"a":"aa"}') == frozenset()
    validator.close()


def test_the_worker_ends_with_the_task():
    validator = Validator({"any": "true"})
    validator.start()
    process = validator._process
    validator.close()
    validator.close()
    assert process.returncode is not None


SCHEMA_FAULTS = {
    "is not a JSON Schema: it is neither": 3,
    "is not a JSON Schema: $.properties.a.type:": {"properties": {"a": {"type": "strin"}}},
    '$.pattern: must be of the format regex, got "("': {"pattern": "("},
    "refers to 'https://example.com/s', which is not in it. Nothing is fetched": {"$ref": "https://example.com/s"},
    "refers to '#/$defs/b'": {"properties": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}}, "$defs": {}},
    "refers to itself without end": {"$ref": "#"},
    "names the dialect 'https://example.com/d'": {"$schema": "https://example.com/d"},
    "names the dialect 7": {"$schema": 7},
}


@pytest.mark.parametrize("sentence", SCHEMA_FAULTS)
def test_a_schema_that_cannot_be_used_is_the_user_s_fault(sentence):
    with pytest.raises(InputError, match=r"^task\.schemas\.mine: the schema ") as caught:
        JsonSchema({"good": Source({}, {}), "mine": Source(SCHEMA_FAULTS[sentence], {})})
    assert sentence in str(caught.value)


def test_a_reference_within_the_schema_is_followed_by_id_and_anchor():
    schema = {
        "$id": "https://example.com/root",
        "properties": {"a": {"$ref": "word"}, "b": {"$ref": "#n"}},
        "$defs": {"w": {"$id": "word", "type": "string"}, "n": {"$anchor": "n", "type": "number"}},
    }
    task = JsonSchema({"x": Source(schema, {})})
    assert task.check(about("x"), '{"a":"a","b":1}').valid and not task.check(about("x"), '{"a":1}').valid
    assert not task.check(about("x"), '{"b":"1"}').valid
    task.close()


def test_a_gold_answer_that_is_invalid_is_told(task):
    with pytest.raises(InputError, match="gold answer of q is not valid"):
        task.judge(about("tree"), "[]", "{}")


def test_an_unknown_schema_is_told(task):
    with pytest.raises(InputError, match=r"asks schema 'other'; task\.schemas has: tree, support"):
        task.check(about("other"), "{}")


def test_the_prompt_has_a_line_for_every_field():
    lines = lines_of(support.SCHEMA, support.NOTES)
    assert lines["intent"].startswith("intent* cancel | rebook | refund")
    assert lines["from"] == "from string like ^[A-Z]{3}$: IATA code: JFK, LHR, CDG"
    assert lines["passengers[].name"] == "passengers[].name* string at most 60 characters"
    assert lines["passengers[].age"] == "passengers[].age integer >= 0 <= 120: years"
    assert lines["wants"] == "wants array in any order at least 1 items"


def test_the_prompt_merges_branches_describes_and_cuts_recursion():
    schema = {
        "allOf": [{"$ref": "#/$defs/base"}],
        "anyOf": [{"properties": {"b": {"const": 3}}}, {"properties": {"c": {"type": ["string", "null"]}}}],
        "$defs": {"base": {"properties": {"a": {"description": "the  first\nof all", "$ref": "#"}}, "required": ["a"]}},
    }
    lines = lines_of(schema, {"c": "a note"})
    assert lines["a"] == "a*: the first of all" and lines["b"] == "b 3" and lines["c"] == "c string or null: a note"
    assert "a.a" in lines and len(lines) < 100


def test_a_schema_over_the_budget_keeps_what_is_required_and_asked():
    fields = {f"field{number}": {"type": "string", "description": "some words about it"} for number in range(200)}
    schema = {"properties": {**fields, "shippedAt": {"format": "date"}, "id": {"type": "integer"}}, "required": ["id"]}
    text = render("x", lines_of(schema, {}), "when was it shipped?", 100)
    assert "id* integer" in text and "shippedAt" in text and len(text) <= 350


def test_words_are_names_and_values():
    found = set(words_of(support.SCHEMA))
    assert {"passengers", "age", "too_heavy", "gluten_free", "EUR"} <= found


@pytest.mark.parametrize("schema", [True, {}, {"properties": 3}, {"items": [{"properties": {"a": True}}]}])
def test_a_schema_without_fields_has_a_prompt(schema):
    assert render("x", lines_of(schema, {}), "?", 100) and list(fields_of(schema)) is not None


def test_families_and_tidy(task):
    answer = '{ "b": [1, "x"], "a": null }'
    assert task.families(answer) == ("b", "a", "(array)", "(null)", "(number)", "(string)")
    assert task.tidy(answer) == '{"b":[1,"x"],"a":null}' and task.tidy("{") == "{" and task.families("{") == ()


def test_a_schema_is_read_from_its_file(tmp_path):
    path = tmp_path / "schema.json"
    for content, fault in [("{", "is not JSON"), ("[" * 100_000, "nested too deeply"), ("\xff", "is not JSON")]:
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(InputError, match=fault):
            read("mine", recipe.Schema(file=path))
    path.write_text('{"type": "object"}')
    assert read("mine", recipe.Schema(file=path, notes={"a": "b"})) == Source({"type": "object"}, {"a": "b"})
    with pytest.raises(InputError, match=r"task\.schemas\.mine\.file: there is no file"):
        read("mine", recipe.Schema(file=tmp_path / "other.json"))


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("{kind: json_schema}", "kind json_schema needs schemas with at least one name"),
        ("{kind: json_schema, schemas: {a: {}}}", "give either demo or file"),
        ("{kind: json_schema, schemas: {a: {demo: support}}, databases: {b: {file: x}}}", "has no databases"),
        ("{kind: json_schema, schemas: {a: {demo: support, note: {}}}}", "did you mean task.schemas.a.notes?"),
        ("{kind: python}", "kind python needs factory with FILE.py:FUNCTION"),
        ("{kind: python, factory: mine.py}", "should match pattern"),
        ("{kind: sql, databases: {a: {file: b}}, options: {a: 1}}", "kind sql has no options"),
    ],
)
def test_a_recipe_s_faults_are_named(tmp_path, task, problem):
    (tmp_path / "r.yaml").write_text(f"name: x\ntask: {task}\nteacher: {{lessons: [demo:support]}}\n")
    with pytest.raises(RecipeError) as caught:
        recipe.load(tmp_path / "r.yaml")
    assert problem in str(caught.value)


def test_a_document_is_parsed_as_it_stands():
    assert parse('{"a":[1,2.5,null,true]}') == {"a": [1, 2.5, None, True]}
    assert parse(" 3 ") == 3 and isinstance(parse("{"), Fault)
