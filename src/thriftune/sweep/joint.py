"""One training over several workers of a Ray cluster, by Ray Train: the same recipe, the same run folder.

The folder must lie on storage that all nodes share. Ray Train starts the workers and joins them into one group of
processes; what they do is what `thriftune train` does under torchrun (docs/scale.md). When one dies all are started
again, and they go on from the run's last checkpoint.
"""

from pathlib import Path
from typing import Any

from thriftune.errors import UserError
from thriftune.recipe import Recipe
from thriftune.road import travel
from thriftune.runs import Run
from thriftune.sweep.cluster import connect
from thriftune.train.ranks import PATIENCE

_FAILURES = 3


def train_together(recipe: Recipe, folder: Path, address: str, workers: int) -> Run:
    """Train on `workers` workers of the cluster at `address`; return the run.

    Raises:
        UserError: as `travel`. MissingPackage: Ray is not installed. RunError: there is no cluster.
    """
    ray = connect(address)
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    trainer = TorchTrainer(
        _work,
        train_loop_config={"recipe": recipe.model_dump_json(), "folder": str(folder.absolute())},
        torch_config=TorchConfig(timeout_s=int(PATIENCE.total_seconds())),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=ray.cluster_resources().get("GPU", 0) > 0),
        run_config=RunConfig(
            name="ray", storage_path=str(folder.absolute()), failure_config=FailureConfig(max_failures=_FAILURES)
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        raise _cause(error) from error
    finally:
        ray.shutdown()
    return Run(folder)


def _work(settings: dict[str, str]) -> None:
    travel(Recipe.model_validate_json(settings["recipe"]), Path(settings["folder"]), ("train",))


def _cause(error: Any) -> Exception:
    """Return the user's fault that a worker told, if one did; else the failure with the workers' tracebacks."""
    failures = getattr(error, "worker_failures", {}).values()
    return next((each for each in failures if isinstance(each, UserError)), error)
