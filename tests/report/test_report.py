"""The page stands alone, shows what people wrote as text, and has a dash where there is no figure."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from thriftune.errors import InputError
from thriftune.files import write_json, write_records, write_text
from thriftune.recipe import Recipe, load
from thriftune.records import Prediction, Question, Verdict
from thriftune.report.again import recipe_text
from thriftune.report.curves import loss_curves
from thriftune.report.stage import report
from thriftune.report.text import summary
from thriftune.runs import Run

CELL = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 2}
EVIL = """<script>alert('x')</script> & "quotes" <img src=x onerror=alert(1)> | pipe"""


class Page(HTMLParser):
    """Collects tags, attributes, table rows and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data

    def row(self, title: str) -> list[str]:
        return next(row[1:] for row in self.rows if row and row[0] == title)


def prediction(identity: str, text: str = "which?") -> Prediction:
    question = Question(id=identity, collection="films", text=text, meaning=identity)
    return Prediction(question=question, gold="{gold}", text=f"written {text}", tokens=3, seconds=0.1)


def handmade(folder, scores: dict, stages: dict | None = None, text: str = "which?", metrics: list = ()) -> Run:
    write_json(folder / "manifest.json", {"stages": stages or {}, "name": "hand & made", "version": "0.0.1"})
    write_json(folder / "scores.json", scores)
    write_records(folder / "predictions.jsonl", [prediction("a", text), prediction("b"), prediction("c")])
    verdicts = [
        Verdict(question_id="a", valid=False, fault="invalid", detail=f"no {text}", gold_result=text, result=text),
        Verdict(question_id="b", valid=True, execution_match=True, gold_result="2 matches", result="2 matches"),
        Verdict(question_id="c", valid=False, fault="unsupported", execution_match=None),
    ]
    write_records(folder / "verdicts.jsonl", verdicts)
    if metrics:
        write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in metrics))
    return Run(folder)


def page(run: Run) -> Page:
    report(run)
    return Page(run.path("report.html").read_text(encoding="utf-8"))


SCORES = {
    "base": {"unsupported": 0, "execution_match": {**CELL, "value": 0.0, "low": 0.0, "high": 0.6577}, "faults": {}},
    "tuned": {
        "unsupported": 1,
        "execution_match": CELL,
        "label_loss": {"value": 0.1234, "low": 0.1, "high": 0.15, "n": 2},
        "faults": {"invalid": 1},
        "families": {"term": {"value": 0.5, "n": 2}},
        "seconds_per_answer": 0.25,
        "peak_bytes": 1_500_000_000,
    },
}
METRICS = [{"step": n, "label_loss": 2 / n, "rationale_loss": 3 / n, "valid_label_loss": 1.0} for n in range(1, 30)]


def test_the_page_is_one_file_that_asks_for_nothing(tmp_path):
    run = handmade(tmp_path, SCORES, metrics=METRICS)
    html = page(run)
    source = run.path("report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//\w|url\(|@import", source)
    assert not set(html.attributes) & {"src", "href", "srcset", "action", "data", "poster"}
    assert not set(html.tags) & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert "svg" in html.tags and "polyline" in html.tags


def test_what_people_and_models_wrote_is_shown_as_text(tmp_path):
    run = handmade(tmp_path, SCORES, text=EVIL)
    html = page(run)
    assert not set(html.tags) & {"script", "img"} and "onerror" not in html.attributes
    assert html.text.count(EVIL) == 5, "question, answer, both results and the fault's detail, whole"
    assert "hand & made" in html.text


def test_figures_are_shown_with_their_intervals(tmp_path):
    html = page(handmade(tmp_path, SCORES))
    assert html.rows[0] == ["2 test questions", "base", "tuned"]
    assert html.row("execution match") == ["0.0 % [0.0, 65.8]", "50.0 % [25.0, 75.0]"]
    assert html.row("answers that could not be judged") == ["0", "1"], "left out of the rates, so told"
    assert html.row("invalid") == ["0", "1"], "the base was judged and had no such fault: that is a true 0"
    assert html.row("term") == ["2", "–", "50 % [9, 91]"]


