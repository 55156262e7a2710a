"""Measure generation on a run folder: speed against plain transformers, what the grammar costs and what it changes.

    python benchmarks/generate.py speed RUN    seconds an answer: `model.generate` one by one, ours free and constrained
    python benchmarks/generate.py effect RUN   validity and execution match of a student, free and constrained
    python benchmarks/generate.py walks RUN    random answers of the grammar, judged

Each part writes its own keys of benchmarks/results/generate.json. RUN is a run of a recipe whose task has a grammar.
"""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from thriftune.evaluate.generate import Generated, generate
from thriftune.evaluate.scores import scores_of
from thriftune.files import read_records
from thriftune.prompts import LABEL_MARKER
from thriftune.recipe import Recipe
from thriftune.records import Lesson
from thriftune.runs import Run
from thriftune.students.load import Student, load_for_generation
from thriftune.students.reload import load_tuned
from thriftune.tasks.base import Task
from thriftune.tasks.build import build
from thriftune.testing import tiny
from thriftune.testing.walk import Walker

RESULT = Path(__file__).parent / "results" / "generate.json"
_MOST = 112


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["speed", "effect", "walks"])
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=24, help="questions (speed, effect) or answers (walks)")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2, help="of speed: the ways take turns, the best time counts")
    parser.add_argument("--who", choices=["base", "tuned"], default="tuned", help="of effect")
    parser.add_argument("--way", choices=["free", "constrained", "both"], default="both", help="of effect")
    chosen = parser.parse_args()
    run = Run(chosen.run)
    recipe = Recipe.model_validate(run.manifest["recipe"])
    with closing(build(recipe)) as task:
        lessons = read_records(run.path("dataset", "test.jsonl"), Lesson)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "speed": lambda: speed(load_tuned(run.path("model"), recipe), task, lessons[: chosen.count], chosen),
            "effect": lambda: effect(run, recipe, task, lessons[: chosen.count], chosen),
            "walks": lambda: walks(task, lessons, chosen.count),
        }
        found = parts[chosen.part]()
    command = f"python benchmarks/generate.py {chosen.part} RUN {' '.join(sys.argv[3:])}".strip()
    found |= {"command": command, "recipe": recipe.name, "load_average": round(os.getloadavg()[0], 2)}
    write(f"effect_{chosen.who}" if chosen.part == "effect" else chosen.part, found)
    print(json.dumps(found, indent=1))


def write(part: str, found: dict[str, Any]) -> None:
    """Set the keys of one part; those of an earlier call with other ways stay."""
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    before[part] = before.get(part, {}) | found
    RESULT.write_text(json.dumps(before | {"machine": machine()}, indent=1) + "\n")


def speed(student: Student, task: Task, lessons: list[Lesson], chosen: argparse.Namespace) -> dict[str, Any]:
    """Time every way on the same questions; outputs are compared as text."""
    prompts = [task.prompt(lesson.question) for lesson in lessons]
    grammars = [task.grammar(lesson.question) for lesson in lessons]

    def ours(batch: int, constrained: bool) -> list[Generated]:
        return generate(student, prompts, batch=batch, max_new_tokens=_MOST, grammars=grammars if constrained else None)

    ways: dict[str, Callable[[], list[Any]]] = {
        "plain": lambda: [one_by_one(student, prompt) for prompt in prompts],
        "free": lambda: ours(chosen.batch, False),
        "constrained": lambda: ours(chosen.batch, True),
        "free_alone": lambda: ours(1, False),
        "constrained_alone": lambda: ours(1, True),
    }
    generate(student, prompts[:2], grammars=grammars[:2], max_new_tokens=8)  # loads, compiles, reads the prefix
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[Any]] = {}
    for _ in range(chosen.rounds):
        for name, way in ways.items():
            started = time.monotonic()
            answers[name] = way()
            seconds[name].append(time.monotonic() - started)
    best = {name: min(times) for name, times in seconds.items()}
    texts = {name: [getattr(answer, "text", answer) for answer in found] for name, found in answers.items()}
    inside = [
        student.constrainer.accepts(g, student.renderer.text_ids(t))
        for g, t in zip(grammars, texts["free"], strict=True)
    ]
    return {
        "questions": len(lessons),
        "batch": chosen.batch,
        "rounds": chosen.rounds,
        "seconds_per_answer": {name: round(time_ / len(lessons), 4) for name, time_ in best.items()},
        "speedup_over_plain": {name: round(best["plain"] / best[name], 2) for name in ways if name != "plain"},
        "tokens": {name: sum(a.tokens for a in found) for name, found in answers.items() if name != "plain"},
        "cost_of_grammar": {
            "in_batches": round(best["constrained"] / best["free"] - 1, 4),
            "alone": round(best["constrained_alone"] / best["free_alone"] - 1, 4),
        },
        "answers_as_plain": {name: same(found, texts["plain"]) for name, found in texts.items() if name != "plain"},
        "free_answers_within_grammar": sum(inside),
        "of_these_constrained_the_same": sum(
            a == b for a, b, within in zip(texts["free"], texts["constrained"], inside, strict=True) if within
        ),
    }


