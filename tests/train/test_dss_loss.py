"""The DSS loss and its gradient equal a plain computation, in every modality and for both kinds of student."""

import random
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.testing import tiny
from thriftune.train.batches import Row, make_row, micro_batches, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.losses import example_losses, packing

LESSONS = [
    ("films", "horror of the 90s?", '{"query":{"term":{"genres":"Horror"}}}', "An exact term on genres."),
    ("films", "how many films are there in all of the index", '{"size":0}', "A count: size 0."),
    ("flights", "late from JFK", '{"query":{"range":{"dep_delay":{"gt":0}}}}', "Late means a delay over zero, so gt."),
    ("films", "since 2001", '{"query":{"range":{"year":{"gte":2001}}}}', "Since is gte."),
]


def plain_loss(student: Student, weight: float, with_rationale: bool = True) -> torch.Tensor:
    """The formula, one example and one task at a time, over whole separate sequences."""
    renderer, model = student.renderer, student.model
    sums, counts = {"label": 0.0, "rationale": 0.0}, {"label": 0, "rationale": 0}
    for collection, question, label, rationale in LESSONS:
        prompt = Prompt(f"Index {collection}. Fields: genres, year.", question)
        for task, marker, text in (("label", "predict:\n", label), ("rationale", "explain:\n", rationale)):
            if task == "rationale" and not with_rationale:
                continue
            if student.kind == "seq2seq":
                target = torch.tensor([renderer.target(text)])
                logits = model(input_ids=torch.tensor([renderer.source(marker, prompt)]), labels=target).logits[0]
                each = torch.nn.functional.cross_entropy(logits, target[0], reduction="none")
            else:
                pieces = renderer.pieces(prompt)
                given = (*pieces.prefix, *pieces.question, *renderer.marker(marker))
                ids = torch.tensor([(*given, *renderer.target(text))])
                logits = model(input_ids=ids).logits[0]
                each = torch.nn.functional.cross_entropy(
                    logits[len(given) - 1 : -1], ids[0, len(given) :], reduction="none"
                )
            sums[task] = sums[task] + each.sum()
            counts[task] += len(each)
    loss = weight * sums["label"] / counts["label"]
    return loss + (1 - weight) * sums["rationale"] / counts["rationale"] if with_rationale else loss


def rows_of(student: Student, with_rationale: bool = True) -> list[Row]:
    return [
        make_row(
            student.renderer,
            Prompt(f"Index {collection}. Fields: genres, year.", question),
            label,
            rationale if with_rationale else None,
            student.kind,
        )
        for collection, question, label, rationale in LESSONS
    ]


def our_loss(student: Student, weight: float, micro_tokens: int = 10_000, with_rationale: bool = True) -> torch.Tensor:
    rows = rows_of(student, with_rationale)
    scale = scale_of(rows, weight)
    total = torch.zeros(())
    with packing(student):
        for batch in micro_batches(rows, micro_tokens):
            total = total + loss_of(student, batch, scale).total
    return total


def gradient(student: Student, loss: torch.Tensor) -> torch.Tensor:
    student.model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in student.model.parameters() if p.requires_grad and p.grad is not None])


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


