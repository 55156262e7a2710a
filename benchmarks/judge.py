"""Measure the judge of Query DSL: its errors on hand-made pairs, its speed, and whether anything can upset it.

    python benchmarks/judge.py pairs     200 pairs: equivalent in another form, or subtly wrong
    python benchmarks/judge.py speed     judged pairs a second, on one document set and robust
    python benchmarks/judge.py fuzz      20,000 mutated queries (about 15 minutes)
    python benchmarks/judge.py mutants   how many one-step changes of lessons' queries are told apart, and how

Each part writes its own keys of benchmarks/results/judge.json. The demo indices and the embedded engine are used.
"""

import argparse
import copy
import hashlib
import json
import os
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
_SECONDS = 10.0  # the time-out of the recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["pairs", "speed", "fuzz", "mutants"])
    parser.add_argument("--count", type=int, default=20_000, help="mutated queries of fuzz")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    parts = {"pairs": pairs, "speed": speed, "fuzz": lambda: fuzz(arguments.count, arguments.seed), "mutants": mutants}
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
    wrong = [name for name, same in called.items() if name.startswith("wrong") and same is not False]
    return {
        "pairs": len(rows),
        "equivalent_called_wrong": len(equivalent),
        "wrong_called_equivalent": len(wrong),
        "wrong_called_equivalent_on_real_documents_alone": plain,
        "mistaken": equivalent + wrong,
    }


def speed(seconds: float = 30.0) -> dict[str, Any]:
    """Judge the pairs' other bodies in turns, after a first round in which every gold is run.

    Rates are of the time of all judgements (their mean). Growth is how many times as long a pair takes on a judge that
    has judged for `seconds` as on one that has seen each pair once: the same pairs on both in turns, so that other work
    slows both alike; the median of the pairs, each by its best time.
    """
    rows = [json.loads(line) for line in (HERE / "judge" / "pairs.jsonl").read_text().splitlines()]
    found: dict[str, Any] = {"load_average_before": round(os.getloadavg()[0], 2)}
    for name, robust in (("pairs_per_second", False), ("robust_pairs_per_second", True)):
        with closing(_task(robust)) as old, closing(_task(robust)) as new:
            times = [time for times in _rounds(old, rows, seconds) for time in times]
            found[name.replace("pairs_per_second", "growth")] = _growth(old, new, rows)
        found[name] = round(len(times) / sum(times), 1)
        found[name.replace("pairs_per_second", "median_milliseconds")] = round(statistics.median(times) * 1000, 1)
        found[name.replace("pairs_per_second", "pairs_timed")] = len(times)
    return found


def _growth(old: QueryDsl, new: QueryDsl, rows: list[dict[str, Any]], rounds: int = 5) -> float:
    _warm_up(new, rows)
    for row in rows:  # documents and boundary sets of its first look at each pair
        _timed(new, row)
    times = [[(_timed(old, row), _timed(new, row)) for row in rows] for _ in range(rounds)]
    best = [(min(first for first, _ in same), min(second for _, second in same)) for same in zip(*times, strict=True)]
    return round(statistics.median(first / second for first, second in best), 3)


def _rounds(task: QueryDsl, rows: list[dict[str, Any]], seconds: float) -> Iterator[list[float]]:
    _warm_up(task, rows)
    until, number = time.monotonic() + seconds, 0
    while number < 3 or time.monotonic() < until:
        number += 1
        yield [_timed(task, row) for row in rows]


def _warm_up(task: QueryDsl, rows: list[dict[str, Any]]) -> None:
    """Every gold's answer is known from here on."""
    for row in rows:
        task.judge(_question(row), json.dumps(row["gold"]), json.dumps(row["gold"]))


