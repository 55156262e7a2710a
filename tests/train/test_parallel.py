"""Two processes give the gradient of one with the same effective batch: copies (DDP) and shares (FSDP2)."""

import json
import socket

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import multiprocessing

from thriftune.errors import StudentError
from thriftune.files import read_lines
from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.train import ranks
from thriftune.train.batches import Row, make_row, scale_of, shares, size_of
from thriftune.train.loop import fit
from thriftune.train.losses import packing
from thriftune.train.parallel import Computation
from thriftune.train.stage import save
from thriftune.train.step import accumulate, whole

CASES = [
    ("causal", "full", "ddp"),
    ("causal", "lora", "ddp"),
    ("causal", "qlora", "ddp"),
    ("seq2seq", "full", "ddp"),
    ("causal", "full", "fsdp"),
    ("causal", "lora", "fsdp"),
    ("seq2seq", "full", "fsdp"),
]


def recipe(modality: str, parallel: str, **keys) -> Train:
    keys = {"rank": 4, "dropout": 0.0, "precision": "fp32", "batch": 5, "epochs": 2, "validations": 1} | keys
    return Train(modality=modality, parallel=parallel, **keys)


def student_of(folder: str, train: Train) -> Student:
    student = load_for_training(folder, "auto", train)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in student.model.named_parameters():
        if "lora_B" in name:  # B starts at zero, which would hide A's gradient
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    return student


def rows_of(student: Student, count: int = 5) -> list[Row]:
    """Rows of unequal length and two prefixes, one without a rationale."""
    made = []
    for n in range(count):
        prompt = Prompt(f"Index {'flights' if n % 2 else 'films'}", f"question {n} " + "of films " * n)
        made.append(make_row(student.renderer, prompt, f'{{"size":{n}}}', "So it is." * n or None, student.kind))
    return made


def gradient(folder: str, train: Train, micro_tokens: int) -> dict[str, torch.Tensor]:
    student = student_of(folder, train)
    rows = rows_of(student)
    split = shares(rows, ranks.count(), micro_tokens, student.kind == "seq2seq")
    with packing(student):
        accumulate(Computation(student, train), rows, split[ranks.rank()], train)
    found = {name: p.grad for name, p in student.model.named_parameters() if p.grad is not None}
    return {name: whole(value).clone() for name, value in found.items()}


def process(rank: int, work, port: int, out: str, *arguments) -> None:
    import os

    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with ranks.together():
        found = work(*arguments)
        if rank == 0:
            torch.save(found, out)