def test_the_commands_and_the_recipe_that_made_it_are_named(tmp_path):
    run = handmade(tmp_path, SCORES, metrics=METRICS)
    assert "Make it again" not in page(run).text, "no recipe of this version"
    asked = {
        "name": "shop",
        "task": {"collections": {"a<b": {"demo": "films"}}},
        "teacher": {"lessons": ["demo:films"]},
    }
    made_by = Recipe.model_validate(asked | {"train": {"rank": 32, "batch": 8}})
    run.note(name="shop", recipe=made_by.model_dump(mode="json"))
    text = page(run).text
    for command in ("run", "train", "evaluate"):
        assert f"thriftune {command} shop.yaml" in text
    written = text.partition("Make it again")[2].partition("name: shop")[2].partition("Right")[0]
    assert "rank: 32" in written and "a<b" in written and "batch" not in written, "what is default is left out"
    (tmp_path / "shop.yaml").write_text(recipe_text(run.manifest))
    assert load(tmp_path / "shop.yaml") == made_by


def test_a_report_tells_nobodys_folders(tmp_path):
    home = Path("/home/someone/shop")
    files = {"mapping": str(home / "mapping.json"), "documents": str(home / "data" / "documents.jsonl")}
    asked = {
        "name": "shop",
        "task": {"collections": {"shop": files | {"notes": {"address": "/products/1, without the host"}}}},
        "teacher": {"lessons": ["demo:films", str(home / "lessons.jsonl")]},
    }
    written = recipe_text({"recipe": Recipe.model_validate(asked).model_dump(mode="json")})
    assert "/home" not in written and "documents: data/documents.jsonl" in written
    assert "- demo:films\n  - lessons.jsonl" in written and "/products/1, without the host" in written


def test_every_table_can_be_copied_as_text_and_reached_by_keyboard(tmp_path):
    html = page(handmade(tmp_path, SCORES))
    tables = html.tags.count("table")
    assert html.tags.count("pre") == tables == html.attributes["tabindex"].count("0") == html.tags.count("caption")
    assert "execution match\t0.0 % [0.0, 65.8]\t50.0 % [25.0, 75.0]" in html.text
    assert html.tags.count("main") == html.tags.count("h1") == 1 and "lang" in html.attributes


def test_a_missing_figure_is_a_dash_and_never_0(tmp_path):
    html = page(handmade(tmp_path, {"base": {"unsupported": 3}, "tuned": SCORES["tuned"]}))
    assert html.row("execution match") == ["–", "50.0 % [25.0, 75.0]"]
    assert html.row("robust execution match") == ["–", "–"]
    assert html.row("label loss") == ["–", "0.123 [0.100, 0.150]"] and html.row("rationale loss") == ["–", "–"]
    assert html.row("seconds per answer, in batches") == ["–", "0.25"] and html.row("tokens per second") == ["–", "–"]
    assert html.row("peak memory, GB") == ["–", "1.50"]
    assert html.row("invalid") == ["–", "1"], "nothing of the base was judged"
    for title, cells in [
        ("lessons kept / rejected", "– / –"),
        ("teacher", "–"),
        ("train / valid / test", "– / – / –"),
        ("pairs that straddle the split", "–"),
        ("modality, precision", "–, –"),
        ("trainable / all parameters", "– / –"),
        ("optimizer steps", "–"),
        ("supervised tokens per second", "–"),
        ("peak memory of training, GB", "–"),
        *((f"seconds: {stage}", "–") for stage in ("teach", "dataset", "train", "evaluate")),
    ]:
        assert html.row(title) == [cells]


def test_what_a_run_took_comes_from_its_manifest(tmp_path):
    stages = {
        "teach": {"seconds": 12.4, "figures": {"kept": 9, "rejected": {"not_json": 1, "invalid": 2}}},
        "dataset": {"figures": {"train": 7, "valid": 0, "test": 2, "leaks": 0}},
        "train": {"figures": {"parameters": 134515008, "trainable_parameters": 0}},
    }
    html = page(handmade(tmp_path, SCORES, stages))
    assert html.row("lessons kept / rejected") == ["9 / 3"]
    assert html.row("train / valid / test") == ["7 / 0 / 2"] and html.row("pairs that straddle the split") == ["0"]
    assert html.row("trainable / all parameters") == ["0 / 134,515,008"]
    assert html.row("seconds: teach") == ["12"]


