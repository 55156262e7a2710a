"""Trials on a Ray cluster: each is a Ray task that runs the same worker process on the node it is given.

The study's folder must lie on storage that all nodes share. A node or a Ray worker that dies takes no result along: Ray
starts the task again elsewhere, and the worker goes on from the trial's last checkpoint.
"""

import os
from pathlib import Path
from typing import Any

from thriftune.errors import MissingPackage, RunError
from thriftune.sweep.executor import spawn

_RETRIES = 3  # of a task whose node or worker died; a worker process that was killed is the driver's to take up again
_CORES = 1


class Cluster:
    """One Ray task for each trial, as many at a time as the cluster has room for.

    Args:
        address: `auto` or an address of a cluster that runs; `local` starts one on this machine.
        cores: how many each trial asks for. On nodes with GPUs it asks for one of these too.
    """

    def __init__(self, address: str, cores: int = _CORES) -> None:
        self._ray, self._cores = connect(address), cores
        resources = self._ray.cluster_resources()
        self._gpus = min(1, int(resources.get("GPU", 0)))
        room = resources["GPU"] if self._gpus else resources.get("CPU", 1) / cores
        self.slots = max(1, int(room))
        self._task = self._ray.remote(num_cpus=cores, num_gpus=self._gpus, max_retries=_RETRIES)(_run)
        self._running: dict[Path, Any] = {}

    def start(self, folder: Path, modality: str) -> None:
        """Start the worker of the trial in `folder` where Ray finds room."""
        self._running[folder] = self._task.options(name=f"{modality} {folder.name[:8]}").remote(
            str(folder), self._cores
        )

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
