"""What a plan says of figures that are given."""

import pytest

from thriftune.plan.devices import Device
from thriftune.plan.make import Line, Plan
from thriftune.plan.options import Option
from thriftune.plan.text import reason

DEVICE = Device("a test", 1000, "cpu", False)


def plan(training: int, evaluation: int) -> Plan:
    option = Option("full", 512, False, "fp32", {"parameters": 100, "activations": training - 100}, "end", DEVICE)
    return Plan("a student", 25, DEVICE, "4 rows", [Line(option, None, evaluation)], 4)


@pytest.mark.parametrize(
    ("training", "evaluation", "said"),
    [(500, 500, "Take train.modality=full"), (500, 2000, "set evaluate.batch lower"), (2000, 500, "Nothing fits")],
)
def test_the_reason_is_of_what_does_not_fit(training, evaluation, said):
    assert said in reason(plan(training, evaluation))


def test_what_no_micro_batch_changes_can_be_too_much():
    option = Option("full", 512, False, "fp32", {"parameters": 800}, "end", DEVICE, beside=400, beside_least=150)
    assert not option.hopeless and not option.fits
    assert Option("full", 512, False, "fp32", {"parameters": 900}, "end", DEVICE, beside_least=150).hopeless
