"""Which precision learns? fp32 masters, pure bf16, Kahan summation and stochastic rounding, side by side.

    python benchmarks/precision.py tiny --steps 200 --rows 1 --seeds 2
    python benchmarks/precision.py smollm2-135m-instruct --steps 60 --rates 1e-5 --seeds 1 --rows 1

Every variant sees the same rows (of the shorter lessons) in the same order from the same first weights. Adds to
`benchmarks/results/precision.json` what is not in it; `docs/decisions/precision.md` draws the conclusion.
"""

import argparse
import itertools
import json
import random
import statistics
import tempfile
from pathlib import Path

import torch

from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.teach.parse import parse
from thriftune.teach.teachers import path_of
from thriftune.testing import tiny
from thriftune.train.batches import Row, make_row, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.losses import mean_losses, packing

RESULTS = Path(__file__).parent / "results" / "precision.json"
VARIANTS = ("fp32", "autocast", "bf16", "bf16-master", "bf16-kahan", "bf16-stochastic")
BYTES = {  # weights + gradients + optimizer, per parameter
    "fp32": 4 + 4 + 8,
    "autocast": 4 + 4 + 8,  # and 2 for a moment: the narrowed copies of a forward
    "bf16": 2 + 2 + 4,
    "bf16-master": 2 + 2 + 12,
    "bf16-kahan": 2 + 2 + 2 + 8,
    "bf16-stochastic": 2 + 2 + 8,
}


class AdamW:
    """AdamW with fp32 moments on bf16 weights; `mode` says what becomes of the part below the bf16 grid."""

    def __init__(self, parameters: list[torch.nn.Parameter], rate: float, mode: str, decay: float = 0.01) -> None:
        self.parameters, self.rate, self.mode, self.decay, self.steps = parameters, rate, mode, decay, 0
        empty = [torch.zeros_like(p, dtype=torch.float32) for p in parameters]
        self.moments = [(first, first.clone()) for first in empty]
        wide = torch.float32 if mode == "bf16-master" else torch.bfloat16
        self.kept = [p.detach().to(wide) if wide is torch.float32 else torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        for p, (first, second), kept in zip(self.parameters, self.moments, self.kept, strict=True):
            slope = p.grad.float()
            first.lerp_(slope, 0.1)
            second.mul_(0.999).addcmul_(slope, slope, value=0.001)
            scale = (second / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
            now = kept if self.mode == "bf16-master" else p.float()
            move = first / (1 - 0.9**self.steps) / scale + self.decay * now
            self._write(p, now, move.mul_(-self.rate), kept)

    def _write(self, p: torch.Tensor, now: torch.Tensor, move: torch.Tensor, kept: torch.Tensor) -> None:
        if self.mode == "bf16-master":
            p.copy_(kept.add_(move))
        elif self.mode == "bf16-kahan":  # what was rounded away is added to the next move
            wanted = now + (move + kept.float())
            p.copy_(wanted)
            kept.copy_(wanted - p.float())
        else:  # up or down with a chance that makes the mean right
            bits = (now + move).view(torch.int32) + torch.randint_like(p, 1 << 16, dtype=torch.int32)
            p.copy_((bits & -65536).view(torch.float32))

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = None


def rows_of(student: Student, count: int) -> list[Row]:
    made = []
    lines = sorted(path_of("demo:films").read_text(encoding="utf-8").splitlines(), key=len)[:count]
    for line in random.Random(0).sample(list(map(json.loads, lines)), count):
        parsed, prompt = parse(line["response"]), Prompt("Films.", line["questions"][0])
        made.append(make_row(student.renderer, prompt, parsed.label, parsed.rationale, "causal"))
    return made


def train(folder: str, variant: str, rate: float, seed: int, steps: int, batch: int) -> dict[str, object]:
    torch.manual_seed(seed)
    student = load_for_training(folder, "causal", Train(precision="bf16" if variant == "autocast" else "fp32"))
    if variant.startswith("bf16"):
        student.model.to(torch.bfloat16)
    rows = rows_of(student, 400)
    learnt, held_out = rows[:360], rows[360 : 360 + 4 * batch]
    parameters = list(student.model.parameters())
    plain = variant in ("fp32", "autocast", "bf16")
    optimizer = torch.optim.AdamW(parameters, lr=rate, fused=True) if plain else AdamW(parameters, rate, variant)
    chance, losses = random.Random(seed), []
    with packing(student):
        for _ in range(steps):
            chosen = chance.sample(learnt, batch)
            student.model.train()
            loss = loss_of(student, chosen, scale_of(chosen, 0.5)).total
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(round(float(loss.detach()), 4))
        valid = mean_losses(student, held_out, 4096)
    return {"losses": losses, "valid": round((valid["label_loss"] + valid["rationale_loss"]) / 2, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 1e-3])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=4, help="rows of a step")
    parser.add_argument("--variants", nargs="+", default=VARIANTS)
    asked = parser.parse_args()
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    with tempfile.TemporaryDirectory() as temporary:
        # weights on the bf16 grid, as published checkpoints have them
        folder = tiny.save(Path(temporary) / "tiny", dtype=torch.bfloat16) if asked.student == "tiny" else asked.student
        for rate, variant in itertools.product(asked.rates, asked.variants):
            asked_for = {"student": asked.student, "variant": variant, "rate": rate, "steps": asked.steps}
            asked_for |= {"rows": asked.rows, "seeds": asked.seeds}
            if any(all(row[key] == value for key, value in asked_for.items()) for row in known):
                continue
            runs = [train(str(folder), variant, rate, seed, asked.steps, asked.rows) for seed in range(asked.seeds)]
            known.append(asked_for | _found(variant, asked.steps, runs))
            print({key: value for key, value in known[-1].items() if key != "losses"}, flush=True)
            RESULTS.write_text(json.dumps(known) + "\n", encoding="utf-8")


def _found(variant: str, steps: int, runs: list[dict]) -> dict[str, object]:
    ends = [statistics.mean(run["losses"][-max(1, steps // 10) :]) for run in runs]
    return {
        "first_loss": runs[0]["losses"][0],
        "last_loss": [round(end, 4) for end in ends],
        "valid_loss": [run["valid"] for run in runs],
        "bytes_per_parameter": BYTES[variant],
        "losses": runs[0]["losses"],
    }


if __name__ == "__main__":
    main()
