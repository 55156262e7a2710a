"""Trials on a Ray cluster: each is a Ray task that runs the same worker process on the node it is given.

The study's folder must lie on storage that all nodes share. A node or a Ray worker that dies takes no result along: Ray
starts the task again elsewhere, and the worker goes on from the trial's last checkpoint.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thriftune.errors import MissingPackage, RunError
from thriftune.recipe import Resources
from thriftune.sweep.executor import spawn

_RETRIES = 3  # of a task whose node or worker died; a worker process that was killed is the driver's to take up again


class Cluster:
    """One Ray task for each trial, as many at a time as the cluster has room for; the others wait in Ray's queue.

    Args:
        address: `auto` or an address of a cluster that runs; `local` starts one on this machine.
        resources: what a trial of each modality asks for; a core, and a GPU where there are any, unless given.
    """

    def __init__(self, address: str, resources: Mapping[Any, Resources] | None = None) -> None:
        self._ray, self._resources = connect(address), dict(resources or {})
        room = self._ray.cluster_resources()
        self._gpus = min(1, int(room.get("GPU", 0)))
        asked = [self._resources.get(modality, Resources()) for modality in ("full", "lora", "qlora")]
        self.slots = max(1, *(places(room, options_of(each, self._gpus)) for each in asked))
        self._task = self._ray.remote(max_retries=_RETRIES)(_run)
        self._running: dict[Path, Any] = {}

    def start(self, folder: Path, modality: str) -> None:
        """Start the worker of the trial in `folder` where Ray finds room."""
        asked = self._resources.get(modality, Resources())
        options = options_of(asked, self._gpus) | {"name": f"{modality} {folder.name[:8]}"}
        self._running[folder] = self._task.options(**options).remote(str(folder), asked.cores)

    def ended(self, folder: Path) -> int | None:
        """Return the exit code of the trial's worker, or None while it runs. What Ray gave up counts as killed."""
        ready, _ = self._ray.wait([self._running[folder]], timeout=0)
        if not ready:
            return None
        task = self._running.pop(folder)
        try:
            return int(self._ray.get(task))
        except (self._ray.exceptions.RayError, OSError):
            return -9

    def stop(self, folder: Path) -> None:
        """Stop the trial's worker: it ends with the Ray worker that holds its pipe."""
        self._ray.cancel(self._running.pop(folder), force=True)

    def close(self) -> None:
        """Stop all workers and leave the cluster."""
        for folder in list(self._running):
            self.stop(folder)
        self._ray.shutdown()


def options_of(asked: Resources, gpus: float) -> dict[str, Any]:
    """Return the options of a Ray task.

    Args:
        gpus: what it asks for unless its resources say.
    """
    memory = {} if asked.memory_gb is None else {"memory": int(asked.memory_gb * 1e9)}
    return {"num_cpus": asked.cores, "num_gpus": gpus if asked.gpus is None else asked.gpus, **memory}


def places(room: Mapping[str, float], options: Mapping[str, Any]) -> int:
    """Return how many tasks with these options find room at a time."""
    asked = {"CPU": options["num_cpus"], "GPU": options["num_gpus"], "memory": options.get("memory", 0)}
    return min(int(room.get(name, 0) / amount) for name, amount in asked.items() if amount)


def _run(folder: str, cores: int) -> int:
    """Run a trial's worker on the node where this is called; return its exit code."""
    os.environ.pop("OMP_NUM_THREADS", None)  # Ray sets it to the cores of the task
    process = spawn(Path(folder), cores)
    return process.wait()


def connect(address: str) -> Any:
    """Return Ray, connected with the cluster at `auto` or an address, or with a new one (`local`).

    Raises:
        MissingPackage: Ray is not installed. RunError: there is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingPackage("thriftune[ray]", "--ray works on a Ray cluster") from error
    try:
        ray.init(address=None if address == "local" else address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError) as error:
        raise RunError(f"no Ray cluster at {address}: {error}. Start one with: ray start --head") from error
    return ray
