"""Copy what a run proved into benchmarks/results/NAME and bring the README's table up to date.

    python benchmarks/publish.py runs/search-full search-full "thriftune run recipes/search-full.yaml"

Weights are not copied. The README's table is generated from the records of benchmarks/results/search-full, the table of
parity in docs/export.md from those of benchmarks/results/films-lora.
"""

import json
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

from thriftune.files import write_json, write_text
from thriftune.report import parity
from thriftune.report.again import without_folders
from thriftune.report.facts import METRICS, collect, rate
from thriftune.report.stage import pipes
from thriftune.runs import Run

ROOT = Path(__file__).parent.parent
FILES = [
    "manifest.json",
    "scores.json",
    "parity.json",
    "report.html",
    "report.md",
    "metrics.jsonl",
    "dataset/README.md",
]
FILES += [f"{kind}{who}.jsonl" for kind in ("predictions", "losses", "verdicts") for who in ("", "-base")]
PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "osmem-server", "opensearch-py")


def main(run: Path, name: str, command: str) -> None:
    target = ROOT / "benchmarks" / "results" / name
    for file in FILES:
        if (run / file).exists():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run / file, target / file)
    manifest = json.loads((target / "manifest.json").read_text())
    without_folders(manifest["recipe"])
    write_json(target / "manifest.json", manifest)
    write_json(target / "machine.json", {"command": command, **machine()})
    if name == "search-full":
        fill(ROOT / "README.md", "results", results_table(target))
    if name == "films-lora":
        fill(ROOT / "docs" / "export.md", "parity", parity_table(target))


def fill(page: Path, mark: str, block: str) -> None:
    """Put a block between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(
        rf"<!-- {mark} -->.*<!-- /{mark} -->", lambda _: f"<!-- {mark} -->\n{block}\n<!-- /{mark} -->", text, flags=re.S
    )
    write_text(page, text)


def parity_table(folder: Path) -> str:
    """Return the table of a run's exports, and what was asked."""
    run = Run(folder)
    forms = parity.read(run.path("parity.json"), run.manifest["stages"]["train"]["id"])
    about, train = json.loads((folder / "machine.json").read_text()), run.manifest["stages"]["train"]["figures"]
    note = (
        f"`{about['command']}`: a LoRA student of SmolLM2-135M after {train['steps']} steps, then `thriftune export` "
        f"to each form (the last two with `--allow`); {about['cores']} CPU cores."
    )
    return f"{pipes(parity.rows(forms))}\n\n{note}"


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    flags = re.search(r"flags\s*: (.*)", text)
    return {
        "cpu": re.search(r"model name\s*: (.*)", text)[1],  # type: ignore[index]
        "cores": text.count("processor\t"),
        "avx512_bf16": bool(flags and "avx512_bf16" in flags[1]),
        "memory_gb": round(int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 1e6, 1),  # type: ignore[index]
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in PACKAGES},
    }


def results_table(folder: Path) -> str:
    """Return the README's table: the demo domain after the long recipe, base against tuned."""
    facts = collect(Run(folder))
    about = json.loads((folder / "machine.json").read_text())
    train = facts.figures("train")
    rows = [["", *facts.students]]
    rows += [[title, *(rate(facts.scores[who].get(key)) for who in facts.students)] for key, title in METRICS.items()]
    n = facts.scores["tuned"]["execution_match"]["n"]
    minutes = sum(facts.seconds(stage) or 0 for stage in ("teach", "dataset", "train", "evaluate")) / 60
    note = (
        f"`{about['command']}`: SmolLM2-135M, {train['modality']} fine-tuning, "
        f"{facts.figures('dataset')['train']} lessons, {train['steps']} steps; {n} test questions; "
        f"{minutes:.0f} minutes on {about['cores']} CPU cores without a GPU; "
        f"95 % bootstrap intervals. [Report data](benchmarks/results/{folder.name}/report.md)."
    )
    return f"{pipes(rows)}\n\n{note}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