def same(one: list[str], other: list[str]) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))


@torch.inference_mode()
def one_by_one(student: Student, prompt: Any) -> str:
    """Answer as a first script with transformers would: the whole prompt, one question at a time."""
    pieces, renderer = student.renderer.pieces(prompt), student.renderer
    ids = [*pieces.prefix, *pieces.question, *renderer.marker(LABEL_MARKER)]
    found = student.model.generate(input_ids=torch.tensor([ids]), max_new_tokens=_MOST, do_sample=False)
    return str(student.tokenizer.decode(found[0, len(ids) :], skip_special_tokens=True)).strip()


def effect(run: Run, recipe: Recipe, task: Task, lessons: list[Lesson], chosen: argparse.Namespace) -> dict[str, Any]:
    """Judge a student's answers, free and constrained."""
    base = chosen.who == "base"
    name, kind = recipe.student.model, recipe.student.kind
    student = load_for_generation(name, kind) if base else load_tuned(run.path("model"), recipe)
    ways = ("free", "constrained") if chosen.way == "both" else (chosen.way,)
    return {way: scored(student, task, lessons, chosen.batch, way == "constrained") for way in ways}


def scored(student: Student, task: Task, lessons: list[Lesson], batch: int, constrained: bool) -> dict[str, Any]:
    prompts = [task.prompt(lesson.question) for lesson in lessons]
    grammars = [task.grammar(lesson.question) for lesson in lessons] if constrained else None
    started = time.monotonic()
    answers = generate(student, prompts, batch=batch, max_new_tokens=_MOST, grammars=grammars)
    seconds = time.monotonic() - started
    verdicts = [task.judge(x.question, x.label, a.text) for x, a in zip(lessons, answers, strict=True)]
    scores = scores_of(verdicts, 2000)
    kept = {name: scores[name] for name in ("valid", "execution_match", "result_f1", "faults")}
    cut = sum(answer.tokens >= _MOST for answer in answers)
    whole = [v.valid for v, a in zip(verdicts, answers, strict=True) if a.tokens < _MOST]
    return kept | {
        "questions": len(lessons),
        "cut_off": cut,
        "valid_of_those_not_cut_off": round(sum(whole) / len(whole), 4) if whole else None,
        "seconds": round(seconds, 1),
        "tokens": sum(answer.tokens for answer in answers),
        "details_of_invalid": [
            f"{v.fault}: {v.detail}"[:160] for v in verdicts if not v.valid and v.fault != "not_json"
        ][:12],
    }


def walks(task: Task, lessons: list[Lesson], count: int) -> dict[str, Any]:
    """Judge random answers of the grammar of each collection."""
    words, found = tiny.tokenizer(), {}
    for question in {lesson.question.collection: lesson.question for lesson in lessons}.values():
        grammar = task.grammar(question)
        assert grammar is not None, f"{question.collection} has no grammar"
        walker, chance, faults = Walker(words, grammar), random.Random(0), Counter[str]()
        texts = [text for _ in range(count) if (text := walker.answer(chance))]
        for text in texts:
            verdict = task.check(question, text)
            faults[verdict.fault or "valid"] += 1
            if not verdict.valid:
                print(verdict.fault, verdict.detail, text[:400], file=sys.stderr)
        found[question.collection] = {"answers": len(texts), "not_ended": count - len(texts), **faults}
    return found


def machine() -> dict[str, str]:
    names = ("torch", "transformers", "llguidance")
    lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    cpu = f"{os.cpu_count()} × {lines[0].partition(':')[2].strip()}" if lines else platform.processor()
    return {"cpu": cpu, "python": platform.python_version(), **{name: version(name) for name in names}}


if __name__ == "__main__":
    main()
