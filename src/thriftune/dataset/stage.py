"""Stage *dataset*: `lessons.jsonl` → `dataset/{train,valid,test}.jsonl` and a card, with a printed leak check."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from thriftune.dataset.split import Split, leaks, split
from thriftune.dataset.vary import is_variant, vary
from thriftune.errors import InputError
from thriftune.files import read_records, write_records, write_text
from thriftune.progress import Progress
from thriftune.recipe import Dataset
from thriftune.records import Lesson
from thriftune.runs import Run
from thriftune.tasks.base import Task
from thriftune.teach.reviews import figures, reviewed


def make_dataset(run: Run, settings: Dataset, task: Callable[[], Task], progress: Progress) -> dict[str, Any]:
    """Split the lessons of a run, as reviews left them; return figures for the manifest.

    Raises:
        InputError: too few lessons for a test split.
    """
    recorded = read_records(run.path("lessons.jsonl"), Lesson)
    lessons = reviewed(run, recorded)
    result = split(lessons, settings)
    if not result.test or not result.train:
        raise InputError(
            f"{len(lessons)} lessons with {result.groups} meanings are too few to split: "
            "at least one meaning each for train and test is needed; add lessons or change dataset.test"
        )
    if settings.variants:
        progress.say(f"looking for {settings.variants} variants of each training lesson")
        result.train.extend(vary(task(), result, settings, progress))
    found = leaks(result, settings.near_duplicate)
    for name, part in result.parts().items():
        write_records(run.path("dataset", f"{name}.jsonl"), part)
    write_text(run.path("dataset", "README.md"), _card(result, settings, found))
    counts = {name: len(part) for name, part in result.parts().items()}
    progress.say(
        f"{counts['train']} train, {counts['valid']} valid, {counts['test']} test from {result.groups} meanings; "
        f"leak check: {len(found)} pairs straddle"
    )
    variants = sum(is_variant(lesson) for lesson in result.train)
    return {**counts, "meanings": result.groups, "variants": variants, "leaks": len(found), **figures(run, recorded)}


def _card(result: Split, settings: Dataset, found: list[tuple[str, str, str]]) -> str:
    rows = [
        f"| {name} | {len(part)} | {len({x.question.meaning for x in part})} | {_mean([len(x.label) for x in part])} "
        f"| {_mean([len(x.rationale) for x in part])} |"
        for name, part in result.parts().items()
    ]
    families = Counter(family for part in result.parts().values() for lesson in part for family in lesson.families)
    listed = [f"| {name} | {count} |" for name, count in families.most_common()]
    return "\n".join(
        [
            "# Dataset",
            "",
            "Questions with labels verified by execution and the rationales that lead to them.",
            f"Split by meaning with seed {settings.seed}: paraphrases, equal labels and questions with a similarity of",
            f"{settings.near_duplicate} or more stand in one part. Leak check: {len(found)} pairs straddle.",
            f"{sum(map(is_variant, result.train))} of the training lessons are variants: the same with other values,",
            "each run and found to hit something. They have no rationale.",
            "",
            "| part | lessons | meanings | label characters (mean) | rationale characters (mean) |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "| clause family | lessons |",
            "|---|---|",
            *listed,
            "",
        ]
    )


def _mean(values: list[int]) -> str:
    return f"{sum(values) / len(values):.0f}" if values else "–"
