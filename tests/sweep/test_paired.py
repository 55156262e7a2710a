"""Differences on the same questions, and the findings they decide."""

import random

import pytest

from thriftune.sweep.findings import CONFIRMED, OPEN, REFUTED, findings, words
from thriftune.sweep.paired import Difference, losses, matches
from thriftune.sweep.pareto import front, picture
from thriftune.sweep.results import Result, loss_difference, match_difference, paired


def test_a_paired_difference_is_narrower_than_its_two_rates():
    chance = random.Random(0)
    worse = "".join("1" if chance.random() < 0.5 else "0" for _ in range(200))
    better = "".join("1" if bit == "1" or chance.random() < 0.1 else "0" for bit in worse)
    found = matches([better], [worse])
    assert found.shown == 1 and found.value == pytest.approx((better.count("1") - worse.count("1")) / 200)
    assert found.high - found.low < 0.08


def test_the_interval_of_one_seed_is_that_of_the_mean():
    """For one seed the bootstrap's width is known: 2 · 1.96 · the standard error."""
    bits = ("1" * 30 + "0" * 70, "0" * 100)
    found = matches([bits[0]], [bits[1]], resamples=20_000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.3 * 0.7 / 100) ** 0.5, rel=0.05)


def test_seeds_that_disagree_widen_the_interval():
    agree = matches(["1" * 10 + "0" * 90] * 3, ["0" * 100] * 3)
    disagree = matches(["1" * 30 + "0" * 70, "0" * 100, "0" * 100], ["0" * 100] * 3)
    assert agree.value == disagree.value == pytest.approx(0.1)
    assert disagree.high - disagree.low > 1.5 * (agree.high - agree.low) and agree.shown == 1 and disagree.shown == 0


def test_the_interval_covers_as_often_as_it_says():
    """Many draws of 8 seeds and 60 questions, both of which vary: 95 % intervals cover the truth about as often."""
    chance, covered = random.Random(3), 0
    for _ in range(150):
        hard = [chance.gauss(0, 0.1) for _ in range(60)]
        rows = ([], [])
        for _ in range(8):
            shift = chance.gauss(0, 0.05)
            for side, rate in ((0, 0.6 + shift), (1, 0.4)):
                rows[side].append("".join(str(int(chance.random() < rate + h)) for h in hard))
        found = matches(*rows, resamples=400)
        covered += found.low <= 0.2 <= found.high
    assert 130 <= covered <= 150


def test_questions_that_were_not_judged_are_left_out():
    assert matches(["1-1"], ["00-"]).questions == 1
    assert matches(["--"], ["11"]) is None


def test_runs_that_agree_on_every_question_do_not_prove_that_there_is_no_difference():
    found = matches(["0" * 20] * 3, ["0" * 20] * 3)
    assert found.value == 0 and found.high == -found.low == pytest.approx(0.161, abs=1e-3)


def test_losses_are_paired_by_question():
    """Questions that are hard for both do not widen the interval, questions and seeds that disagree do."""
    hard = [float(place % 7) for place in range(60)]
    found = losses([hard] * 2, [[value + 0.1 for value in hard]] * 2)
    assert (found.value, found.low, found.high) == (pytest.approx(-0.1),) * 3 and found.shown == -1
    mixed = losses([hard], [[value + (0.9 if place % 2 else -0.7) for place, value in enumerate(hard)]])
    assert mixed.value == pytest.approx(-0.1) and mixed.shown == 0


def test_losses_that_were_not_recorded_are_not_compared():
    one, other = result("a", 1, 50), result("b", 1, 10)
    assert loss_difference([(one, other)]).value < 0
    del one.record["label_losses"]
    assert loss_difference([(one, other)]) is None


def result(group: str, seed: int, right: int, peak: float = 1e9, **row) -> Result:
    bits = "1" * right + "0" * (100 - right)
    scores = {"execution_match": {"value": right / 100, "low": 0.0, "high": 1.0}}
    scores["label_loss"] = {"value": 1 - right / 100}
    record = {
        "id": f"{group}{seed}{row}",
        "seed": seed,
        "questions": "q",
        "scores": scores,
        "verdicts": {"execution_match": bits},
        "label_losses": [0.1 if bit == "1" else 0.4 for bit in bits],
        "overrides": {},
        "train": {"peak_bytes": peak, "train_seconds": 10.0 - right / 100, "modality": row.get("modality", "lora")},
    }
    return Result(group, {"seed": seed, **row}, record)


