"""Do the shared step and the reference form train alike? The losses of both over the same lessons, step by step.

    python benchmarks/curves.py                  200 steps of 2 lessons with each, then the figure
    python benchmarks/curves.py --layers 6       the same with a student cut to its first layers: a quarter of the time
    python benchmarks/curves.py --picture        only draw what is there

Both start from the same weights and see the same lessons of the films in the same order. Adds a line a step to
`results/curves.jsonl` and the figure to `docs/images/curves.svg`; started again it makes only the form that is missing.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
from methods import steps
from step import STUDENT, lessons

from thriftune.recipe import Train
from thriftune.students.load import load_for_training

HERE = Path(__file__).parent
RESULT = HERE / "results" / "curves.jsonl"
PICTURE = HERE.parent / "docs" / "images" / "curves.svg"
FORMS = {"reference": "#c2410c", "dss": "#1d4ed8"}
NAMES = {"reference": "reference form", "dss": "shared prefix"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 300, 48, 16, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--layers", type=int, default=30, help="of the student's 30 layers, the first ones")
    parser.add_argument("--picture", action="store_true")
    chosen = parser.parse_args()
    if not chosen.picture:
        for form in [form for form, losses in read().items() if len(losses) < chosen.steps]:
            train(form, chosen.steps, chosen.batch, chosen.layers)
    losses = read()
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(losses), encoding="utf-8")
    apart = [abs(a - b) / b for a, b in zip(losses["dss"], losses["reference"], strict=False)]
    print(f"largest relative difference of the losses over {len(apart)} steps: {max(apart):.2e}")


def train(form: str, count: int, batch: int, layers: int) -> None:
    """Take the steps of one form from the published weights and write each loss down."""
    settings = Train(precision="fp32", learning_rate=1e-4)
    student = load_for_training(STUDENT, "causal", settings)
    student.model.model.layers = student.model.model.layers[:layers]
    student.model.config.num_hidden_layers = layers
    step = steps(form, student, settings, batch)
    rows = lessons(count * batch)
    kept = [line for line in _lines() if json.loads(line)["form"] != form]
    RESULT.write_text("".join(kept), encoding="utf-8")
    for number in range(count):
        loss = step(rows[number * batch : (number + 1) * batch])
        with RESULT.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"form": form, "layers": layers, "step": number + 1, "loss": loss}) + "\n")
        print(form, number + 1, round(loss, 4), flush=True)


def read() -> dict[str, list[float]]:
    """Return the losses of each form in the order of the steps."""
    found: dict[str, list[float]] = {form: [] for form in FORMS}
    for line in map(json.loads, _lines()):
        found[line["form"]].append(line["loss"])
    return found


def _lines() -> list[str]:
    return RESULT.read_text(encoding="utf-8").splitlines(keepends=True) if RESULT.exists() else []


def picture(losses: dict[str, list[float]]) -> str:
    """Return an SVG in which the reference form is a wide line and the shared prefix a thin one on top of it."""
    top, last = max(map(max, losses.values())) * 1.05, len(losses["dss"])

    def points(values: list[float]) -> str:
        x = lambda n: _LEFT + n / max(1, last - 1) * (_WIDTH - _LEFT - 12)  # noqa: E731
        return " ".join(f"{x(n):.1f},{_y(value, top):.1f}" for n, value in enumerate(values))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="sans-serif" '
        'font-size="12" aria-label="Loss over 200 steps: the reference form and the shared prefix lie on each other">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for tick in range(5):
        value = top * tick / 4
        parts.append(f'<path d="M{_LEFT} {_y(value, top):.1f}H{_WIDTH - 12}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{_y(value, top) + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    for number, (form, colour) in enumerate(FORMS.items()):
        width, opacity = (5, 0.45) if form == "reference" else (1.2, 1)
        stroke = f'fill="none" stroke="{colour}" stroke-width="{width}" opacity="{opacity}"'
        parts.append(f'<polyline points="{points(losses[form])}" {stroke}/>')
        parts.append(f'<text x="{_WIDTH - 150}" y="{_TOP + 18 + 18 * number}" fill="{colour}">{NAMES[form]}</text>')
    return "\n".join([*parts, f'<text x="{_LEFT}" y="{_HEIGHT - 8}">step 1 – {last}</text>', "</svg>\n"])


def _y(value: float, top: float) -> float:
    return _TOP + (1 - value / top) * (_HEIGHT - _TOP - _BOTTOM)


if __name__ == "__main__":
    main()
