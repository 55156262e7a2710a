"""What a training step costs: the reference form, TRL's trainer, and ours, on the same rows, student and precision.

    python benchmarks/step.py                                  everything that is not in the results yet (hours)
    python benchmarks/step.py --profiles 220x4 --modalities full
    python benchmarks/step.py --profiles 900x1 900x4 --modalities full --methods dss
    python benchmarks/step.py --table                          write the tables of docs/step.md from the results

A profile is PREFIXxBATCH: rows of 30 question, 80 label and 120 rationale tokens (random ones) behind a shared prefix;
`lessons` are rows of the films' lessons in their true lengths, batch 8. Methods take turns step by step in one process,
after rounds that are not counted; a figure is the median of the rounds. Peak memory and operations are those of one
step in a process of its own, behind a step of one row, so that the optimizer's state is there: resident bytes above
what the process held before it loaded the student.

Writes `results/step.json` after each profile and prints the tables. See `methods.py` for what the methods do.
"""

import argparse
import itertools
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
import torch
from methods import METHODS, steps

from thriftune.recipe import Train, load
from thriftune.students.load import Student, load_for_training
from thriftune.train.batches import Row

HERE = Path(__file__).parent
RESULT = HERE / "results" / "step.json"
PAGE = HERE.parent / "docs" / "step.md"
STUDENT = "smollm2-135m-instruct"
PROFILES = ("220x4", "220x8", "900x4", "900x8", "1400x4", "1400x8", "lessons")
MODALITIES = ("full", "lora", "qlora")
_PASS = 3_400  # tokens that the methods that pad take in one pass, so that they fit into 24 GB
_RATIOS = {
    "dss_vs_reference": ("dss", "reference"),
    "dss_vs_trl_label_only": ("dss", "trl_label"),
    "label_only_vs_trl": ("label_only", "trl_label"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", nargs="+", default=PROFILES)
    parser.add_argument("--modalities", nargs="+", default=MODALITIES, choices=MODALITIES)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2, help="rounds before, not counted")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("PROFILE", "MODALITY", "METHOD"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one_step(*chosen.one)))
        return
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {"rows": [], "ratios": {}}
    if chosen.table:
        between = f"<!-- step -->\n{table(found)}\n<!-- /step -->"
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(re.sub("<!-- step -->.*<!-- /step -->", lambda _: between, text, flags=re.S), encoding="utf-8")
        return
    for modality, profile in itertools.product(chosen.modalities, chosen.profiles):
        there = [row for row in found["rows"] if (row["profile"], row["modality"]) == (profile, modality)]
        if {row["method"] for row in there} >= set(chosen.methods):
            continue
        rows = measured(profile, modality, chosen)
        found["rows"] = [row for row in found["rows"] if row not in there] + rows
        found["ratios"].setdefault(profile, {})[modality] = ratios(rows)
        found["machine"] = machine(found.get("machine", {}))
        RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def measured(profile: str, modality: str, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Take one step of each method alone, for memory and operations; then time all of them in turns."""
    singles = {method: alone(profile, modality, method) for method in chosen.methods}
    rows, settings = rows_of(profile), settings_of(modality)
    students = {method: load_for_training(STUDENT, "causal", settings) for method in chosen.methods}
    precision = next(iter(students.values())).precision
    made = {method: steps(method, student, settings, micro_rows(rows)) for method, student in students.items()}
    seconds: dict[str, list[float]] = {method: [] for method in chosen.methods}
    losses: dict[str, float] = {}
    load_before = os.getloadavg()[0]
    for number in range(chosen.warmup + chosen.rounds):
        for method, step in made.items():
            started = time.monotonic()
            losses[method] = step(rows)
            seconds[method].append(time.monotonic() - started)
        print(profile, modality, number, {m: round(s[-1], 2) for m, s in seconds.items()}, file=sys.stderr, flush=True)
    del students, made
    found = []
    for method in chosen.methods:
        counted = seconds[method][chosen.warmup :]
        rate = [len(rows) / s for s in counted]
        row = {"profile": profile, "modality": modality, "precision": precision, "method": method}
        row |= {
            "examples_per_second": round(statistics.median(rate), 4),
            "spread": [round(min(rate), 4), round(max(rate), 4)],
        }
        row |= {
            "steps": chosen.warmup + chosen.rounds,
            "loss": round(losses[method], 5),
            "load_before": round(load_before, 2),
        }
        found.append(row | singles[method] | {"seconds": [round(s, 3) for s in counted]})
    return found


def alone(profile: str, modality: str, method: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", profile, modality, method]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return json.loads(ended.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def one_step(profile: str, modality: str, method: str) -> dict[str, Any]:
    """Return `peak_bytes` and `flops` of one step (products of matrices, forward and backward)."""
    from torch.utils.flop_counter import FlopCounterMode

    rows, settings = rows_of(profile), settings_of(modality)
    if method.startswith("trl"):
        import trl  # noqa: F401  (its libraries are no part of the step)
    before = resident("VmRSS")
    student = load_for_training(STUDENT, "causal", settings)
    step = steps(method, student, settings, micro_rows(rows))
    step(rows[:1])
    with FlopCounterMode(display=False) as counter:
        step(rows)
    return {"peak_bytes": resident("VmHWM") - before, "flops": counter.get_total_flops()}


def rows_of(profile: str) -> list[Row]:
    """Return the rows of a profile, the same at each call."""
    if profile == "lessons":
        return lessons(8)
    prefix, batch = map(int, profile.split("x"))
    chance = random.Random(0)
    ids = lambda count: tuple(chance.randrange(100, 40_000) for _ in range(count))  # noqa: E731
    shared = ids(prefix)
    return [Row(shared, ids(30), ids(80), ids(120)) for _ in range(batch)]


def lessons(count: int) -> list[Row]:
    """Return the rows of lessons of the films, spread over the record."""
    from thriftune.students.load import load_tokenizer
    from thriftune.tasks.build import build
    from thriftune.teach.parse import parse
    from thriftune.teach.teachers import RecordedTeacher
    from thriftune.train.batches import make_row

    recipe = load(HERE.parent / "recipes" / "films-demo.yaml")
    task = build(recipe)
    try:
        student = Student(None, load_tokenizer(STUDENT), "causal", torch.device("cpu"), "fp32")
        answers = list(RecordedTeacher(["demo:films"], None, ["films"]).answers())
        answers = answers[:: max(1, len(answers) // count)][:count]
        parts = [(question, parse(response)) for question, response in answers]
        return [make_row(student.renderer, task.prompt(q), task.tidy(p.label), p.rationale, "causal") for q, p in parts]
    finally:
        task.close()


def settings_of(modality: str) -> Train:
    """Dropout is off: it would make the losses of the methods differ."""
    return Train(modality=modality, rank=16, dropout=0.0, micro_tokens=8192, learning_rate=1e-4)


def micro_rows(rows: list[Row]) -> int:
    """Return how many rows the methods that pad take at once."""
    longest = max(len(row.prefix) + row.tokens for row in rows)
    return max(1, min(len(rows), _PASS // longest))


def ratios(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each ratio of medians, with the least and the most of any round, and what the operations alone give."""
    by = {row["method"]: row for row in rows}
    found: dict[str, Any] = {}
    for name, (ours, other) in ((name, pair) for name, pair in _RATIOS.items() if set(pair) <= set(by)):
        each = [b / a for a, b in zip(by[ours]["seconds"], by[other]["seconds"], strict=True)]
        found[name] = round(by[ours]["examples_per_second"] / by[other]["examples_per_second"], 3)
        found[f"{name}_spread"] = [round(min(each), 3), round(max(each), 3)]
        found[f"{name}_by_operations"] = round(by[other]["flops"] / by[ours]["flops"], 3)
    if {"dss", "reference"} <= set(by):
        found["peak_dss_vs_reference"] = round(by["dss"]["peak_bytes"] / by["reference"]["peak_bytes"], 3)
    return found


def machine(known: dict[str, Any]) -> dict[str, Any]:
    """Return what the figures depend on, with the best ceiling of matrix products that was measured so far."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    libraries = {name: version(name) for name in ("torch", "transformers", "peft", "trl")}
    found = {"cpu": f"{os.cpu_count()} x {cpu.partition(': ')[2]}", "python": platform.python_version(), **libraries}
    best = {f"gflops_{name}": ceiling(dtype) for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))}
    return found | {name: max(value, known.get(name, 0.0)) for name, value in best.items()}


def ceiling(dtype: torch.dtype) -> float:
    """Return the best GFLOP/s of a product of the student's shapes: `[2048, 576] x [576, 1536]`."""
    a, b = torch.randn(2048, 576).to(dtype), torch.randn(576, 1536).to(dtype)
    times = []
    for _ in range(30):
        started = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - started)
    return round(2 * 2048 * 576 * 1536 / min(times) / 1e9, 1)