def student_of(folders, kind: str, modality: str) -> Student:
    train = Train(modality=modality, rank=4, dropout=0.0, precision="fp32")
    student = load_for_training(folders[kind], "auto", train)
    if modality != "full":  # B starts at zero, which would hide A's gradient
        generator = torch.Generator().manual_seed(1)
        for name, parameter in student.model.named_parameters():
            if "lora_B" in name:
                parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    return student


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("modality", ["full", "lora", "qlora"])
@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_loss_and_gradient_equal_the_plain_formula(folders, kind, modality, weight):
    student = student_of(folders, kind, modality)
    expected = plain_loss(student, weight)
    expected_gradient = gradient(student, expected)
    ours = our_loss(student, weight)
    assert abs(ours.item() - expected.item()) / expected.item() <= 1e-5
    assert relative(gradient(student, ours), expected_gradient) <= 1e-5


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_label_only_is_the_label_loss(folders, kind):
    student = student_of(folders, kind, "full")
    expected = plain_loss(student, 1.0, with_rationale=False)
    ours = our_loss(student, 1.0, with_rationale=False)
    assert relative(gradient(student, ours), gradient(student, expected)) <= 1e-5


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_each_examples_loss_stands_at_its_place(folders, kind):
    """Rows are grouped by prefix and cut into micro-batches, so they are computed in another order."""
    student = student_of(folders, kind, "full")
    rows = rows_of(student)
    with packing(student):
        together = example_losses(student, rows, 150)
        alone = [example_losses(student, [row], 10_000) for row in rows]
    for name in ("label_loss", "rationale_loss"):
        each = [found[name][0] for found in alone]
        assert [count for _, count in together[name]] == [count for _, count in each]
        assert [nats for nats, _ in together[name]] == pytest.approx([nats for nats, _ in each], rel=1e-4)


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("micro_tokens", [1, 150, 220, 10_000])
def test_accumulation_does_not_change_the_gradient(folders, kind, micro_tokens):
    student = student_of(folders, kind, "full")
    whole = gradient(student, our_loss(student, 0.5))
    assert relative(gradient(student, our_loss(student, 0.5, micro_tokens)), whole) <= 1e-5


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_qlora_gradient_is_that_of_its_own_dequantised_weights(folders, kind):
    student = student_of(folders, kind, "qlora")
    ours = gradient(student, our_loss(student, 0.5))
    plain = student_of(folders, kind, "qlora")
    import bitsandbytes as bnb

    for module in list(plain.model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, bnb.nn.Linear4bit):  # the layer inside LoRA's wrapper becomes an ordinary one
                weight = bnb.functional.dequantize_4bit(child.weight.data, child.weight.quant_state)
                linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
                linear.weight = torch.nn.Parameter(weight.float(), requires_grad=False)
                setattr(module, name, linear)
    assert relative(ours, gradient(plain, plain_loss(plain, 0.5))) <= 1e-5


lengths = st.integers(1, 40)


@settings(max_examples=25, deadline=None)
@given(
    prefixes=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    rows=st.lists(st.tuples(lengths, lengths, lengths, st.integers(0, 2)), min_size=1, max_size=6),
    micro_tokens=st.integers(1, 400),
    seed=st.integers(0, 1000),
    block=st.sampled_from([1, 7, 16, 256]),
    threads=st.integers(1, 4),
)
def test_packs_equal_separate_passes_for_any_lengths(prefixes, rows, micro_tokens, seed, block, threads):
    from thriftune.train import pack_attention, tree
    from thriftune.train.batches import Row

    chance = random.Random(seed)
    ids = lambda n: tuple(chance.randrange(3, 400) for _ in range(n))  # noqa: E731
    shared = [ids(n) for n in prefixes]
    made = [Row(shared[p % len(shared)], ids(q), ids(2 + a), ids(3 + b), 2, 3) for q, a, b, p in rows]
    model = tiny.causal(seed)
    student = Student(model, tiny.tokenizer(), "causal", torch.device("cpu"), "fp32")
    scale = scale_of(made, 0.3)
    expected = torch.zeros(())
    for row in made:
        for branch, marker, weight in ((row.label, 2, scale.label), (row.rationale, 3, scale.rationale)):
            given = (*row.prefix, *row.question, *branch[:marker])
            whole = torch.tensor([(*given, *branch[marker:])])
            logits = model(input_ids=whole).logits[0, len(given) - 1 : -1]
            each = torch.nn.functional.cross_entropy(logits, whole[0, len(given) :], reduction="sum")
            expected = expected + weight * each
    expected_gradient = gradient(student, expected)
    ours = torch.zeros(())
    cut = patch.object(pack_attention.torch, "get_num_threads", lambda: threads)  # into how many pieces queries are
    with packing(student), patch.object(tree, "BLOCK", block), cut:
        for batch in micro_batches(made, micro_tokens):
            ours = ours + loss_of(student, batch, scale).total
    assert relative(gradient(student, ours), expected_gradient) <= 1e-5


@pytest.mark.parametrize("modality", ["full", "lora"])
def test_in_bf16_the_gradient_is_that_of_fp32_within_its_rounding(folders, modality):
    student = student_of(folders, "causal", modality)
    exact = gradient(student, our_loss(student, 0.5))
    student.precision = "bf16"
    with student.autocast():
        separate = gradient(student, plain_loss(student, 0.5))
    assert relative(gradient(student, our_loss(student, 0.5)), exact) <= 1.5 * relative(separate, exact)


def test_attention_of_a_pack_is_the_same_with_and_without_a_backward_of_its_own(folders):
    student = student_of(folders, "causal", "full")
    ours = gradient(student, our_loss(student, 0.5))
    for module in student.model.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 1e-12  # dropout takes the other road: slices and PyTorch's own attention
    assert relative(gradient(student, our_loss(student, 0.5)), ours) <= 1e-5
