"""The judge on hand-made pairs: written another way and equivalent, or nearly right and wrong."""

import importlib.util
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from thriftune.demo import COLLECTIONS
from thriftune.records import Question, Verdict
from thriftune.tasks.query_dsl import bodies, canonical

from . import test_query_dsl as small

BENCHMARK = Path(__file__).parents[2] / "benchmarks"
PAIRS = [json.loads(line) for line in (BENCHMARK / "judge" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
WRONG = [pair for pair in PAIRS if pair["id"].startswith("wrong")]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("judge_benchmark", BENCHMARK / "judge.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pairs_are_as_many_and_as_varied_as_is_said():
    assert Counter(pair["id"].partition("-")[0] for pair in PAIRS) == {"equivalent": 100, "wrong": 100}
    assert len({pair["id"] for pair in PAIRS}) == 200
    assert len({json.dumps(pair["gold"]) for pair in PAIRS}) >= 195
    assert Counter(pair["collection"] for pair in WRONG)["flights"] >= 40
    kinds = Counter(pair["kind"] for pair in WRONG)
    assert len(kinds) >= 15 and max(kinds.values()) <= 10
    assert all(pair["why"] for pair in PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["id"])
def test_a_pair_is_of_two_bodies_that_differ(pair):
    gold, other = (bodies.parse(json.dumps(pair[name])) for name in ("gold", "other"))
    assert isinstance(gold, dict) and isinstance(other, dict)
    assert json.dumps(gold) != json.dumps(other)
    mapping = COLLECTIONS[pair["collection"]].MAPPING
    if pair in WRONG:
        assert canonical.form(gold, mapping) != canonical.form(other, mapping)


def test_some_hundreds_of_mutated_queries_end_in_verdicts_and_write_nothing(benchmark, task):
    """The small version of `benchmarks/judge.py fuzz`."""
    chance, before = random.Random(1), benchmark._content(task)
    question = Question(id="q", collection="films", text="?", meaning="q")
    golds = [json.dumps(body) for pair in [*small.EQUIVALENT.values(), *small.WRONG.values()] for body in pair]
    verdicts = [task.judge(question, gold, benchmark._mutated(gold, chance)) for gold in golds * 3]
    assert len(verdicts) >= 400 and {type(verdict) for verdict in verdicts} == {Verdict}
    assert len({verdict.fault for verdict in verdicts}) >= 6, "the mutations are varied"
    assert benchmark._content(task) == before


@pytest.mark.slow  # half a minute: the demo indices are loaded
def test_the_judge_errs_on_no_equivalent_pair_and_on_hardly_a_wrong_one(benchmark):
    found = benchmark.pairs()
    assert found["pairs"] == 200
    assert found["equivalent_called_wrong"] == 0, found["mistaken"]
    assert found["wrong_called_equivalent"] <= 2, found["mistaken"]
    assert found["wrong_called_equivalent_on_real_documents_alone"] >= 20, "the pairs have become too easy"
