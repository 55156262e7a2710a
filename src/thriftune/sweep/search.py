"""TPE (Bergstra et al. 2011) by Optuna: what to try next, from what came out. Its journal lies in the study's folder.

The records stay the truth: what the journal asked for and a kill left open is taken up again, and an empty journal is
filled from records, so that a search goes on from a committed file.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thriftune.errors import MissingPackage
from thriftune.recipe import Dimension, Recipe
from thriftune.sweep.plan import Planned, Records, quality
from thriftune.sweep.plan import point as planned
from thriftune.sweep.space import holds
from thriftune.sweep.trial import Trial

JOURNAL = "optuna.journal"
_DIRECTIONS = {"quality": "maximize", "peak_bytes": "minimize", "seconds": "minimize"}


class Tpe:
    """The points of a search: `slots` open ones at a time, `study.trials` in all; 0 slots ask for none."""

    def __init__(self, recipe: Recipe, folder: Path, slots: int = 1) -> None:
        self._recipe, self._slots = recipe, slots
        self._optuna = _optuna()
        folder.mkdir(parents=True, exist_ok=True)
        backend = self._optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL))
        self._study = self._optuna.create_study(
            storage=self._optuna.storages.JournalStorage(backend),
            study_name=recipe.name,
            directions=[_DIRECTIONS[name] for name in recipe.study.objectives],
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # options that Optuna calls experimental
            # another seed at every start: the first points are random, and would come again
            seed = 42 + len(self._study.get_trials(deepcopy=False))
            options: dict[str, Any] = {"multivariate": True, "group": True, "constant_liar": True, "seed": seed}
            self._study.sampler = self._optuna.samplers.TPESampler(**options)

    def __call__(self, records: Records) -> list[Planned]:
        """Tell Optuna what has ended, ask for what is next; return all points asked for so far with their seeds."""
        if not self._study.trials:
            self._fill(records)
        known = self._study.get_trials(deepcopy=False)
        open_ = 0
        for each in known:
            if each.state == self._optuna.trial.TrialState.RUNNING:
                open_ += not self._told(each, records)
        while open_ < self._slots and len(self._study.get_trials(deepcopy=False)) < self._recipe.study.trials:
            number = self._chosen(self._study.ask())
            open_ += not self._told(self._study.trials[number], records)  # a point may come twice: it is done then
        return [row for each in self._study.trials if _whole(each) for row in self._rows(each.user_attrs["point"])]

    def _rows(self, point: Mapping[str, Any]) -> list[Planned]:
        """Return the trials of a point. Points may repeat, and are then one and the same."""
        overrides = {**self._recipe.study.settings, **point}
        seeds = self._recipe.study.seeds
        return [planned(self._recipe, overrides, seed) for seed in seeds]

    def _told(self, each: Any, records: Records) -> bool:
        """Tell Optuna how a point did, when all its seeds have ended; return whether that was so."""
        if not _whole(each):  # killed between asking and choosing
            self._study.tell(each.number, state=self._optuna.trial.TrialState.FAIL)
            return True
        trials = [row.trial for row in self._rows(each.user_attrs["point"])]
        if any(trial.id not in records for trial in trials):
            return False
        values = self._values(trials, records)
        state = None if values else self._optuna.trial.TrialState.FAIL
        self._study.tell(each.number, values, state=state)
        return True

    def _values(self, trials: list[Trial], records: Records) -> list[float] | None:
        """Return the means over the seeds; None where an objective is missing for one of them."""
        rows = [objectives(records[trial.id], self._recipe) for trial in trials]
        if any(None in row for row in rows):
            return None
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    def _chosen(self, each: Any) -> int:
        """Choose a point for what Optuna asks to be tried; return its number."""
        point: dict[str, Any] = {}
        for key, dimension in self._recipe.study.space.items():
            if holds(self._recipe, dimension, {**self._recipe.study.settings, **point}):
                point[key] = self._suggested(each, key, dimension)
        each.set_user_attr("point", point)
        return int(each.number)

    def _suggested(self, each: Any, key: str, dimension: Dimension) -> Any:
        made = self._distribution(dimension)
        if dimension.values is not None:
            return json.loads(each.suggest_categorical(key, made.choices))
        suggest = each.suggest_int if dimension.whole else each.suggest_float
        return suggest(key, made.low, made.high, log=dimension.log)

    def _distribution(self, dimension: Dimension) -> Any:
        made = self._optuna.distributions
        if dimension.values is not None:  # as JSON: Optuna takes no lists
            return made.CategoricalDistribution([json.dumps(value) for value in dimension.values])
        kind = made.IntDistribution if dimension.whole else made.FloatDistribution
        low, high = dimension.low or 0.0, dimension.high or 0.0
        return kind(int(low), int(high), log=dimension.log) if dimension.whole else kind(low, high, log=dimension.log)

    def _fill(self, records: Records) -> None:
        """Give an empty journal the points of this space that other sittings recorded."""
        for point, values in self._recorded(records):
            space = self._recipe.study.space
            given = {key: json.dumps(v) if space[key].values is not None else v for key, v in point.items()}
            made = self._optuna.trial.create_trial(
                params=given,
                distributions={key: self._distribution(space[key]) for key in point},
                values=values,
                user_attrs={"point": point},
            )
            self._study.add_trial(made)

    def _recorded(self, records: Records) -> Iterator[tuple[dict[str, Any], list[float]]]:
        study, seen = self._recipe.study, []
        for record in records.values():
            point = {key: value for key, value in record["overrides"].items() if key in study.space}
            rest = {key: value for key, value in record["overrides"].items() if key not in study.space}
            if record["status"] != "done" or rest != study.settings or not point or point in seen:
                continue
            seen.append(point)
            trials = [row.trial for row in self._rows(point)]
            if all(trial.id in records for trial in trials) and (values := self._values(trials, records)):
                yield point, values


def objectives(record: Mapping[str, Any], recipe: Recipe) -> list[float | None]:
    """Return the study's objectives of one record; None for a figure that is missing."""
    train = record.get("train", {})
    found = {
        "quality": quality(record, recipe.study.metric),
        "peak_bytes": train.get("peak_bytes"),
        "seconds": train.get("train_seconds"),
    }
    return [found[name] for name in recipe.study.objectives]


def _whole(each: Any) -> bool:
    return "point" in each.user_attrs


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingPackage("thriftune[sweep]", "study.sampler: tpe is Optuna's") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
