"""Measure the judge of Query DSL: its errors on hand-made pairs, its speed, and whether anything can upset it.

    python benchmarks/judge.py pairs     200 pairs: equivalent in another form, or subtly wrong
    python benchmarks/judge.py speed     judged pairs a second, on one document set and robust
    python benchmarks/judge.py fuzz      20,000 mutated queries (about 15 minutes)

Each part writes its own keys of benchmarks/results/judge.json. The demo indices and the embedded engine are used.
"""

import argparse
import copy
import json
import platform
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from thriftune.recipe import Recipe
from thriftune.records import Question
from thriftune.tasks.build import build
from thriftune.tasks.query_dsl.task import QueryDsl
from thriftune.teach.parse import Malformed, parse
from thriftune.teach.teachers import RecordedTeacher

HERE = Path(__file__).parent
RESULT = HERE / "results" / "judge.json"
LESSONS = ["demo:films", "demo:flights"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["pairs", "speed", "fuzz"])
    parser.add_argument("--count", type=int, default=20_000, help="mutated queries of fuzz")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    parts = {"pairs": pairs, "speed": speed, "fuzz": lambda: fuzz(arguments.count, arguments.seed)}
    found = parts[arguments.part]()
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    machine = {"cpu": _cpu(), "python": platform.python_version(), "osmem-server": version("osmem-server")}
    RESULT.write_text(json.dumps(before | found | {"machine": machine}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def pairs() -> dict[str, Any]:
    """Judge the hand-made pairs robustly; say which are called wrongly."""
    rows = [json.loads(line) for line in (HERE / "judge" / "pairs.jsonl").read_text().splitlines()]
    called: dict[str, bool | None] = {}
    plain = 0
    with closing(_task()) as task:
        for row in rows:
            verdict = task.judge(_question(row), json.dumps(row["gold"]), json.dumps(row["other"]))
            called[row["id"]] = verdict.robust_match
            plain += bool(verdict.execution_match) and row["id"].startswith("wrong")
    equivalent = [name for name, same in called.items() if name.startswith("equivalent") and not same]
    wrong = [name for name, same in called.items() if name.startswith("wrong") and same]
    return {
        "pairs": len(rows),
        "equivalent_called_wrong": len(equivalent),
        "wrong_called_equivalent": len(wrong),
        "wrong_called_equivalent_on_real_documents_alone": plain,
        "mistaken": equivalent + wrong,
    }


def speed(seconds: float = 30.0) -> dict[str, Any]:
    """Judge gold against gold and against another body, in turns, each gold seen before."""
    rows = [json.loads(line) for line in (HERE / "judge" / "pairs.jsonl").read_text().splitlines()]
    found: dict[str, Any] = {}
    for name, robust in (("pairs_per_second", False), ("robust_pairs_per_second", True)):
        with closing(_task(robust)) as task:
            times = list(_timed(task, rows, seconds))
        third = len(times) // 3
        found[name] = round(len(times) / sum(times), 1)
        found[name.replace("per_second", "growth")] = round(
            statistics.median(times[-third:]) / statistics.median(times[:third]), 3
        )
    return found


def _timed(task: QueryDsl, rows: list[dict[str, Any]], seconds: float) -> Iterator[float]:
    for row in rows:  # warm-up: every gold's answer is known from here on
        task.judge(_question(row), json.dumps(row["gold"]), json.dumps(row["gold"]))
    until = time.monotonic() + seconds
    for row in cycle(rows):
        started = time.monotonic()
        if started > until:
            return
        task.judge(_question(row), json.dumps(row["gold"]), json.dumps(row["other"]))
        yield time.monotonic() - started


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """Judge mutated bodies against their originals: every one ends in a verdict, nothing is written, memory is flat."""
    chance = random.Random(seed)
    slowest, faults, sizes = 0.0, dict[str, int](), []
    with closing(_task()) as task:
        documents = _documents(task)
        golds = _golds(task)
        for number, (question, gold) in enumerate(islice(cycle(golds), count)):
            started = time.monotonic()
            verdict = task.judge(question, gold, _mutated(gold, chance))
            slowest = max(slowest, time.monotonic() - started)
            name = verdict.fault or "match"
            faults[name] = faults.get(name, 0) + 1
            if number % 500 == 0:
                sizes.append(_resident())
                print(f"{number} of {count}, slowest {slowest:.2f} s, {sizes[-1] >> 20} MB", flush=True)
        unchanged = _documents(task) == documents
    settled = sizes[len(sizes) // 5 :]  # the answers of all golds are kept: known after the first round
    return {
        "fuzzed": count,
        "fuzz_verdicts": dict(sorted(faults.items(), key=lambda item: -item[1])),
        "fuzz_slowest_seconds": round(slowest, 3),
        "fuzz_documents_unchanged": unchanged,
        "fuzz_memory_growth": round(settled[-1] / settled[0], 3) if settled else None,
    }


def _golds(task: QueryDsl) -> list[tuple[Question, str]]:
    found = []
    for question, response in RecordedTeacher(LESSONS).answers():
        parsed = parse(response)
        if question.id.endswith(".0") and not isinstance(parsed, Malformed):
            found.append((question, task.tidy(parsed.label)))
    return random.Random(0).sample(found, 400)


_STRANGE = [None, True, -1, 0, 10**30, 1e308, "", "\x00", "now-1d/d||x", "*" * 50, [], {}, [[]], {"a": {}}, "é" * 300]


def _mutated(text: str, chance: random.Random) -> str:
    body = copy.deepcopy(json.loads(text))
    for _ in range(chance.randint(1, 3)):
        _mutate(body, chance)
    changed = json.dumps(body)
    if chance.random() < 0.1:  # broken text
        place = chance.randrange(len(changed))
        changed = changed[:place] + chance.choice(["", "{", '"', "\ud83d", "NaN", changed]) + changed[place + 1 :]
    return changed


def _mutate(body: Any, chance: random.Random) -> None:
    """Change one place: take it away, move it, rename it, or put something strange or something of elsewhere there."""
    places = list(_places(body))
    if not places:
        return
    holder, key = chance.choice(places)
    other, other_key = chance.choice(places)
    how = chance.randrange(5)
    if how == 0:
        del holder[key]
    elif how == 1:
        holder[key] = chance.choice(_STRANGE)
    elif how == 2:
        holder[key] = copy.deepcopy(other[other_key])
    elif how == 3:
        holder[key] = {chance.choice(["bool", "nested", "match", "filter", "script", "terms"]): holder[key]}
    elif isinstance(holder, dict):
        names = [name for _, name in places if isinstance(name, str)]
        holder[chance.choice([*names, key[::-1]])] = holder.pop(key)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _task(robust: bool = True) -> QueryDsl:
    task = build(
        Recipe.model_validate(
            {
                "name": "judge",
                "task": {"collections": {"films": {"demo": "films"}, "flights": {"demo": "flights"}}},
                "teacher": {"lessons": LESSONS},
                "evaluate": {"robust": robust},
            }
        )
    )
    assert isinstance(task, QueryDsl)
    return task


def _documents(task: QueryDsl) -> dict[str, Any]:
    """Return the number of documents of every index, and a sum over each that any change would alter."""
    found = {}
    for index, field in (("films", "year"), ("flights", "distance")):
        body = {"size": 0, "track_total_hits": True, "aggs": {"all": {"sum": {"field": field}}}}
        reply = task.engine.search(index, [body])[0]
        assert isinstance(reply, dict), reply
        found[index] = (reply["hits"]["total"], reply["aggregations"])
    return found


def _question(row: dict[str, Any]) -> Question:
    return Question(id=row["id"], collection=row["collection"], text=row["question"], meaning=row["id"])


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}"


if __name__ == "__main__":
    main()
