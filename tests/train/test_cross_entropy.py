import pytest
import torch

from thriftune.train import cross_entropy


@pytest.mark.parametrize(("rows", "chunk"), [(1, 512), (7, 3), (64, 16), (65, 16)])
@pytest.mark.parametrize("frozen", [False, True])
def test_chunks_equal_the_plain_loss(monkeypatch, rows, chunk, frozen):
    monkeypatch.setattr(cross_entropy, "CHUNK", chunk)
    torch.manual_seed(rows)
    hidden = torch.randn(rows, 12, dtype=torch.float64, requires_grad=True)
    head = torch.nn.Linear(12, 50, bias=False, dtype=torch.float64).requires_grad_(not frozen)
    targets, weights = torch.randint(0, 50, (rows,)), torch.rand(rows, dtype=torch.float64)
    expected_each = torch.nn.functional.cross_entropy(head(hidden), targets, reduction="none")
    expected = torch.autograd.grad(3 * (expected_each * weights).sum(), [hidden, *([] if frozen else [head.weight])])
    total, each = cross_entropy.weighted_cross_entropy(hidden, head.weight, targets, weights, torch.float64)
    got = torch.autograd.grad(3 * total, [hidden, *([] if frozen else [head.weight])])
    assert torch.allclose(each, expected_each)
    for ours, theirs in zip(got, expected, strict=True):
        assert torch.allclose(ours, theirs)


def test_no_more_logits_than_a_chunk_are_alive():
    """The largest tensor made is `CHUNK × vocabulary`, however many rows there are."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    head = torch.nn.Linear(4, 1000, bias=False)
    hidden = torch.randn(4 * cross_entropy.CHUNK, 4, requires_grad=True)
    targets, weights = torch.zeros(len(hidden), dtype=torch.long), torch.ones(len(hidden))
    with Watch():
        total, _ = cross_entropy.weighted_cross_entropy(hidden, head.weight, targets, weights, torch.float32)
        total.backward()
    assert largest == cross_entropy.CHUNK * 1000