def two(tmp_path, work, *arguments):
    """Return what `work` returns on rank 0 of two gloo processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = str(tmp_path / "found.pt")
    multiprocessing.spawn(process, (work, port, out, *arguments), nprocs=2)
    return torch.load(out)


def all_gradients(folders: dict[str, str]) -> dict[str, dict[str, torch.Tensor]]:
    """One start of two processes for all cases: starting costs most of the time."""
    cases = {f"{k}-{m}-{p}": (folders[k], recipe(m, p)) for k, m, p in CASES}
    found = {name: gradient(folder, train, 10_000) for name, (folder, train) in cases.items()}
    checkpointed = recipe("full", "fsdp", checkpointing=True)
    found["split"] = gradient(folders["causal"], recipe("full", "ddp"), 60)
    found["split-fsdp"] = gradient(folders["causal"], checkpointed, 60)
    return found


@pytest.fixture(scope="module")
def together(folders, tmp_path_factory):
    return two(tmp_path_factory.mktemp("two"), all_gradients, folders)


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    assert ours.keys() == theirs.keys() and len(ours) > 3
    a, b = (torch.cat([grads[name].flatten() for name in sorted(grads)]) for grads in (ours, theirs))
    return bool((a - b).norm() <= 1e-5 * b.norm())


@pytest.mark.parametrize(("kind", "modality", "parallel"), CASES)
def test_two_processes_give_the_gradient_of_one(folders, together, kind, modality, parallel):
    alone = gradient(folders[kind], recipe(modality, parallel), 10_000)
    assert same(together[f"{kind}-{modality}-{parallel}"], alone)


@pytest.mark.parametrize("name", ["split", "split-fsdp"])
def test_also_with_unequal_numbers_of_micro_batches(folders, together, name):
    """Of five unequal rows the two processes make different numbers of micro-batches; one has to keep pace."""
    assert same(together[name], gradient(folders["causal"], recipe("full", "ddp"), 10_000))


def trained(folder: str, train: Train, out, steps: int | None = None):
    student = load_for_training(folder, "auto", train)
    rows = rows_of(student, 8)

    def progress(done, total, text):
        if done == steps:
            raise InterruptedError

    with packing(student):
        try:
            fit(student, rows[:6], rows[6:], train, out, progress)
        except InterruptedError:
            return None
    save(student, out / "model")
    return [value for _, value in read_lines(out / "metrics.jsonl")] if ranks.rank() == 0 else None


def trainings(folder: str, root) -> dict[str, list]:
    found = {}
    for modality, parallel in (("full", "ddp"), ("full", "fsdp"), ("lora", "fsdp")):
        out = root / f"{modality}-{parallel}"
        if ranks.rank() == 0:
            out.mkdir()
        ranks.tell(None)
        keys = {"checkpoint_minutes": 1e-9, "learning_rate": 1e-3}
        whole_run = trained(folder, recipe(modality, parallel, **keys), out)
        part = root / f"{modality}-{parallel}-resumed"
        if ranks.rank() == 0:
            part.mkdir()
            checkpoint = next(out.glob("checkpoint*"))
            (part / checkpoint.name).write_bytes(checkpoint.read_bytes())
            lines = (out / "metrics.jsonl").read_text().splitlines(True)
            (part / "metrics.jsonl").write_text("".join(lines))
        ranks.tell(None)
        found[f"{modality}-{parallel}"] = [whole_run, trained(folder, recipe(modality, parallel, **keys), part)]
    return found


@pytest.fixture(scope="module")
def runs(folders, tmp_path_factory):
    root = tmp_path_factory.mktemp("trainings")
    return root, two(root, trainings, folders["causal"], root)


def shown(records: list[dict]) -> str:
    clock = ("seconds", "tokens_per_second", "examples_per_second", "gemm_share", "bytes")
    return json.dumps([{key: value for key, value in record.items() if key not in clock} for record in records])


@pytest.mark.parametrize("name", ["full-ddp", "full-fsdp", "lora-fsdp"])
def test_a_training_of_two_processes_is_that_of_one_and_resumes(folders, tmp_path, runs, name):
    modality = name.partition("-")[0]
    keys = {"learning_rate": 1e-3}
    alone = trained(folders["causal"], recipe(modality, "ddp", **keys), tmp_path)
    root, found = runs
    whole_run, resumed = found[name]
    assert len(whole_run) == len(alone) == 4
    for ours, theirs in zip(whole_run, alone, strict=True):
        for key in ("loss", "label_loss", "rationale_loss", "gradient_norm", "tokens"):
            assert ours.get(key) == pytest.approx(theirs.get(key), rel=1e-4)
    assert whole_run[-1]["valid_label_loss"] == pytest.approx(alone[-1]["valid_label_loss"], rel=1e-4)
    assert shown(resumed) == shown(whole_run)
    weights = [load_weights(folder / "model") for folder in (root / name, root / f"{name}-resumed", tmp_path)]
    assert weights[0].keys() == weights[1].keys() == weights[2].keys()
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key])
        # AdamW makes a whole step of a gradient that is rounding alone, so single weights may differ
        assert (value - weights[2][key]).norm() <= 1e-2 * weights[2][key].norm()


def load_weights(folder):
    from safetensors.torch import load_file

    return load_file(next(folder.glob("*.safetensors")))


def test_4_bit_weights_cannot_be_shared_out(folders, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    train = recipe("qlora", "fsdp")
    with pytest.raises(StudentError, match="Use ddp"):
        Computation(load_for_training(folders["causal"], "auto", train), train)


lengths = st.integers(1, 40)


@st.composite
def batches(draw):
    prefixes = draw(st.lists(st.integers(0, 30), min_size=1, max_size=3))
    shapes = draw(st.lists(st.tuples(lengths, lengths, st.integers(0, 40), st.integers(0, 2)), min_size=1, max_size=9))
    return [
        Row((at % len(prefixes),) * prefixes[at % len(prefixes)], (n,) * q, (7,) * (2 + a), (8,) * (b and 3 + b), 2, 3)
        for n, (q, a, b, at) in enumerate(shapes)
    ]


@settings(max_examples=100)
@given(rows=batches(), count=st.integers(1, 5), tokens=st.integers(1, 300), padded=st.booleans())
def test_shares_hold_every_row_once_within_the_budget_and_keep_pace(rows, count, tokens, padded):
    split = shares(rows, count, tokens, padded)
    assert len(split) == count and len({len(own) for own in split}) == 1
    micro = [part for own in split for part in own if part]
    key = lambda row: row.question  # noqa: E731
    assert sorted((row for part in micro for row in part), key=key) == sorted(rows, key=key)
    assert all(len(part) == 1 or size_of(part, padded) <= tokens for part in micro)


@settings(max_examples=100)
@given(
    rows=batches(), count=st.integers(1, 4), tokens=st.integers(1, 300), weight=st.floats(0, 1), seed=st.integers(0, 9)
)
def test_any_split_over_micro_batches_and_ranks_keeps_the_mean_of_each_task(rows, count, tokens, weight, seed):
    """Whatever each token's loss is, their weighted sum is `w·mean of labels + (1 − w)·mean of rationales`."""
    from thriftune.train.batches import pack

    generator = torch.Generator().manual_seed(seed)
    scale = scale_of(rows, weight)
    total, sums = 0.0, {True: [0.0, 0], False: [0.0, 0]}
    for own in shares(rows, count, tokens):
        for part in filter(None, own):
            laid = pack(part, scale)
            losses = torch.rand(len(laid.targets), generator=generator, dtype=torch.float64)
            total += float((losses * laid.weights).sum())
            for is_label in (True, False):
                chosen = laid.is_label == is_label
                sums[is_label][0] += float(losses[chosen].sum())
                sums[is_label][1] += int(chosen.sum())
    means = {is_label: nats / tokens_ if tokens_ else 0.0 for is_label, (nats, tokens_) in sums.items()}
    assert total == pytest.approx(weight * means[True] + (1 - weight) * means[False], rel=1e-5, abs=1e-6)
