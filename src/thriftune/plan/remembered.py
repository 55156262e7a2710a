"""Simulations that were made before, by what shapes them: a plan that is asked again and again makes only the new ones.

What there is of memory changes no simulation; an adapter's rank changes none of full fine-tuning; larger batches
change none as soon as their micro-batches are full.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from thriftune.files import content_id
from thriftune.plan.evaluation import Evaluation, evaluated, longest
from thriftune.plan.meter import Segment
from thriftune.plan.options import Simulations
from thriftune.plan.simulate import Case, peak_of
from thriftune.recipe import Evaluate
from thriftune.records import dump_section
from thriftune.train.batches import Row

T = TypeVar("T")
_GIVEN = {"batch", "micro_tokens"}  # the micro-batches of a case are there already
_OF_ADAPTERS = {"rank", "alpha", "alpha_ratio", "dropout", "targets", "double_quantization"}


class Abandoned(Exception):
    """Nobody waits for the plan any more."""


class Remembered:
    """Simulations by what shapes them, for the life of a process. `made` counts those that were not there yet."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}
        self.made = 0

    def simulations(self, abandoned: Callable[[], bool] = lambda: False) -> Simulations:
        """Return what `make_plan` takes. It raises `Abandoned` instead of making one after `abandoned` is true."""

        def peak(config: Any, case: Case) -> Segment:
            return self._once(_of_case(config, case), lambda: peak_of(config, case), abandoned)

        def answering(config: Any, evaluate: Evaluate, rows: Sequence[Row], precision: str) -> Evaluation:
            key = _of_answers(config, evaluate, rows, precision)
            return self._once(key, lambda: evaluated(config, evaluate, rows, precision), abandoned)

        return Simulations(peak, answering)

    def _once(self, key: Hashable, make: Callable[[], T], abandoned: Callable[[], bool]) -> T:
        if key not in self._known:
            if abandoned():
                raise Abandoned
            self._known[key] = make()
            self.made += 1
        found: T = self._known[key]
        return found


def _of_case(config: Any, case: Case) -> str:
    left_out = _GIVEN | (_OF_ADAPTERS if case.train.modality == "full" else set())
    train = {name: value for name, value in dump_section(case.train).items() if name not in left_out}
    micros = [[vars(row) for row in rows] for rows in case.micros]
    return content_id("step", config.to_dict(), train, micros, case.precision, case.candidates, case.kernels)


def _of_answers(config: Any, evaluate: Evaluate, rows: Sequence[Row], precision: str) -> str:
    lengths = [(len(row.prefix), len(row.question), row.label_marker) for row in longest(rows, evaluate)]
    return content_id("answers", config.to_dict(), dump_section(evaluate), lengths, precision)
