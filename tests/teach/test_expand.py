"""Questions from nothing: balanced, unlike one another, the same plan every time, also after a kill."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import combinations

import pytest

from thriftune.errors import InputError, TeacherError
from thriftune.files import read_records
from thriftune.recipe import Recipe, Teacher
from thriftune.records import Question
from thriftune.similarity import shingles
from thriftune.tasks.base import Outline, outlines_of
from thriftune.tasks.build import build
from thriftune.tasks.query_dsl import bodies, outline
from thriftune.tasks.sql import words
from thriftune.teach.build import make
from thriftune.teach.coverage import ROUND, Asking
from thriftune.teach.expand import Expansion
from thriftune.teach.teachers import OVER_BUDGET, Unanswered
from thriftune.testing.teacher import MisbehavingTeacher, listed

from .test_command import killed_often, landed, shop, thriftune
from .test_stage import Finds

OUTLINES = {
    name: Outline(f"{name} fields", {"filter": "It filters.", "count": "It counts."}, ("doc 1", "doc 2", "doc 3"))
    for name in ("films", "flights")
}
OWN = [Question(id="q.0", collection="films", text="mine and only mine is this", meaning="q")]


def expansion(folder, count=24, outlines=OUTLINES, **keys) -> Expansion:
    expand = {"count": count, "each": 4} | keys
    settings = Teacher.model_validate({"kind": "openai", "model": "m", "expand": expand})
    return Expansion(settings, outlines, OWN, folder / "asked.jsonl")


class Writer:
    """Answers requests for questions; remembers them."""

    def __init__(self, write=listed) -> None:
        self.requests: list[str] = []
        self.sizes: list[int] = []
        self._write = write

    def __call__(self, requests):
        self.sizes.append(len(requests))
        self.requests += [request["messages"][-1]["content"] for request in requests]
        return [self._write(request["messages"][-1]["content"]) for request in requests]


def fresh(count: int = 4):
    """Write questions that are all different."""
    numbers = iter(range(10_000))
    return lambda wanted: "\n".join(f"{n} is asked number {n}" for n in (next(numbers) for _ in range(count)))


def test_as_many_as_wanted_and_balanced_over_the_families(tmp_path):
    asked = expansion(tmp_path, count=30)
    found = asked.questions(Writer(fresh()))
    families = asked.figures()["families"]
    assert len(found) == 30 and len(families) == 4 and max(families.values()) - min(families.values()) <= 4
    assert len({question.id for question in found}) == 30


def test_a_family_that_yields_less_is_asked_for_more_often_and_one_that_yields_nothing_is_left(tmp_path):
    write = fresh()

    def writer(wanted: str) -> str:
        return "" if "It counts." in wanted else write(wanted)

    asked = expansion(tmp_path, count=24)
    found = asked.questions(Writer(writer))
    fruitless = Counter((line.collection, line.family) for line in read_records(tmp_path / "asked.jsonl", Asking))
    assert len(found) == 24 and set(asked.figures()["faults"]) == {"empty"}
    for name in ("films", "flights"):  # a round that was planned already is still asked
        assert 3 <= fruitless[name, "count"] < 3 + ROUND


def test_what_is_too_like_another_or_the_users_own_is_dropped_and_counted(tmp_path):
    text = "\n".join(
        [OWN[0].text, "which of the films are really long", "which of the films are really long ones", "a"]
    )
    outlines = {"films": OUTLINES["films"]}
    asked = expansion(tmp_path, count=4, outlines=outlines)
    found = asked.questions(Writer(lambda wanted: text))
    assert [question.text for question in found] == ["which of the films are really long"]
    dropped = asked.figures()["dropped"]
    assert dropped["near_duplicate"] >= 5 and dropped["too_short"] >= 2


def test_no_two_questions_of_a_collection_are_near(tmp_path):
    found = expansion(tmp_path, count=40).questions(Writer())
    assert len(found) == 40
    for one, two in combinations(found, 2):
        if one.collection == two.collection:
            a, b = shingles(one.text), shingles(two.text)
            assert len(a & b) / len(a | b) < 0.7


def test_the_plan_follows_from_the_seed_alone(tmp_path):
    plans = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        writer = Writer()
        expansion(tmp_path / name, seed=seed).questions(writer)
        plans.append(writer.requests)
    assert plans[0] == plans[1] != plans[2]


def test_a_stop_anywhere_goes_on_with_the_same_plan(tmp_path):
    whole = Writer()
    expected = expansion(tmp_path).questions(whole)
    lines = (tmp_path / "asked.jsonl").read_text().splitlines(keepends=True)
    for kept in range(len(lines)):
        (tmp_path / "asked.jsonl").write_text("".join(lines[:kept]) + lines[kept][:20])
        after = Writer()
        assert expansion(tmp_path).questions(after) == expected
        assert after.requests == whole.requests[kept:]


def test_a_budget_that_ends_is_one_message_and_nothing_is_recorded_of_it(tmp_path):
    over = Unanswered(OVER_BUDGET, "")
    with pytest.raises(TeacherError, match=r"the budget ended after 4 of 24 new questions"):
        write = fresh()
        expansion(tmp_path).questions(lambda requests: [write(""), *[over] * (len(requests) - 1)])
    assert len(read_records(tmp_path / "asked.jsonl", Asking)) == 1


def test_a_teacher_that_fails_always_ends_within_the_requests_that_were_billed(tmp_path):
    asked, writer = expansion(tmp_path, count=80), Writer(lambda wanted: Unanswered("teacher_error", "HTTP 500"))
    assert asked.questions(writer) == [] and len(writer.requests) <= asked.most_requests
    assert asked.figures()["faults"] == {"teacher_error": len(writer.requests)} and max(writer.sizes) == ROUND


def test_a_teacher_that_writes_one_at_a_time_gets_all_the_requests_that_were_billed(tmp_path):
    asked, writer = expansion(tmp_path, count=16), Writer(fresh(count=1))
    found = asked.questions(writer)
    assert len(found) == len(writer.requests) == asked.most_requests == 12


def test_the_users_ids_are_not_taken(tmp_path):
    first = expansion(tmp_path, count=1).questions(Writer(fresh()))[0]
    own = [first.model_copy(update={"text": "something else entirely"})]
    settings = Teacher.model_validate({"kind": "openai", "model": "m", "expand": {"count": 1}})
    second = Expansion(settings, OUTLINES, own, tmp_path / "other.jsonl").questions(Writer(fresh()))[0]
    assert second.id != first.id and second.meaning != first.meaning


def test_a_task_without_outlines_is_told_to_bring_questions(tmp_path):
    local = {"kind": "openai", "model": "m", "base_url": "http://localhost:1", "expand": {"count": 3}}
    with pytest.raises(InputError, match=r"teacher\.expand: .* give teacher\.questions"):
        make(Teacher.model_validate(local), Finds(), tmp_path)


def test_the_families_asked_for_are_those_that_labels_are_told_by():
    mapping = {
        "properties": {
            "name": {"type": "keyword"}, "text": {"type": "text"}, "price": {"type": "integer"},
            "day": {"type": "date"},
            "place": {"type": "geo_point"}, "inner": {"type": "nested", "properties": {"n": {"type": "keyword"}}},
        }
    }  # fmt: skip
    every = [
        '{"query":{"match":{"text":"a"}}}', '{"query":{"prefix":{"name":"a"}}}', '{"query":{"exists":{"field":"a"}}}',
        '{"query":{"bool":{"must_not":[{"range":{"day":{"gt":"now-1d"}}}],"should":[]}},"sort":["price"],"size":3}',
        '{"query":{"nested":{"path":"inner","query":{"geo_distance":{}}}},"from":10,"_source":["name"]}',
        '{"size":0}', '{"size":0,"aggs":{"a":{"terms":{"field":"name"},"aggs":{"b":{"avg":{"field":"price"}}}}}}',
        '{"query":{"term":{"name":"a"}}}',
    ]  # fmt: skip
    told = {family for text in every for family in bodies.families(json.loads(text))}
    assert set(outline.families(mapping)) == told
    assert set(outline.families({"properties": {"name": {"type": "keyword"}}})) < told


def test_the_families_of_sql_are_those_that_queries_are_told_by():
    from thriftune.tasks.sql.outline import _FAMILIES

    assert set(_FAMILIES) <= {*words._FAMILIES.values(), "aggregate", "subquery"}


def test_a_database_has_outlines(tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as database:
        database.executescript("create table stock (name text, price integer); insert into stock values ('tea', 3)")
    sources = {"kind": "sql", "databases": {"shop": {"file": str(tmp_path / "shop.sqlite")}}}
    recipe = Recipe.model_validate({"name": "shop", "task": sources, "teacher": {"lessons": ["-"]}})
    with closing(build(recipe)) as task:
        found = outlines_of(task)["shop"]
    assert "price INTEGER" in found.about.replace("integer", "INTEGER") and "Write the" not in found.about
    assert found.samples == ('stock: {"name": "tea", "price": 3}',) and "join" not in found.families


# the command


def expanded(folder, server, own=4, count=16, **keys):
    texts = [f"films {n} #good" for n in range(own)]
    expand = {"count": count, "each": 4}
    return shop(folder, server, texts, expand=expand, concurrency=4, max_tokens=200, timeout_seconds=20, **keys)


def test_new_questions_are_answered_after_the_users_own(tmp_path):
    with MisbehavingTeacher() as server:
        done = thriftune(expanded(tmp_path, server, price={"input_per_million": 1.0, "output_per_million": 1.0}))
        assert done.returncode == 0, done.stderr
        asked = [text for text, _ in server.paid]
    first_list = next(index for index, text in enumerate(asked) if text.endswith("#list"))
    assert all(text.startswith("films") for text in asked[:first_list]) and first_list == 4
    figures = json.loads((tmp_path / "runs/live/manifest.json").read_text())["stages"]["teach"]["figures"]
    assert figures["expand"]["questions"] == 16 and len(landed(tmp_path)) == 20
    kept, rejected = figures["kept"], sum(figures["rejected"].values())
    assert figures["acceptance_rate"] == pytest.approx(kept / (kept + rejected), abs=1e-4)
    assert figures["usd_per_lesson"] == pytest.approx(figures["usd"] / kept, abs=1e-6)


def test_a_dry_run_bounds_what_new_questions_cost_and_leaves_nothing(tmp_path):
    with MisbehavingTeacher() as server:
        done = thriftune(expanded(tmp_path, server, samples=2, temperature=0.5), "--dry-run", "--json")
        assert server.seen == [] and not (tmp_path / "runs").exists()
        bill = json.loads(done.stdout)
        assert bill["questions"] == 20 and bill["new_questions"] == 16
        assert thriftune(tmp_path).returncode == 0
        figures = json.loads((tmp_path / "runs/live/manifest.json").read_text())["stages"]["teach"]["figures"]
    assert bill["completion_tokens"] >= figures["completion_tokens"]


def test_killed_while_questions_are_thought_up_nothing_is_lost_or_doubled(tmp_path):
    with MisbehavingTeacher(latency=0.02) as server:
        expanded(tmp_path, server, own=2, count=24)
        killed_often(tmp_path, server, kills=4, seed=3, cap=1_000_000, requests=5)
    asked = read_records(tmp_path / "runs/live/asked.jsonl", Asking)
    ids = {question.id for line in asked for question in line.questions}
    assert set(landed(tmp_path)) == ids | {"q0.0", "q1.0"} and len(ids) == 24
