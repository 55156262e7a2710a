"""Stage *report*: manifests and records → `report.html` (self-contained) and `report.md`."""

from pathlib import Path
from typing import Any

from thriftune.files import write_text
from thriftune.report import parity
from thriftune.report.again import commands, recipe_text, tabbed
from thriftune.report.curves import LEGEND, loss_curves
from thriftune.report.facts import Facts, collect, families, faults, lessons, table, training
from thriftune.runs import Run


def report(run: Run) -> dict[str, Any]:
    """Write both reports of a run whose evaluation is done."""
    facts = collect(run)
    forms = parity.read(run.path("parity.json"), run.manifest["stages"].get("train", {}).get("id"))
    exported = parity.rows(forms)
    write_text(run.path("report.html"), _html(facts, exported, list(forms)))
    write_text(run.path("report.md"), _markdown(facts, exported))
    return {"examples": len(facts.right) + len(facts.wrong)}


def _html(facts: Facts, exported: list[list[str]], forms: list[str]) -> str:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    folder = Path(__file__).parent
    pages = Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pages.filters["tabbed"] = tabbed
    return pages.get_template("page.html.jinja").render(
        facts=facts,
        table=table(facts),
        families=families(facts),
        faults=faults(facts),
        lessons=lessons(facts),
        training=training(facts),
        exported=exported,
        recipe=recipe_text(facts.manifest),
        made=commands(facts.name, forms),
        curves=Markup(loss_curves(facts.metrics)),
        legend=Markup(LEGEND),
    )


def _markdown(facts: Facts, exported: list[list[str]]) -> str:
    parts = [
        f"# {facts.name}",
        "Brackets are 95 % bootstrap intervals over the test questions (Wilson's where a rate is 0 or 100 %).",
        pipes(table(facts)),
    ]
    parts += ["## Execution match by clause family", pipes(families(facts)), "## Faults", pipes(faults(facts))]
    parts += ["## What it took", pipes([["", ""], *lessons(facts), *training(facts)])]
    if exported:
        parts += ["## Exports beside the trained model", pipes(exported)]
    return "\n\n".join(parts) + "\n"


def pipes(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table; the first row is the header."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
