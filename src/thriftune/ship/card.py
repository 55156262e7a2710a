"""The model card of an export: what it learnt from, how good it is, what it may not be used for, how to load it."""

import re
from pathlib import Path
from typing import Any

from thriftune.recipe import Recipe
from thriftune.report import parity
from thriftune.report.facts import METRICS, collect, rate
from thriftune.report.stage import pipes
from thriftune.runs import Run
from thriftune.ship.about import About
from thriftune.ship.loading import lines
from thriftune.ship.prompt import PromptFile
from thriftune.ship.worker import Asked
from thriftune.students import embedded

_LICENCES = {embedded.NAME: "Apache-2.0 (SmolLM2-135M-Instruct, Hugging Face)"}


def text(
    run: Run, recipe: Recipe, about: About, prompt: PromptFile, forms: dict[str, Any], example: Asked, scored: bool
) -> str:
    """Return the card as Markdown.

    Args:
        forms: what `parity.json` says. example: a question with its prompt, for the lines that load the model.
        scored: whether the run's scores are of this training.
    """
    parts = [
        f"# {about.name}: {about.form}",
        *_warning(forms),
        f"A student for `{recipe.task.kind}`: {about.student.model}, {_how(about)}. Made by thriftune {about.version}.",
        "## Scores",
        _scores(run) if scored else "The run holds no scores of this training.",
        "## Is this the model that was scored?",
        "The same test questions, answered by the trained model and by this folder, each in a fresh process, greedily. "
        "Brackets are 95 % intervals; differences are paired. The margins are in `parity.json`.",
        pipes(parity.rows(forms)),
        "## Data",
        _data(run),
        "## Limits",
        _limits(about),
        "## Licence",
        f"The base: {licence(about.student.model)}. The weights here are derived from it.",
        "## How to load it",
        lines(about, prompt, example),
    ]
    return "\n\n".join(parts) + "\n"


def _warning(forms: dict[str, Any]) -> list[str]:
    faults = [f"{name}: {fault}" for name, result in forms.items() for fault in result["faults"]]
    return [f"> **Not shown to be the trained model.** {'; '.join(faults)}."] if faults else []


def _how(about: About) -> str:
    train = about.train
    learnt = "labels and rationales (Distilling Step-by-Step)" if train.objective == "dss" else "labels alone"
    adapter = "" if train.modality == "full" else f", rank {train.rank}, alpha {train.lora_alpha:g}"
    return f"{train.modality} fine-tuning{adapter} on {learnt}"


def _scores(run: Run) -> str:
    facts = collect(run)
    cells = [[title, *(rate(facts.scores[who].get(key)) for who in facts.students)] for key, title in METRICS.items()]
    n = next((cell["n"] for cell in [facts.scores["tuned"].get("execution_match")] if cell), "no")
    return pipes([["", *facts.students], *cells]) + f"\n\n{n} test questions, judged by running the answers."


def _data(run: Run) -> str:
    teach, data = run.figures("teach"), run.figures("dataset")
    counts = ", ".join(f"{data[name]} {name}" for name in ("train", "valid", "test") if name in data)
    return (
        f"Teacher: {teach.get('teacher', 'unknown')}. Lessons kept: {teach.get('kept', 'unknown')}, each label "
        "verified by running it. "
        f"Split by meaning: {counts or 'unknown'}; pairs that straddle: {data.get('leaks', 'unknown')}."
    )


def _limits(about: About) -> str:
    said = [
        "- It answers questions of the collections in `prompt.json`, asked through that prompt, and nothing else.",
        "- Whoever runs its answers must limit what they may do; it can write valid and wrong ones.",
        "- The question's text in the prompt may hold more than was typed: values of the index that it names. The task "
        "makes it (`task.prompt` in Thriftune).",
    ]
    if about.train.vocabulary == "domain" and about.kind == "causal":
        said.append("- Training's softmax covered the domain's tokens and a random rest; the vocabulary here is whole.")
    if about.form == "adapter" and about.train.modality == "qlora":
        said.append("- It belongs to the *dequantised* 4-bit base; on the untouched base it is another model.")
    if about.form == "ollama":
        said.append("- The Modelfile was proved by rendering its template and asking llama.cpp, not by Ollama itself.")
    return "\n".join(said)


def licence(model: str) -> str:
    """Return the licence of a base as its own card says, or that it is unknown."""
    if model in _LICENCES:
        return _LICENCES[model]
    try:
        found = re.search(r"^license: *(\S+)", Path(model, "README.md").read_text(encoding="utf-8"), re.M)
    except OSError:
        found = None
    return found[1] if found else f"unknown; see the card of {model} before you pass this on"
