"""An interval holds its value, claims no certainty it has not, and counts only what was judged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.evaluate.scores import by_family, interval, scores_of
from thriftune.records import Prediction, Question, Verdict

RATES = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@settings(max_examples=400, deadline=None)
@given(RATES | SHARES, st.integers(1, 60), st.integers(0, 3))
def test_an_interval_holds_its_value(values, resamples, seed):
    cell = interval(values, resamples, seed)
    assert 0 <= cell["low"] <= cell["value"] <= cell["high"] <= 1
    assert cell["value"] == pytest.approx(sum(values) / len(values), abs=1e-6) and cell["n"] == len(values)
    assert interval(values, resamples, seed) == cell, "the same figures give the same interval"


@pytest.mark.parametrize(("n", "bound"), [(1, 0.793451), (10, 0.277533), (80, 0.045818)])
def test_none_or_all_right_has_wilsons_bound(n, bound):
    assert interval([0.0] * n, 2000) == {"value": 0.0, "low": 0.0, "high": pytest.approx(bound, abs=2e-6), "n": n}
    assert interval([1.0] * n, 2000) == {"value": 1.0, "low": pytest.approx(1 - bound, abs=2e-6), "high": 1.0, "n": n}


def test_equal_shares_that_are_no_rate_have_no_width():
    assert interval([0.5] * 8, 100) == {"value": 0.5, "low": 0.5, "high": 0.5, "n": 8}


def test_the_bootstrap_has_the_width_that_theory_gives():
    cell = interval([1.0] * 30 + [0.0] * 70, 4000)
    half = 1.96 * (0.3 * 0.7 / 100) ** 0.5
    assert cell["value"] == 0.3
    assert cell["low"] == pytest.approx(0.3 - half, abs=0.021) and cell["high"] == pytest.approx(0.3 + half, abs=0.021)


def verdict(**keys) -> Verdict:
    return Verdict(**{"question_id": "q", "valid": True, "execution_match": True, "robust_match": True, **keys})


def test_what_the_engine_cannot_judge_is_counted_and_left_out_of_every_rate():
    wrong = verdict(execution_match=False, robust_match=False, fault="wrong_result", result_f1=0.5)
    broken = verdict(execution_match=False, robust_match=False, valid=False, fault="not_json")
    unknown = verdict(execution_match=None, robust_match=None, valid=False, fault="unsupported")
    table = scores_of([verdict(exact=True, canonical=True, result_f1=1.0), wrong, broken, unknown, unknown], 500)
    assert table["unsupported"] == 2
    rates = {name: cell["value"] for name, cell in table.items() if isinstance(cell, dict) and "n" in cell}
    assert rates == pytest.approx(
        {
            "valid": 2 / 3,
            "exact_match": 1 / 3,
            "canonical_match": 1 / 3,
            "execution_match": 1 / 3,
            "execution_match_nonempty": 1 / 3,
            "robust_match": 1 / 3,
            "result_f1": 0.5,
        },
        abs=1e-6,
    )
    assert {table[name]["n"] for name in rates} == {3}
    assert table["faults"] == {"wrong_result": 1, "not_json": 1}


def test_empty_golds_and_unknown_robustness_leave_only_their_own_column():
    table = scores_of([verdict(gold_empty=True), verdict(robust_match=None), verdict()], 100)
    assert [table[name]["n"] for name in ("execution_match", "execution_match_nonempty", "robust_match")] == [3, 2, 2]


def test_a_column_without_values_is_missing_not_0():
    table = scores_of([verdict(gold_empty=True, robust_match=None)], 100)
    assert "execution_match_nonempty" not in table and "robust_match" not in table
    assert table["faults"] == {}


@pytest.mark.parametrize("verdicts", [[], [verdict(execution_match=None)] * 3])
def test_nothing_judged_gives_no_rate(verdicts):
    assert scores_of(verdicts, 100) == {"unsupported": len(verdicts)}


def test_a_question_counts_in_each_of_its_families():
    def prediction(*families: str) -> Prediction:
        question = Question(id="q", collection="c", text="t", meaning="m")
        return Prediction(question=question, gold="g", text="t", tokens=1, seconds=0.1, families=families)

    rows = [
        (prediction("term"), verdict()),
        (prediction("term", "range"), verdict(execution_match=False)),
        (prediction("range"), verdict(execution_match=None)),
        (prediction("geo"), verdict(execution_match=None)),
        (prediction(), verdict()),
    ]
    cells = by_family([p for p, _ in rows], [v for _, v in rows])
    assert cells == {"term": {"value": 0.5, "n": 2}, "range": {"value": 0.0, "n": 1}}
    assert list(cells) == ["term", "range"], "the most frequent first"
