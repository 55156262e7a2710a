"""Stage *evaluate*: `model/` and the test split → `predictions*.jsonl`, `verdicts*.jsonl`, `scores.json`.

The tuned student (`tuned`) and the untouched one (`base`) answer the same questions through the same prompt. Answers
are appended as they come, so a second start goes on where the files end.
"""

import gc
import random
import time
from typing import Any, cast

from thriftune.evaluate.generate import Generated, generate
from thriftune.evaluate.scores import by_family, ratio_interval, scores_of
from thriftune.evaluate.shots import WithExamples
from thriftune.files import append_record, read_records, write_json, write_records
from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.records import Lesson, Prediction, QuestionLoss
from thriftune.runs import Run
from thriftune.students.load import Student, device_of, load_for_generation
from thriftune.students.reload import load_tuned
from thriftune.tasks.base import Grammar, Task
from thriftune.train.losses import task_losses
from thriftune.train.memory import peak_bytes, reset_peak


def evaluate(run: Run, recipe: Recipe, task: Task, progress: Progress) -> dict[str, Any]:
    """Score the students on the test split; return figures for the manifest."""
    lessons = test_lessons(run, recipe)
    scores: dict[str, Any] = {}
    for who in ("base", "tuned") if recipe.evaluate.base else ("tuned",):
        progress.say(f"{who} student answers {len(lessons)} test questions")
        scores[who] = _score(run, recipe, task, who, lessons, progress)
        match = scores[who].get("execution_match")
        if match:
            progress.say(f"{who}: execution match {match['value']:.1%} [{match['low']:.1%}, {match['high']:.1%}]")
    write_json(run.path("scores.json"), scores)
    return {who: table.get("execution_match") for who, table in scores.items()}


def evaluate_base(run: Run, recipe: Recipe, task: Task, shots: int, progress: Progress) -> dict[str, Any]:
    """Score the untouched student alone, with `shots` examples of the train split in its prompt."""
    lessons = test_lessons(run, recipe)
    if shots:
        shown = read_records(run.path("dataset", "train.jsonl"), Lesson)
        task = cast(Task, WithExamples(task, shown, shots, recipe.dataset.seed))
    scores = {"base": _score(run, recipe, task, "base", lessons, progress)}
    write_json(run.path("scores.json"), scores)
    return {"base": scores["base"].get("execution_match")}


def test_lessons(run: Run, recipe: Recipe) -> list[Lesson]:
    """Return the lessons that are asked: all of the test split, or the first of a fixed shuffle."""
    lessons = read_records(run.path("dataset", "test.jsonl"), Lesson)
    if recipe.evaluate.limit and recipe.evaluate.limit < len(lessons):
        random.Random(recipe.dataset.seed).shuffle(lessons)
        lessons = lessons[: recipe.evaluate.limit]
    return lessons


def _score(run: Run, recipe: Recipe, task: Task, who: str, lessons: list[Lesson], progress: Progress) -> dict[str, Any]:
    suffix = "" if who == "tuned" else f"-{who}"
    reset_peak(device_of())
    student = _student(run, recipe, who)
    grammars = [task.grammar(lesson.question) if recipe.evaluate.constrained else None for lesson in lessons]
    constraint = constraint_of(student, grammars, lessons)
    if constraint.get("gold_refused"):
        progress.say(f"{constraint['gold_refused']} gold answers are outside the grammar: no student can write them")
    predictions = _predict(run, recipe, task, student, lessons, f"predictions{suffix}.jsonl", progress)
    losses = task_losses(student, task, lessons, recipe.train)
    write_records(run.path(f"losses{suffix}.jsonl"), _by_question(lessons, losses))
    peak = peak_bytes(student.device)
    del student
    gc.collect()
    started = time.monotonic()
    verdicts = []
    for count, prediction in enumerate(predictions, start=1):
        verdicts.append(task.judge(prediction.question, prediction.gold, prediction.text))
        progress(count, len(predictions), "judged")
    write_records(run.path(f"verdicts{suffix}.jsonl"), verdicts)
    seconds = sum(p.seconds for p in predictions)
    return {
        **constraint,
        **scores_of(verdicts, recipe.evaluate.bootstrap),
        **{name: ratio_interval(pairs, recipe.evaluate.bootstrap) for name, pairs in losses.items()},
        "families": by_family(predictions, verdicts),
        "cut_off": sum(p.tokens >= recipe.evaluate.max_new_tokens for p in predictions),
        "seconds_per_answer": round(seconds / len(predictions), 4),
        "tokens_per_second": round(sum(p.tokens for p in predictions) / max(seconds, 1e-9), 2),
        "judge_seconds": round(time.monotonic() - started, 3),
        "peak_bytes": peak,
    }


def _by_question(lessons: list[Lesson], losses: dict[str, list[tuple[float, int]]]) -> list[QuestionLoss]:
    return [
        QuestionLoss(
            question_id=lesson.question.id,
            label_nats=round(label[0], 6),
            label_tokens=label[1],
            rationale_nats=round(rationale[0], 6),
            rationale_tokens=rationale[1],
        )
        for lesson, label, rationale in zip(lessons, losses["label_loss"], losses["rationale_loss"], strict=True)
    ]


def constraint_of(student: Student, grammars: list[Grammar | None], lessons: list[Lesson]) -> dict[str, Any]:
    """Return `constrained`, how many gold answers the grammar refuses, and what of it cannot be enforced."""
    if not any(grammars):
        return {"constrained": False}
    labels = [student.renderer.text_ids(lesson.label) for lesson in lessons]
    pairs = [(grammar, ids) for grammar, ids in zip(grammars, labels, strict=True) if grammar]
    refused = sum(not student.constrainer.accepts(grammar, ids) for grammar, ids in pairs)
    return {"constrained": True, "gold_refused": refused, "not_enforced": student.constrainer.ignored}


def _student(run: Run, recipe: Recipe, who: str) -> Student:
    if who == "tuned":
        return load_tuned(run.path("model"), recipe)
    student = load_for_generation(recipe.student.model, recipe.student.kind, recipe.train.precision)
    student.seq2seq_task = recipe.train.seq2seq_task
    return student


def _predict(
    run: Run, recipe: Recipe, task: Task, student: Student, lessons: list[Lesson], name: str, progress: Progress
) -> list[Prediction]:
    path = run.path(name)
    known = {p.question.id: p for p in read_records(path, Prediction)} if path.exists() else {}
    left = [lesson for lesson in lessons if lesson.question.id not in known]

    def keep(index: int, generated: Generated) -> None:
        lesson = left[index]
        known[lesson.question.id] = Prediction(
            question=lesson.question,
            gold=lesson.label,
            text=generated.text,
            tokens=generated.tokens,
            seconds=round(generated.seconds, 4),
            families=lesson.families,
        )
        append_record(path, known[lesson.question.id])
        progress(len(known), len(lessons), "")

    constrained = recipe.evaluate.constrained
    generate(
        student,
        [task.prompt(lesson.question) for lesson in left],
        batch=recipe.evaluate.batch,
        max_new_tokens=recipe.evaluate.max_new_tokens,
        grammars=[task.grammar(lesson.question) if constrained else None for lesson in left],
        on_answer=keep,
    )
    return [known[lesson.question.id] for lesson in lessons]
