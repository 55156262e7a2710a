"""Which micro-batches a training asks most of: from lessons, or from lengths where there are no lessons yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thriftune.errors import StudentError
from thriftune.plan.fake import kind_of_config
from thriftune.prompts import Renderer
from thriftune.recipe import Plan, Train
from thriftune.records import Lesson
from thriftune.students.load import load_tokenizer
from thriftune.tasks.base import Task
from thriftune.train.batches import Row, make_row, micro_batches, size_of
from thriftune.train.loop import epoch_batches

_EPOCHS = 3  # batches are shuffled anew each epoch; more of them find hardly heavier ones


@dataclass(frozen=True)
class Rows:
    """Rows to plan with. `said` tells where their lengths are from; `tokenizer` is None where it could not be had."""

    rows: list[Row]
    said: str
    tokenizer: Any = None


def rows_of_lessons(name: str, config: Any, train: Train, task: Task, lessons: Sequence[Lesson]) -> Rows:
    """Tokenise lessons by the student's own tokenizer, or count three characters a token where that is not here."""
    tokenizer: Any
    try:
        tokenizer, said = load_tokenizer(name), f"{len(lessons)} lessons"
    except StudentError:
        tokenizer, said = (
            None,
            f"{len(lessons)} lessons, three characters a token (the student's tokenizer is not here)",
        )
    renderer, kind = Renderer(tokenizer or _ThreeCharacters()), kind_of_config(config)
    rationale = train.objective == "dss"
    made = [
        make_row(
            renderer,
            task.prompt(lesson.question),
            lesson.label,
            (lesson.rationale or None) if rationale else None,
            kind,
            train.seq2seq_task,
        )
        for lesson in lessons
    ]
    return Rows(made, said, tokenizer)


def rows_of_lengths(config: Any, plan: Plan, train: Train) -> Rows:
    """Make an effective batch of rows as long as the section `plan` says."""
    prefix, question = (1,) * plan.prefix_tokens, (1,) * plan.question_tokens
    label, rationale = (1,) * plan.label_tokens, (1,) * (plan.rationale_tokens if train.objective == "dss" else 0)
    if kind_of_config(config) == "seq2seq":
        why = prefix + question if rationale and train.seq2seq_task == "encoder" else ()
        row = Row((), prefix + question, label, rationale, why=why)
    else:
        row = Row(prefix, question, label, rationale, 1, 1)
    lengths = f"{len(prefix)} + {len(question)} → {len(label)} and {len(rationale)} tokens"
    return Rows([row] * train.batch, f"the lengths of the recipe's section plan ({lengths}); there are no lessons yet")


def heaviest(config: Any, rows: Sequence[Row], train: Train, micro_tokens: int) -> list[list[Row]]:
    """Return the micro-batches to simulate: the heaviest, behind a light one where there is more than one in a batch.

    Behind another, because gradients are held from the first micro-batch of an effective batch on.
    """
    heavy: tuple[float, list[Row]] = (0.0, [])
    several, padded = False, kind_of_config(config) == "seq2seq"
    for epoch in range(min(train.epochs, _EPOCHS)):
        for batch in epoch_batches(rows, train, epoch):
            micros = list(micro_batches(batch, micro_tokens, padded))
            several = several or len(micros) > 1
            heavy = max([heavy, *((weight_of(config, micro), micro) for micro in micros)], key=lambda item: item[0])
    return [heavy[1][:1], heavy[1]] if several else [heavy[1]]


def weight_of(config: Any, rows: Sequence[Row]) -> float:
    """Return floats that a layer keeps for the backward pass, roughly: only to compare micro-batches."""
    text = config.get_text_config()
    heads = text.num_attention_heads
    if kind_of_config(config) == "seq2seq":
        sources = [len(part) for row in rows for part in (row.question, row.why) if part]
        targets = [len(part) for row in rows for part in (row.label, row.rationale) if part]
        source, target = max(sources), max(targets)
        kept, pairs = source + target, source * source + target * target + source * target
        return float(len(sources) * (kept * (12 * text.d_model + 4 * text.d_ff) + heads * pairs))
    prefixes = {row.prefix for row in rows}
    tokens = sum(map(len, prefixes)) + sum(row.tokens for row in rows)
    pairs = sum(len(prefix) ** 2 for prefix in prefixes)
    pairs += sum(row.tokens * (len(row.prefix) + row.tokens) for row in rows)
    return float(tokens * (12 * text.hidden_size + 4 * text.intermediate_size) + heads * pairs)


def smaller(rows: Sequence[Row], micro_tokens: int) -> list[int]:
    """Return smaller bounds to try, each half of the one before, down to one row a micro-batch."""
    largest = max(size_of([row], padded=not row.prefix) for row in rows)
    found = []
    while micro_tokens > largest:
        micro_tokens = max(largest, micro_tokens // 2)
        found.append(micro_tokens)
    return found


class _ThreeCharacters:
    """Stands for a tokenizer that is not here."""

    eos_token_id, bos_token, chat_template, pad_token_id = 0, "", None, 0

    def __call__(self, text: str, add_special_tokens: bool = False) -> dict[str, list[int]]:
        return {"input_ids": [1] * -(-len(text) // 3)}