def resident(field: str) -> int:
    """Return a figure of /proc/self/status in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def table(found: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    machine = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    lines = [f"{machine}. Share: operations a second over the measured ceiling of matrix products.", ""]
    lines += ["| profile | modality | method | examples/s | share | peak GB | TFLOP | loss |", "|" + "---|" * 8]
    for row in found["rows"]:
        second = statistics.median(row["seconds"])
        share = row["flops"] / second / 1e9 / found["machine"][f"gflops_{row['precision']}"]
        cells = [row["profile"], row["modality"], row["method"], f"{row['examples_per_second']:.3f}", f"{share:.0%}"]
        cells += [
            f"{row['peak_bytes'] / 1e9:.2f}",
            f"{row['flops'] / 1e12:.2f}",
            f"{row['loss']:.3f}" if row["loss"] else "–",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| profile | modality | ratio | measured | rounds | by operations |", "|---|---|---|---|---|---|"]
    for profile, by_modality in found["ratios"].items():
        for modality, values in by_modality.items():
            for name in (name for name in _RATIOS if name in values):
                low, high = values[f"{name}_spread"]
                cells = [profile, modality, name, f"{values[name]:.2f}", f"{low:.2f} – {high:.2f}"]
                lines.append("| " + " | ".join([*cells, f"{values[f'{name}_by_operations']:.2f}"]) + " |")
            if peak := values.get("peak_dss_vs_reference"):
                lines.append(f"| {profile} | {modality} | peak, dss / reference | {peak:.2f} | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
