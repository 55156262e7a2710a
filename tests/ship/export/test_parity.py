"""The margins hold where they must, and the intervals say how much the questions can tell."""

import pytest

from thriftune.records import Verdict
from thriftune.report.parity import rows
from thriftune.ship.parity import Margin, Side, compare, paired
from thriftune.ship.worker import Answer

MARGIN = Margin(0.9, 0.05)


def side(texts: list[str], right: list[bool | None], prompts: str = "p") -> Side:
    answers = [Answer(id=str(n), text=t, prompt_id=f"{prompts}{n}", prompt_tokens=3) for n, t in enumerate(texts)]
    verdicts = [
        Verdict(question_id=str(n), valid=True, execution_match=one, canonical=bool(one)) for n, one in enumerate(right)
    ]
    return Side(answers, verdicts)


def found(trained: Side, export: Side) -> dict:
    return compare(trained, export, MARGIN, lambda text: [ord(letter) for letter in text], 400)


def test_the_same_answers_pass_and_the_interval_says_of_how_many():
    same = side(["ab"] * 20, [True] * 10 + [False] * 10)
    result = found(same, same)
    assert result["passed"] and result["faults"] == []
    assert result["labels"]["value"] == 1 and 0.8 < result["labels"]["low"] < 0.9, "20 questions cannot promise more"
    difference = result["execution_match"]["difference"]
    assert difference["value"] == 0 and difference["low"] == -difference["high"] < -0.1


def test_one_answer_of_ten_is_at_the_margin_and_two_are_beyond():
    trained = side(["ab"] * 10, [False] * 10)
    assert found(trained, side(["ab"] * 9 + ["ax"], [False] * 10))["passed"]
    result = found(trained, side(["ab"] * 8 + ["ax"] * 2, [False] * 10))
    assert not result["passed"] and result["faults"] == ["80.0 % of the answers are the same, 90.0 % are needed"]


@pytest.mark.parametrize("better", [True, False])
def test_a_difference_of_the_rates_is_refused_in_both_directions(better):
    trained, export = side(["ab"] * 20, [True, not better] * 10), side(["ab"] * 20, [True, better] * 10)
    result = found(trained, export)
    assert not result["passed"] and len(result["faults"]) == 2
    difference = result["execution_match"]["difference"]
    assert abs(difference["value"]) == 0.5 and difference["low"] < difference["value"] < difference["high"]


def test_another_prompt_is_refused_even_where_the_answers_are_the_same():
    result = found(side(["ab"] * 4, [True] * 4), side(["ab"] * 4, [True] * 4, prompts="other"))
    assert result["faults"] == ["100.0 % of the prompts become other token ids"]


def test_tokens_count_up_to_the_first_that_differs_and_the_end_is_one():
    result = found(side(["abcd", "ab"], [True] * 2), side(["abxd", "abc"], [True] * 2))
    assert result["tokens"]["value"] == pytest.approx((2 + 2) / (5 + 4))


def test_what_the_engine_cannot_judge_is_left_out():
    result = found(side(["ab"] * 3, [True, None, None]), side(["ab"] * 3, [True, None, True]))
    assert result["execution_match"]["difference"]["n"] == 1
    nothing = found(side(["ab"] * 2, [None] * 2), side(["ab"] * 2, [None] * 2))
    assert nothing["execution_match"] is None and nothing["passed"]
    assert rows({"merged": {**nothing, "allowed": False}})[2][3:5] == ["–", "–"]


def test_a_paired_interval_is_narrower_than_that_of_its_sides():
    right = [True, False] * 20
    result = found(side(["ab"] * 40, right), side(["ab"] * 40, [*right[:-1], True]))["execution_match"]
    assert result["difference"]["high"] - result["difference"]["low"] < 0.1
    assert result["trained"]["high"] - result["trained"]["low"] > 0.2
    assert paired([0.0, 0.0], 100)["low"] < 0
