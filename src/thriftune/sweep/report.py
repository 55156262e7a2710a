"""A study's page: `report.html` (self-contained) and `report.md`, from the plan and the records alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thriftune.files import write_text
from thriftune.recipe import Recipe
from thriftune.report.stage import pipes
from thriftune.sweep import pareto, tables
from thriftune.sweep.findings import Finding
from thriftune.sweep.plan import Planned, Records
from thriftune.sweep.results import done
from thriftune.version import VERSION

NOTES = (
    "Rates are of the test split's questions, the same for every trial. Brackets are 95 % intervals: of one rate, over "
    "questions; of a difference, over questions and seeds drawn on their own (few seeds: rather too narrow). Trials "
    "are ranked on the same questions that their scores are told of, so the best of many looks better than it is.",
    "Equal steps: label-only takes as many optimizer steps on as many rows as DSS. Equal tokens: label-only takes as "
    "many steps as come nearest to the tokens that DSS processed (the constant prefix once a micro-batch, and each "
    "row's question, label and rationale; padding not counted), so it sees more rows.",
)


@dataclass(frozen=True)
class Sheet:
    """One table with its title and sentences."""

    title: str
    rows: list[list[str]]
    said: Sequence[str] = ()


def sheets(recipe: Recipe, planned: Sequence[Planned], records: Records) -> list[Sheet]:
    """Return the tables that have rows."""
    results, metric = done(planned, records), recipe.study.metric
    compared, said = tables.comparisons(results, metric)
    made = [
        Sheet("Best of each modality", tables.modalities(results, metric)),
        Sheet("DSS and label-only", tables.arms(results, metric)),
        Sheet("DSS against label-only on the same questions", compared, said),
        Sheet("Quality over alpha:rank", tables.ratios(results, metric)),
        Sheet("Search and presets", tables.search(results, metric)),
        Sheet("Without fine-tuning", tables.baselines(results, metric), [_teacher(recipe)]),
        Sheet("How many lessons are needed", tables.lessons(results, metric)),
        Sheet("What did not come out", tables.missing(planned, records)),
    ]
    return [sheet for sheet in made if len(sheet.rows) > 1]


def _teacher(recipe: Recipe) -> str:
    if recipe.teacher.kind == "recorded":
        return "The teacher's answers are recorded and are the gold answers themselves: it has no score of its own."
    return "The teacher's kept answers are the gold answers; asked again it was not."


def write(
    folder: Path, recipe: Recipe, planned: Sequence[Planned], records: Records, found: Sequence[Finding]
) -> list[Path]:
    """Write both reports into a folder, the findings where it is a study; return their paths."""
    results, made = done(planned, records), sheets(recipe, planned, records)
    judged = list(found) if _is_study(planned) else []
    head = count(planned, records)
    html, markdown = folder / "report.html", folder / "report.md"
    write_text(html, _html(recipe, head, judged, made, pareto.picture(results, recipe.study.metric)))
    write_text(markdown, _markdown(recipe, head, judged, made))
    return [html, markdown]


def count(planned: Sequence[Planned], records: Records) -> str:
    """Say how much of the plan is done."""
    ids = {each.trial.id for each in planned}
    ended = [records[key] for key in ids if key in records]
    good = [record for record in ended if record["status"] == "done"]
    text = f"{len(good)} of {len(ids)} trials done"
    if len(good) < len(ended):
        text += f", {len(ended) - len(good)} ended otherwise"
    used = sorted({str(record.get("versions", {}).get("thriftune", "?")) for record in good})
    machines = sorted({f"{r.get('processor', '?')} ({r.get('cores', '?')} cores)" for r in good})
    return f"{text}. Versions: {', '.join(used) or '–'}. Machines: {', '.join(machines) or '–'}."


def _is_study(planned: Sequence[Planned]) -> bool:
    return {"ablation", "sweep"} <= {each.group for each in planned}


def verdicts(judged: Sequence[Finding]) -> list[list[str]]:
    """Return the findings as a table."""
    rows = [["", "the paper's finding", "here", "by the test loss of labels", "figures"]]
    return rows + [[f.name, f.claim, f.verdict, f.by_loss or "–", "; ".join(f.figures) or "–"] for f in judged]


def _html(recipe: Recipe, head: str, judged: list[Finding], made: list[Sheet], picture: str) -> str:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    page = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template("page.html.jinja")
    return page.render(
        name=recipe.name, head=head, notes=NOTES, findings=judged, sheets=made, picture=Markup(picture), version=VERSION
    )


def _markdown(recipe: Recipe, head: str, judged: list[Finding], made: list[Sheet]) -> str:
    parts = [f"# {recipe.name}", head, *NOTES]
    if judged:
        parts += ["## The paper's findings", pipes(verdicts(judged))]
    for sheet in made:
        parts += [f"## {sheet.title}", pipes(sheet.rows), *(f"- {text}" for text in sheet.said)]
    return "\n\n".join(parts) + "\n"
