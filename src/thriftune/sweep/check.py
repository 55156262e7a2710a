"""One recorded trial, run again from nothing and compared with its record."""

import random
import shutil
from dataclasses import dataclass

from thriftune.errors import InputError
from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.sweep.conduct import Kind, plan_of
from thriftune.sweep.drive import drive
from thriftune.sweep.executor import Executor
from thriftune.sweep.folder import Folder
from thriftune.sweep.plan import Planned

LOSS_TOLERANCE, VERDICT_AGREEMENT = 0.01, 0.95  # other processors add in another order


@dataclass(frozen=True)
class Check:
    """A trial's record beside what came out again.

    Attributes:
        loss: test loss of labels, (recorded, again). agreement: share of questions with the same verdict.
        holds: the loss is within 1 % and 95 % of the verdicts are the same.
    """

    id: str
    loss: tuple[float, float]
    agreement: float
    same_machine: bool

    @property
    def holds(self) -> bool:
        """Tell whether the record can be trusted as far as this trial goes."""
        recorded, again = self.loss
        return abs(again - recorded) <= LOSS_TOLERANCE * abs(recorded) and self.agreement >= VERDICT_AGREEMENT


def check(kind: Kind, recipe: Recipe, folder: Folder, executor: Executor, seed: int | None = None) -> Check:
    """Run one random trial that is done again, in a folder of its own, and compare: a trained one where there is any.

    Raises:
        InputError: no trial of this recipe is done.
    """
    planned = {each.trial.id: each for each in plan_of(kind, recipe, folder, 0)(folder.records)}
    known = [each for key, each in planned.items() if folder.records.get(key, {}).get("status") == "done"]
    if not known:
        raise InputError(f"{folder.file} has no trial of this recipe that is done")
    trained = [each for each in known if each.trial.kind == "tuned"]
    chosen = random.Random(seed).choice(sorted(trained or known, key=lambda each: each.trial.id))
    return _compare(folder, chosen, _again(recipe, folder, chosen, executor))


def _again(recipe: Recipe, folder: Folder, chosen: Planned, executor: Executor) -> Folder:
    path = folder.path / "check"
    shutil.rmtree(path, ignore_errors=True)
    other = Folder(path)
    with other.alone():
        if chosen.trial.like:  # its budget of tokens is the other's
            other.records[chosen.trial.like] = folder.records[chosen.trial.like]
        drive(other, lambda records: [chosen], recipe.study, executor, Progress("check"))
    return other


def _compare(folder: Folder, chosen: Planned, other: Folder) -> Check:
    recorded, again = folder.records[chosen.trial.id], other.records[chosen.trial.id]
    if again["status"] != "done":
        raise InputError(f"trial {chosen.trial.id} ended as {again['status']}: {again.get('reason', '')}")
    bits = [record["verdicts"]["execution_match"] for record in (recorded, again)]
    same = sum(a == b for a, b in zip(*bits, strict=True)) / len(bits[0])
    loss = tuple(float(record["scores"]["label_loss"]["value"]) for record in (recorded, again))
    machines = [(record.get("processor"), record.get("versions")) for record in (recorded, again)]
    return Check(chosen.trial.id, (loss[0], loss[1]), same, machines[0] == machines[1])
