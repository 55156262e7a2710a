"""Manifests that run a recipe's study on a cluster: KubeRay's RayJob, and a Slurm script.

Both are rendered from the recipe's name and a few facts about the place; nothing is sent anywhere. Stopped and
submitted again they do what is missing, because the study's folder lies on shared storage.
"""

import shlex
from dataclasses import dataclass
from typing import Any

import yaml

from thriftune.errors import RecipeError

_RAY = "2.60.0"  # of the extra `ray`, and so of the image
_MEMORY, _CORES = "16Gi", 4


@dataclass(frozen=True)
class Place:
    """Where a study is to run.

    Attributes:
        name: of the recipe. recipe: its path there. overrides: dotted keys. image: it holds thriftune[ray].
        workers: machines that run trials. gpus: for each of them. storage: a folder that all share.
        claim: the PersistentVolumeClaim behind it.
    """

    name: str
    recipe: str
    overrides: tuple[str, ...]
    image: str
    workers: int
    gpus: int
    storage: str
    claim: str

    def command(self, *options: str) -> str:
        """Return the shell command that does the study."""
        out = f"{self.storage}/{self.name}"
        where = ["--out", out, "--records", f"{out}/trials.jsonl"]
        return shlex.join(["thriftune", "study", self.recipe, *self.overrides, *where, *options])


def rayjob(place: Place) -> str:
    """Return a RayJob (ray.io/v1) as YAML: the image holds thriftune, so nothing is installed when it starts.

    Raises:
        RecipeError: no image is named.
    """
    if not place.image:
        raise RecipeError("a RayJob needs the container image that holds thriftune[ray]: --image NAME:TAG")
    worker = {
        "groupName": "trials",
        "replicas": place.workers,
        "minReplicas": place.workers,
        "maxReplicas": place.workers,
        "rayStartParams": {},
        "template": _pod(place, "worker", place.gpus),
    }
    cluster = {
        "rayVersion": _RAY,
        "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": _pod(place, "head", 0)},
        "workerGroupSpecs": [worker],
    }
    specification = {
        "entrypoint": place.command("--ray", "auto"),
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 3600,
        "submissionMode": "K8sJobMode",
        "backoffLimit": 2,
        "rayClusterSpec": cluster,
    }
    job = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": place.name}, "spec": specification}
    return yaml.safe_dump(job, sort_keys=False)


def _pod(place: Place, role: str, gpus: int) -> dict[str, Any]:
    limits: dict[str, Any] = {"cpu": _CORES, "memory": _MEMORY} | ({"nvidia.com/gpu": gpus} if gpus else {})
    container = {
        "name": f"ray-{role}",
        "image": place.image,
        "resources": {"limits": limits, "requests": dict(limits)},
        "volumeMounts": [{"name": "study", "mountPath": place.storage}],
    }
    volume = {"name": "study", "persistentVolumeClaim": {"claimName": place.claim}}
    return {"spec": {"containers": [container], "volumes": [volume]}}


def slurm(place: Place) -> str:
    """Return a Slurm script: a Ray head and workers on the allocated nodes, the study beside the head."""
    gpus = f"#SBATCH --gpus-per-node={place.gpus}\n" if place.gpus else ""
    command = place.command("--ray")
    return f"""#!/bin/bash
#SBATCH --job-name={place.name}
#SBATCH --nodes={place.workers}
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task={_CORES}
#SBATCH --mem={_MEMORY.removesuffix("i")}
{gpus}#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --output={place.name}-%j.log
# Submit again to go on: what is done is not done again. thriftune[ray] must be on the PATH of every node.
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
export RAY_ADDRESS="$head:$port"

srun --nodes=1 --ntasks=1 --nodelist="$head" ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 20
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" \\
    ray start --address="$RAY_ADDRESS" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
  sleep 10
fi

{command} "$RAY_ADDRESS"
"""