def _timed(task: QueryDsl, row: dict[str, Any]) -> float:
    started = time.monotonic()
    task.judge(_question(row), json.dumps(row["gold"]), json.dumps(row["other"]))
    return time.monotonic() - started


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """Judge mutated bodies against their originals: every one ends in a verdict, nothing is written, memory is flat."""
    chance = random.Random(seed)
    slowest, late, faults, sizes = 0.0, 0, dict[str, int](), []
    with closing(_task()) as task:
        before = _content(task)
        golds = _golds(task)
        for number, (question, gold) in enumerate(islice(cycle(golds), count)):
            started = time.monotonic()
            verdict = task.judge(question, gold, _mutated(gold, chance))
            seconds = time.monotonic() - started
            slowest, late = max(slowest, seconds), late + (seconds > _SECONDS)
            name = verdict.fault or "match"
            faults[name] = faults.get(name, 0) + 1
            if (number + 1) % max(1, count // 20) == 0:
                sizes.append({"judged": number + 1, **_megabytes()})
                print(f"slowest {slowest:.2f} s, {sizes[-1]}", flush=True)
        unchanged = _content(task) == before
    return {
        "fuzzed": count,
        "fuzz_verdicts": dict(sorted(faults.items(), key=lambda item: -item[1])),
        "fuzz_slowest_seconds": round(slowest, 3),
        "fuzz_beyond_time_limit": late,
        "fuzz_index_unchanged": unchanged,
        "fuzz_megabytes": sizes,
    }


def mutants(count: int = 150, each: int = 3) -> dict[str, Any]:
    """Change a bound, a value, a clause list or a field of golds; count what is told apart on which documents.

    A change may leave the meaning as it was, so that not all can be told apart.
    """
    chance = random.Random(0)
    tried, real, robust = 0, 0, 0
    with closing(_task()) as task:
        for question, gold in _golds(task)[:count]:
            for _ in range(each):
                changed = _one_step(json.loads(gold), chance)
                verdict = task.judge(question, gold, json.dumps(changed))
                if verdict.valid and not verdict.exact:
                    tried += 1
                    real += not verdict.execution_match
                    robust += verdict.robust_match is False
    return {"mutants": tried, "mutants_told_apart_on_real_documents": real, "mutants_told_apart": robust}


_OTHER = {
    "gt": "gte",
    "gte": "gt",
    "lt": "lte",
    "lte": "lt",
    "must_not": "filter",
    "filter": "should",
    "must": "should",
}


def _one_step(body: Any, chance: random.Random) -> Any:
    """Change one place: a bound moved by one, taken in or out; a clause left out; a list of clauses renamed."""
    shown = {key: body.pop(key) for key in ("_source", "size", "track_total_hits") if key in body}
    places = [(holder, key) for holder, key in _places(body) if _tells(holder, key) or type(holder[key]) is int]
    holder, key = chance.choice(places or list(_places(body)))
    if type(holder[key]) is int and chance.random() < 0.5:
        holder[key] += chance.choice([-1, 1])
    elif key in _OTHER:
        holder[_OTHER[key]] = holder.pop(key)
    else:
        del holder[key]
    return body | shown


def _tells(holder: Any, key: Any) -> bool:
    """Whether to leave this out, or to rename it, changes the meaning: one `filter` clause as `should` does not."""
    if isinstance(key, int) or key not in _OTHER:
        return isinstance(key, int)
    return not isinstance(holder[key], list) or key == "must_not" or len(holder[key]) > 1


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


def _content(task: QueryDsl) -> dict[str, Any]:
    """Return the number of documents of every index and a hash of all they hold."""
    found = {}
    for index in task.collections:
        reply = task.engine.search(index, [{"size": 10_000, "track_total_hits": True, "query": {"match_all": {}}}])[0]
        assert isinstance(reply, dict), reply
        hits = sorted((hit["_id"], json.dumps(hit["_source"], sort_keys=True)) for hit in reply["hits"]["hits"])
        found[index] = (reply["hits"]["total"], hashlib.sha256(json.dumps(hits).encode()).hexdigest())
    return found


def _question(row: dict[str, Any]) -> Question:
    return Question(id=row["id"], collection=row["collection"], text=row["question"], meaning=row["id"])


def _megabytes() -> dict[str, int]:
    """Return what this process and the embedded engine, its child, hold in memory."""
    found = {"process": _resident("self")}
    for status in Path("/proc").glob("[0-9]*/stat"):
        name, _, rest = status.read_text().partition("(")[2].rpartition(")")
        if name.startswith("osmem") and int(rest.split()[1]) == os.getpid():
            found["engine"] = _resident(status.parent.name)
    return found


def _resident(process: str) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 >> 20


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}"


if __name__ == "__main__":
    main()
