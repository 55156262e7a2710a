"""Write the table of parity into docs/export.md, and its record into benchmarks/results/parity.json.

python scripts/parity_table.py RUN     a run whose forms were exported; its parity.json is copied first
python scripts/parity_table.py         the table anew from the record
"""

import json
import re
import sys
from pathlib import Path

from thriftune.report.parity import rows
from thriftune.report.stage import pipes
from thriftune.runs import Run, write_json, write_text

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "results" / "parity.json"
PAGE = ROOT / "docs" / "export.md"


def main() -> None:
    """Copy the record if a run is named, and write the page."""
    if len(sys.argv) > 1:
        run = Run(Path(sys.argv[1]))
        found = json.loads(run.path("parity.json").read_text(encoding="utf-8"))
        train = {"settings": run.manifest["recipe"]["train"], "figures": run.figures("train")}
        write_json(RECORD, {"recipe": run.manifest["name"], "train": train, **found})
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    block = f"<!-- parity -->\n{about(record)}\n\n{pipes(rows(record['forms']))}\n<!-- /parity -->"
    text = PAGE.read_text(encoding="utf-8")
    write_text(PAGE, re.sub(r"<!-- parity -->.*<!-- /parity -->", lambda _: block, text, flags=re.S))


def about(record: dict[str, object]) -> str:
    """Return the line above the table: what was trained and asked."""
    train = record["train"]
    assert isinstance(train, dict)
    settings, figures = train["settings"], train["figures"]
    return (
        f"`{record['recipe']}` with `train.modality={settings['modality']}`, rank {settings['rank']}, "
        f"{figures['steps']} steps of {settings['batch']} lessons in {settings['max_minutes']:g} minutes, "
        f"{figures['precision']}; {record['questions']} test questions. Made by `python scripts/parity_table.py`."
    )


if __name__ == "__main__":
    main()
