"""How well the plan predicts memory: predicted bytes against a real training step, each in a process of its own.

    python benchmarks/memory.py                 measure the rows that are missing
    python benchmarks/memory.py --seconds 150   stop to begin new rows after this time; run it again to go on
    python benchmarks/memory.py --table         write the table of docs/plan.md from the rows

A row of benchmarks/results/memory.json is predicted from the config alone (layers extrapolated from two depths) and
measured by `plan.meter` in a real step with the optimizer's state in place, behind a first micro-batch of one example,
so that gradients are held while the large micro-batch runs. `resident_bytes` is the highest resident memory of the
process in training steps, less what it held before the student was loaded.
"""

import argparse
import gc
import itertools
import json
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULT = HERE / "results" / "memory.json"
PAGE = HERE.parent / "docs" / "plan.md"
# what `plan.beside` was fitted to, and what it was not
FITTED = {"smollm2-135m-instruct": (1, 4, 10), "t5-small-shaped": (1, 2, 4)}
OTHERS = {"smollm2-135m-instruct": (7,), "llama-40m-shaped": (2, 6)}
LLAMA = dict(vocab_size=32000, hidden_size=384, intermediate_size=1024, num_hidden_layers=12, num_attention_heads=6)
T5_SMALL = dict(  # the sizes of google/flan-t5-small
    vocab_size=32128,
    d_model=512,
    d_kv=64,
    d_ff=1024,
    num_layers=8,
    num_decoder_layers=8,
    num_heads=6,
    feed_forward_proj="gated-gelu",
    decoder_start_token_id=0,
)
SHAPES = {"t5-small-shaped": T5_SMALL, "llama-40m-shaped": LLAMA}  # with random weights
NAMES = {"smollm2-135m-instruct": "SmolLM2", "t5-small-shaped": "T5", "llama-40m-shaped": "Llama"}
Key = tuple[str, str, int, bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--measure", nargs=4, metavar=("STUDENT", "MODALITY", "EXAMPLES", "CHECKPOINTING"))
    arguments = parser.parse_args()
    if arguments.table:
        write_table()
    elif arguments.measure:
        student, modality, examples, checkpointing = arguments.measure
        print(json.dumps(measured(student, modality, int(examples), checkpointing == "True")))
    else:
        fill(arguments.seconds)


def fill(seconds: float) -> None:
    started, found = time.monotonic(), json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    done = {(row["student"], row["modality"], row["tokens"], row["checkpointing"]) for row in found}
    for (student, counts), modality, checkpointing in itertools.product(
        [*FITTED.items(), *OTHERS.items()], ("full", "lora", "qlora"), (False, True)
    ):
        for examples in counts:
            key = (student, modality, tokens_of(rows_of(student, examples)), checkpointing)
            if key in done or time.monotonic() - started > seconds:
                continue
            row = dict(zip(("student", "modality", "tokens", "checkpointing"), key, strict=True))
            row |= predicted(student, modality, examples, checkpointing) | in_a_process(
                student, modality, examples, key
            )
            found.append(row)
            RESULT.write_text(json.dumps({"rows": found, "machine": machine()}, indent=1) + "\n")
            print(json.dumps(row), flush=True)


def in_a_process(student: str, modality: str, examples: int, key: Key) -> dict[str, Any]:
    command = [sys.executable, __file__, "--measure", student, modality, str(examples), str(key[3])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{key}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def rows_of(student: str, examples: int) -> list[Any]:
    """Random token ids: a prefix of 300, questions of 30, labels of 60, rationales of 90, each a little other."""
    from thriftune.train.batches import Row

    chance = random.Random(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(chance.randrange(3, 30000) for _ in range(count))

    prefix, made = ids(300), []
    for number in range(examples):
        question, label, rationale = ids(30 - number), ids(62 + number), ids(93 + number)
        if student == "t5-small-shaped":
            made.append(Row((), prefix[:200] + question, label, rationale, why=prefix[:200] + question))
        else:
            made.append(Row(prefix, question, label, rationale, 2, 3))
    return made


def tokens_of(rows: list[Any]) -> int:
    return sum(len(prefix) for prefix in {row.prefix for row in rows}) + sum(row.tokens for row in rows)


def settings_of(modality: str, checkpointing: bool) -> Any:
    from thriftune.recipe import Train

    return Train(modality=modality, precision="fp32", rank=16, batch=16, checkpointing=checkpointing)


def config_of(student: str) -> Any:
    from transformers import AutoConfig, LlamaConfig, T5Config

    from thriftune.students.load import model_path

    if student in SHAPES:
        return (T5Config if student == "t5-small-shaped" else LlamaConfig)(**SHAPES[student])  # type: ignore[arg-type]
    return AutoConfig.from_pretrained(model_path(student))


def predicted(student: str, modality: str, examples: int, checkpointing: bool) -> dict[str, Any]:
    from thriftune.plan.simulate import Case, peak_of

    rows, started = rows_of(student, examples), time.monotonic()
    case = Case(settings_of(modality, checkpointing), [rows[:1], rows], "fp32")
    peak = peak_of(config_of(student), case)
    kinds = {kind: size for kind, size in peak.bytes.items() if size}
    seconds = round(time.monotonic() - started, 2)
    return {"predicted_bytes": peak.total, "kinds": kinds, "moment": peak.name, "seconds_to_predict": seconds}


def measured(student: str, modality: str, examples: int, checkpointing: bool) -> dict[str, Any]:
    import bitsandbytes  # noqa: F401  (before the baseline: a library is not the student's memory)
    import peft  # noqa: F401
    import torch

    from thriftune.plan.step import metered
    from thriftune.students.load import load_for_training
    from thriftune.train.memory import keep_memory, peak_bytes, reset_peak

    keep_memory()
    device, settings, rows = torch.device("cpu"), settings_of(modality, checkpointing), rows_of(student, examples)
    with tempfile.TemporaryDirectory() as folder:
        name = _random(student, Path(folder)) if student in SHAPES else student
        gc.collect()
        reset_peak(device)
        baseline = peak_bytes(device) or 0
        loaded = load_for_training(name, "auto", settings)
    loading = (peak_bytes(device) or 0) - baseline
    gc.collect()
    reset_peak(device)
    started = time.monotonic()
    peak = metered(loaded, [rows[:1], rows], settings, warm_up=True).peak
    return {
        "measured_bytes": peak.total,
        "measured_moment": peak.name,
        "resident_bytes": (peak_bytes(device) or 0) - baseline,
        "resident_bytes_while_loading": loading,
        "seconds_to_measure": round(time.monotonic() - started, 2),
    }


def _random(student: str, folder: Path) -> str:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    from thriftune.testing import tiny

    auto: Any = AutoModelForSeq2SeqLM if student == "t5-small-shaped" else AutoModelForCausalLM
    auto.from_config(config_of(student)).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return str(folder)


def machine() -> dict[str, Any]:
    from importlib.metadata import version

    packages = {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}
    return {"system": platform.platform(), "python": platform.python_version(), **packages}


def write_table() -> None:
    rows = json.loads(RESULT.read_text())["rows"]
    parts = [
        f"Cases that `plan/beside.py` was {said}:\n\n{_table(rows, _cases(students))}"
        for said, students in (("fitted to", FITTED), ("not fitted to", OTHERS))
    ]
    block = "<!-- memory -->\n" + "\n\n".join(parts) + "\n<!-- /memory -->"
    text = PAGE.read_text()
    PAGE.write_text(re.sub(r"<!-- memory -->.*<!-- /memory -->", lambda _: block, text, flags=re.S))


def _cases(students: dict[str, tuple[int, ...]]) -> dict[tuple[str, int], int]:
    """Student and tokens, as rows name a case, with its examples."""
    return {
        (student, tokens_of(rows_of(student, count))): count for student, counts in students.items() for count in counts
    }


def _table(rows: list[dict[str, Any]], counts: dict[tuple[str, int], int]) -> str:
    lines = [
        "| student | modality | tokens | checkpointing | tensors predicted | measured | off by | process predicted "
        "| measured | off by |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    tensors, processes = [], []
    for row in sorted(rows, key=lambda row: (row["student"], row["modality"], row["checkpointing"], row["tokens"])):
        if (row["student"], row["tokens"]) not in counts:
            continue
        whole = row["predicted_bytes"] + _beside(row, counts[row["student"], row["tokens"]])
        tensors.append(row["predicted_bytes"] / row["measured_bytes"] - 1)
        processes.append(whole / row["resident_bytes"] - 1)
        again = "on" if row["checkpointing"] else "off"
        cells = [NAMES[row["student"]], row["modality"], f"{row['tokens']:,}", again]
        cells += [_mb(row["predicted_bytes"]), _mb(row["measured_bytes"]), f"{tensors[-1]:+.1%}"]
        cells += [_mb(whole), _mb(row["resident_bytes"]), f"{processes[-1]:+.1%}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    within = sum(-0.05 <= off <= 0.12 for off in processes)
    told = (
        f"{len(processes)} rows. Tensors off by {max(map(abs, tensors)):.1%} at most. The process: {within} "
        f"between 5 % below and 12 % above; furthest {min(processes):+.1%} and {max(processes):+.1%}."
    )
    return "\n".join([*lines, "", told])


def _beside(row: dict[str, Any], count: int) -> int:
    from thriftune.plan.beside import beside

    return beside(config_of(row["student"]), rows_of(row["student"], count), None, row["kinds"], "cpu")


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


if __name__ == "__main__":
    main()
