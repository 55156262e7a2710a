import torch

from thriftune.plan.meter import Meter


def test_bytes_count_from_the_operation_that_made_them_until_nothing_holds_them():
    with Meter() as meter:
        first = torch.zeros(1000)
        assert meter.total == 4000
        view = first[:10].view(2, 5)
        assert meter.total == 4000
        second = first + 1
        assert meter.total == 8000
        del first
        assert meter.total == 8000, "a view holds the storage"
        del view, second
        assert meter.total == 0
    assert meter.peak.total == 8000


def test_each_segment_has_its_own_peak():
    with Meter() as meter:
        torch.zeros(100)
        meter.mark("small")
        held = torch.zeros(1000)
        torch.zeros(500)
        meter.mark("large")
        meter.mark("after")
    assert [(segment.name, segment.total) for segment in meter.segments] == [
        ("small", 400),
        ("large", 6000),
        ("after", 4000),
    ]
    assert held is not None


def test_kinds_are_told_apart():
    weight = torch.nn.Parameter(torch.zeros(8, 16))
    meter = Meter(widths=[32])
    meter.watch([weight], "parameters")
    with meter, meter.making("activations"):
        narrow = weight.to(torch.bfloat16)
        logits = torch.zeros(4, 32)
        hidden = torch.zeros(4, 16)
    assert [meter.kind_of(tensor) for tensor in (weight, narrow, logits, hidden)] == [
        "parameters",
        "casts",
        "logits",
        "activations",
    ]
    meter.watch([hidden], "gradients")
    assert meter.kind_of(hidden) == "gradients" and meter.total == 8 * 16 * 6 + 4 * 32 * 4 + 4 * 16 * 4