def test_the_markdown_has_the_same_table(tmp_path):
    run = handmade(tmp_path, SCORES, metrics=METRICS)
    report(run)
    text = run.path("report.md").read_text(encoding="utf-8")
    assert "| execution match | 0.0 % [0.0, 65.8] | 50.0 % [25.0, 75.0] |" in text
    assert "| robust execution match | – | – |" in text


SAME = {
    "labels": {**CELL, "value": 1.0, "low": 0.34, "high": 1.0},
    "tokens": {**CELL, "value": 1.0, "low": 1.0, "high": 1.0},
    "execution_match": {
        "trained": CELL,
        "export": CELL,
        "difference": {**CELL, "value": 0.0, "low": -0.6, "high": 0.6},
    },
    "canonical_match": None,
    "faults": [],
    "passed": True,
    "allowed": False,
}
FORMS = {
    "merged": SAME,
    "gguf-f16": {"faults": ["not measured"], "passed": False, "allowed": True},
    "gguf-q8_0": {**SAME, "faults": ["half of <b>it</b>"], "passed": False},
}


def test_the_forms_that_were_exported_stand_beside_the_trained_model(tmp_path):
    run = handmade(tmp_path, SCORES, {"train": {"id": "t1"}})
    write_json(run.path("parity.json"), {"trained": "t1", "forms": FORMS})
    html = page(run)
    assert html.row("trained") == ["", "", "50.0 % [25.0, 75.0]", "", "–", "2 questions"]
    assert html.row("merged")[3:] == ["0.0 % [-60.0, 60.0]", "–", "within the margin"]
    assert html.row("gguf-f16") == ["–", "–", "–", "–", "–", "kept by --allow: not measured"]
    assert html.row("gguf-q8_0")[-1] == "refused: half of <b>it</b>"
    assert "| merged | 100.0 % [34.0, 100.0] |" in run.path("report.md").read_text(encoding="utf-8")


def test_a_parity_of_another_training_is_not_shown_and_a_damaged_one_is_named(tmp_path):
    run = handmade(tmp_path, SCORES, {"train": {"id": "t2"}})
    write_json(run.path("parity.json"), {"trained": "t1", "forms": FORMS})
    assert "Exports" not in page(run).text
    run.path("parity.json").write_text("[]")
    with pytest.raises(InputError, match=r"parity.json is damaged"):
        report(run)


def test_right_and_wrong_are_told_apart_and_the_unjudged_is_neither(tmp_path):
    run = handmade(tmp_path, SCORES, metrics=METRICS)
    assert report(run) == {"examples": 2}


def test_the_summary_shows_the_table_and_where_things_are(tmp_path):
    run = handmade(tmp_path, SCORES, metrics=METRICS)
    report(run)
    lines = summary(run, scored=True).splitlines()
    assert re.fullmatch(r"2 test questions +base +tuned", lines[0])
    assert f"report    {run.path('report.html')}" in lines


@pytest.mark.parametrize("name", ["scores.json", "predictions.jsonl", "verdicts.jsonl"])
@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_missing_or_damaged_file_is_named(tmp_path, name, damage):
    run = handmade(tmp_path, SCORES, metrics=METRICS)
    if damage == "missing":
        run.path(name).unlink()
    else:
        run.path(name).write_text("[3\n")
    with pytest.raises(InputError, match=re.escape(str(run.path(name)))):
        report(run)


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        [{"step": 1, "label_loss": 1.0}],
        [{"step": 1}, {"step": 2}],
        [{"step": 1, "label_loss": 0.0}, {"step": 2, "label_loss": 0.0}],
    ],
)
def test_curves_need_two_points_above_0(metrics):
    assert loss_curves(metrics) == ""


def test_the_picture_is_told_in_words_too():
    svg = loss_curves([{"step": n, "label_loss": 2 / n, "rationale_loss": 3.0} for n in range(1, 9)])
    assert "label, training from 2.00 to 0.25; rationale, training from 3.00 to 3.00" in svg


def test_label_only_has_no_rationale_curve():
    svg = loss_curves([{"step": n, "label_loss": 2 / n} for n in range(1, 9)])
    assert svg.count("<polyline") == 1 and "rationale" not in svg