def arms(dss: dict[str, int], label_only: dict[str, int], peaks: dict[str, float]) -> list[Result]:
    rows = []
    for modality in dss:
        for seed in (1, 2, 3):
            cell = {"modality": modality, "peak": peaks[modality]}
            rows.append(result("ablation", seed, dss[modality], **cell, objective="dss", compute="steps"))
            for compute in ("steps", "tokens"):
                rows.append(
                    result("ablation", seed, label_only[modality], **cell, objective="label_only", compute=compute)
                )
    return rows


def ratios(quality: dict[float, int]) -> list[Result]:
    keys = [(rank, ratio) for rank in (8, 32) for ratio in quality]
    return [
        result("sweep", 1, quality[ratio], **{"train.rank": rank, "train.alpha_ratio": ratio}) for rank, ratio in keys
    ]


def verdicts(results: list[Result]) -> dict[str, str]:
    """Of both measures, which say the same here: losses are made from the matches."""
    found = findings(results, "execution_match")
    assert all(each.by_loss in (each.verdict, "") for each in found)
    return {each.name: each.verdict for each in found}


FALLING = {"full": 3e9, "lora": 2e9, "qlora": 1e9}


def test_the_papers_findings_are_confirmed_by_what_they_say():
    told = arms({"full": 90, "lora": 70, "qlora": 50}, {"full": 60, "lora": 40, "qlora": 20}, FALLING)
    told += ratios({1.0: 10, 2.0: 20, 4.0: 60, 8.0: 30})
    assert verdicts(told) == dict.fromkeys(("F1", "F2", "F3", "F4"), CONFIRMED)


def test_the_contrary_refutes_them():
    rising = {"full": 1e9, "lora": 2e9, "qlora": 3e9}
    told = arms({"full": 20, "lora": 40, "qlora": 60}, {"full": 60, "lora": 70, "qlora": 90}, rising)
    told += ratios({1.0: 90, 2.0: 20, 4.0: 30, 8.0: 30})
    assert verdicts(told) == dict.fromkeys(("F1", "F2", "F3", "F4"), REFUTED)


def test_what_is_equal_or_missing_decides_nothing():
    same = {"full": 50, "lora": 50, "qlora": 50}
    assert verdicts(arms(same, same, dict.fromkeys(FALLING, 1e9))) == dict.fromkeys(("F1", "F2", "F3", "F4"), OPEN)
    assert verdicts([]) == dict.fromkeys(("F1", "F2", "F3", "F4"), OPEN)
    part = arms({"full": 90}, {"full": 20}, FALLING)
    assert verdicts(part)["F1"] == OPEN, "one modality is not every configuration"


def test_one_seed_decides_nothing():
    told = arms({"full": 90, "lora": 70, "qlora": 50}, {"full": 60, "lora": 40, "qlora": 20}, FALLING)
    first = [each for each in told if each.seed == 1]
    assert set(verdicts(first).values()) == {OPEN}


def test_trials_on_other_questions_are_not_compared():
    one, other = result("a", 1, 50), result("b", 1, 10)
    other = Result("b", other.row, {**other.record, "questions": "others"})
    assert paired([one], [other]) == [] and match_difference([], "execution_match") is None


def test_words_say_what_is_not_shown():
    said = words("lora, equal steps", Difference(0.01, -0.02, 0.04, 3, 160), None)
    assert "no difference is shown" in said and "2.0 points down or 4.0 up is not excluded" in said
    assert "One seed" in words("full", Difference(0.1, 0.05, 0.2, 1, 160), None)


def test_the_front_holds_what_nothing_beats():
    good, cheap, bad = result("a", 1, 60, 3e9), result("a", 2, 20, 1e9), result("a", 3, 10, 4e9)
    assert front([good, cheap, bad], "execution_match") == [good, cheap]
    svg = picture([good, cheap, bad], "execution_match")
    assert svg.count('class="ring"') == 2 and svg.count("<title>") == 3 and picture([good], "execution_match") == ""
