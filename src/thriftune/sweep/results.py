"""Records of planned trials, found by what they are for. Questions on which trials differ are never compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thriftune.sweep.paired import Difference, losses, matches
from thriftune.sweep.plan import Planned, Records


@dataclass(frozen=True)
class Result:
    """A planned trial that is done: its row in the plan and its record."""

    group: str
    row: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return int(self.record["seed"])

    def score(self, name: str) -> float | None:
        """Return a score's value; None where there is none."""
        cell = self.record["scores"].get(name)
        return float(cell["value"]) if isinstance(cell, dict) else None

    def train(self, name: str) -> float | None:
        """Return a figure of the training; None where there is none."""
        value = self.record.get("train", {}).get(name)
        return None if value is None else float(value)


def done(planned: Sequence[Planned], records: Records) -> list[Result]:
    """Return the planned trials that are done, in the order of the plan."""
    found = [(each, records.get(each.trial.id)) for each in planned]
    return [Result(each.group, each.row, record) for each, record in found if record and record["status"] == "done"]


def pick(results: Sequence[Result], group: str, **row: Any) -> list[Result]:
    """Return the results of a group whose rows have these values."""
    return [r for r in results if r.group == group and all(r.row.get(key) == value for key, value in row.items())]


def paired(first: Sequence[Result], second: Sequence[Result]) -> list[tuple[Result, Result]]:
    """Return the pairs of one seed and one set of questions, in the order of the seeds."""
    others = {(each.seed, each.record["questions"]): each for each in second}
    keyed = {(each.seed, each.record["questions"]): each for each in first}
    return [(keyed[key], others[key]) for key in sorted(keyed) if key in others]


def match_difference(pairs: Sequence[tuple[Result, Result]], metric: str) -> Difference | None:
    """Return the difference of a rate over pairs; None without pairs."""
    bits = [(a.record["verdicts"].get(metric), b.record["verdicts"].get(metric)) for a, b in pairs]
    bits = [(a, b) for a, b in bits if a and b and len(a) == len(b)]
    if not bits or len({len(a) for a, _ in bits}) > 1:
        return None
    return matches([a for a, _ in bits], [b for _, b in bits])


def loss_difference(pairs: Sequence[tuple[Result, Result]]) -> Difference | None:
    """Return the difference of the label loss on the test questions over pairs; None where it was not recorded."""
    each = [(a.record.get("label_losses"), b.record.get("label_losses")) for a, b in pairs]
    known = [(a, b) for a, b in each if a and b and len(a) == len(b)]
    if not known or len({len(a) for a, _ in known}) > 1:
        return None
    return losses([a for a, _ in known], [b for _, b in known])
