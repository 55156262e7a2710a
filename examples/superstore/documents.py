"""Write documents.jsonl: 2,000 order lines of the sample data of Bokeh's documentation (package bokeh-sampledata).

python examples/superstore/documents.py
"""

import csv
import gzip
import json
import random
from pathlib import Path

import bokeh_sampledata

NUMBERS = {"Sales": float, "Quantity": int, "Discount": float, "Profit": float}


def main(target: Path = Path(__file__).parent / "documents.jsonl") -> None:
    """Write them; the same each time."""
    source = Path(bokeh_sampledata.__file__).parent / "_data" / "SampleSuperstore.csv.gz"
    with gzip.open(source, "rt", encoding="latin1") as file:
        rows = list(csv.DictReader(file))
    random.Random(0).shuffle(rows)
    with open(target, "w", encoding="utf-8") as out:
        for row in rows[:2000]:
            del row["Country"]  # all are of one
            document = {
                key.lower().replace(" ", "_").replace("-", "_"): NUMBERS.get(key, str)(value)
                for key, value in row.items()
            }
            out.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
