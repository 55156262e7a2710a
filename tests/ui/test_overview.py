"""Rows and pictures of runs, from files alone."""

import json

from thriftune.ui.overview import Overview, overview, pareto
from thriftune.ui.pictures import pareto_picture


def made(name, value, minutes, peak):
    match = {"value": value, "low": max(0, value - 0.1), "high": min(1, value + 0.1), "n": 100}
    return Overview(name, "done", match=match, minutes=minutes, peak_bytes=peak)


RUNS = [made("good", 0.5, 60, 8), made("quick", 0.3, 10, 8), made("lean", 0.3, 60, 2), made("beaten", 0.3, 60, 8)]


def test_no_run_that_is_beaten_in_all_three_is_on_the_front():
    assert pareto([*RUNS, Overview("unknown", "train: running")]) == {"good", "quick", "lean"}
    twins = [made("one", 0.5, 1, 1), made("two", 0.5, 1, 1)]
    assert pareto(twins) == {"one", "two"}


def test_a_figure_that_is_missing_is_missing(tmp_path):
    manifest = {"stages": {"train": {"status": "out_of_memory", "figures": {"modality": "full"}}}, "recipe": None}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    row = overview("run", tmp_path)
    assert row.state == "train: out_of_memory" and row.cells()[3:] == ("full", "–", "–", "–", "–", "–")
    assert pareto_picture([row]) == ""


def test_the_picture_holds_every_run_within_its_frame_and_no_markup_of_names():
    picture = pareto_picture([*RUNS, made("<script>", 0.3, 60, 9)])
    assert picture.count('class="run best"') == 3 and picture.count('class="run"') == 2
    assert "<script>" not in picture and "&lt;script&gt;" in picture
