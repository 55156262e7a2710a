"""LoRA's layers in fewer passes compute what PEFT's do, and drop as often as they are told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from thriftune.testing import tiny
from thriftune.train.lora_linear import _draw, adapted, fewer_passes


def student(**keys):
    config = LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", **keys)
    model = get_peft_model(tiny.causal(0), config)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # it starts at zero, which would hide A's gradient
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    return model


def gradients(model):
    ids = torch.arange(3, 60)[None]
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("keys", [{}, {"use_rslora": True}, {"use_dora": True}, {"lora_bias": True}])
def test_the_gradient_is_pefts(keys):
    plain, ours = student(**keys), student(**keys)
    expected_loss, expected = gradients(plain)
    with fewer_passes(ours):
        loss, found = gradients(ours)
    assert torch.allclose(loss, expected_loss, rtol=1e-6)
    assert expected.keys() == found.keys() and len(found) > 20
    assert all((found[n] - expected[n]).norm() <= 1e-5 * expected[n].norm() for n in expected)


def test_only_plain_layers_are_replaced_and_only_inside_the_block():
    plain, dora = student(), student(use_dora=True)
    with fewer_passes(plain), fewer_passes(dora):
        assert any("forward" in vars(module) for module in plain.modules())
        assert not any("forward" in vars(module) for module in dora.modules())
    assert not any("forward" in vars(module) for module in plain.modules())


def test_in_evaluation_nothing_is_dropped():
    model = student(lora_dropout=0.5).eval()
    ids = torch.arange(3, 60)[None]
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        with fewer_passes(model):
            assert torch.allclose(model(input_ids=ids).logits, expected, atol=1e-5)
            with model.disable_adapter():
                assert not torch.allclose(model(input_ids=ids).logits, expected, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 7), wide=st.integers(1, 9), rank=st.integers(1, 3), dropped=st.sampled_from([0.0, 0.3]))
def test_the_backward_is_that_of_the_forward(rows, wide, rank, dropped):
    generator = torch.Generator().manual_seed(rows * 100 + wide)
    shapes = [(1, rows, 5), (1, rows, wide), (rank, wide), (5, rank)]
    inputs = [torch.randn(s, generator=generator, dtype=torch.float64, requires_grad=True) for s in shapes]

    def run(y, x, a, b):
        torch.manual_seed(3)  # the same elements are dropped each time
        return adapted(y.clone(), x, a, b, 2.0, dropped)

    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_are_told(share):
    torch.manual_seed(0)
    drawn = _draw(torch.Size((1001, 999)), share).float()
    error = (share * (1 - share) / drawn.numel()) ** 0.5
    assert abs(drawn.mean() - share) < 5 * error
    columns, rows = drawn.mean(0), drawn.mean(1)  # no place is dropped more often than others
    assert (columns - share).abs().max() < 6 * (share * (1 - share) / 1001) ** 0.5
    assert (rows - share).abs().max() < 6 * (share * (1 - share) / 999) ** 0.5


def test_dropout_is_that_of_inverted_scaling():
    torch.manual_seed(0)
    x, a, b = torch.ones(4000, 8), torch.eye(8), torch.eye(8)
    found = adapted(torch.zeros(4000, 8), x, a, b, 1.0, 0.25)
    assert found.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert found.mean() == pytest.approx(1.0, abs=0.02)
