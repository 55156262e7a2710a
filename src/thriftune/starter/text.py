"""The starter recipe as text: what the user chose, and beside each key why one would change it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from thriftune.starter.sheet import SHEET
from thriftune.tasks.query_dsl.mapping import fields_of

_NOTED = 6  # fields named as examples
_RATES = {"full": "5.0e-4", "lora": "2.0e-3", "qlora": "2.0e-3"}  # as in recipes/films-study.yaml


@dataclass(frozen=True)
class Chosen:
    """What a starter recipe is made of.

    Attributes:
        index: the name of the collection. url: of the server, or empty.
        teacher: a model's name, or empty for answers that are recorded in `lessons.jsonl`.
        base_url: of a server that speaks OpenAI's chat completions; empty for OpenAI's own.
        modality: full, lora or qlora.
    """

    name: str
    index: str
    url: str = ""
    teacher: str = ""
    base_url: str = ""
    modality: str = "lora"


def recipe_text(chosen: Chosen, mapping: dict[str, Any], documents: int) -> str:
    """Return the recipe."""
    parts = [
        _head(chosen),
        _task(chosen, mapping, documents),
        _teacher(chosen),
        "dataset:\n  test: 0.2                 # share of the questions that judge the student; few make wide brackets",
        "student:\n  model: smollm2-135m-instruct  # or a Hugging Face id, or a folder; causal or T5-like",
        _train(chosen),
    ]
    return "\n\n".join(parts) + "\n"


def _head(chosen: Chosen) -> str:
    lines = [f"# Questions in plain language → search bodies for the index {' '.join(chosen.index.split())}."]
    if chosen.teacher:
        lines.append("# Before it costs anything: thriftune teach recipe.yaml --dry-run")
    lines += ["# Then: thriftune run recipe.yaml", f"name: {_quoted(slug(chosen.name))}"]
    return "\n".join(lines)


def _task(chosen: Chosen, mapping: dict[str, Any], documents: int) -> str:
    fields = fields_of(mapping)
    named = [name for name, field in fields.items() if field.type in ("keyword", "integer", "float", "long", "double")]
    examples = ", ".join(f'{_quoted(name)}: "…"' for name in named[:_NOTED])
    lines = ["task:", "  kind: query_dsl"]
    if chosen.url:
        lines += [
            "  engine:",
            f"    url: {_quoted(chosen.url)}  # only searched; credentials come from the environment",
        ]
    lines += ["  collections:", f"    {_quoted(chosen.index)}:", "      mapping: mapping.json"]
    lines.append(
        f"      documents: documents.jsonl  # {documents:,} of them; answers are judged by what they find in these"
    )
    lines.append(
        "      # What a name does not say: units, codes, the values of a status. Students and teachers read it."
    )
    lines.append(f"      # notes: {{{examples}}}")
    if any(field.type == "date" for field in fields.values()):
        lines.append('      # now: "2026-01-01T00:00:00Z"  # what *last week* means; without it, the day of the run')
    return "\n".join(lines)


def _teacher(chosen: Chosen) -> str:
    if not chosen.teacher:
        return "\n".join(
            [
                "teacher:",
                '  # A line is {"prompt": "a question", "dsl": {"query": …}, "rationale": "why"}. A chat model that is',
                f"  # given {SHEET} writes such lines. Each is run, and kept only if it finds something.",
                "  lessons: [lessons.jsonl]",
            ]
        )
    where = f"  base_url: {_quoted(chosen.base_url)}" if chosen.base_url else "  # base_url: any server of OpenAI's API"
    return "\n".join(
        [
            "teacher:",
            "  kind: openai",
            f"  model: {_quoted(chosen.teacher)}",
            where,
            '  # questions: [questions.jsonl]  # your own are better: {"id", "collection", "questions": [wordings]}',
            "  expand: {count: 300}           # questions that the teacher thinks up from mapping and documents",
            "  # price: {input_per_million: 0.0, output_per_million: 0.0}",
            "  # budget_usd: 5                # hard; needs the price",
        ]
    )


def _train(chosen: Chosen) -> str:
    return "\n".join(
        [
            "train:",
            f"  modality: {chosen.modality:<14}  # full, lora or qlora; `thriftune plan` says what fits",
            f"  learning_rate: {_RATES[chosen.modality]:<9}  # goes with the modality: {_RATES['lora']} for adapters",
            "  epochs: 3                 # how often each lesson is seen",
        ]
    )


def slug(name: str) -> str:
    """Return a folder's name as a recipe may be named: small letters, digits and hyphens."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "my-index"


def _quoted(text: str) -> str:
    """JSON's spelling of a text is YAML's too, whatever is in it."""
    return json.dumps(text)
