"""The manifests obey their schemas, and their commands are commands of ours."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from thriftune.cli import app
from thriftune.errors import RecipeError

SCHEMA = json.loads((Path(__file__).parent / "rayjob.schema.json").read_text())
STUDY = str(Path(__file__).parents[2] / "recipes" / "films-study.yaml")
# options of sbatch(1) with what may stand behind them
SBATCH = {
    "job-name": r"[\w.-]+",
    "nodes": r"\d+",
    "ntasks-per-node": r"\d+",
    "cpus-per-task": r"\d+",
    "mem": r"\d+[KMGT]?",
    "gpus-per-node": r"\d+",
    "time": r"(\d+-)?\d{2}:\d{2}:\d{2}",
    "requeue": r"",
    "output": r"\S+",
}


def deployed(*words: str) -> str:
    done = CliRunner().invoke(app, ["deploy", STUDY, *words])
    if done.exception:
        raise done.exception
    return done.stdout


@pytest.mark.parametrize("gpus", [0, 2])
def test_a_rayjob_obeys_the_schema(gpus):
    job = yaml.safe_load(deployed("--to", "rayjob", "--image", "thriftune:1", "--gpus", str(gpus), "--workers", "3"))
    jsonschema.validate(job, SCHEMA)
    cluster = job["spec"]["rayClusterSpec"]
    limits = [
        group["template"]["spec"]["containers"][0]["resources"]["limits"] for group in cluster["workerGroupSpecs"]
    ]
    assert [limit.get("nvidia.com/gpu", 0) for limit in limits] == [gpus]
    assert cluster["workerGroupSpecs"][0]["replicas"] == 3
    job["spec"]["entrypont"] = job["spec"].pop("entrypoint")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, SCHEMA)


def test_a_rayjob_needs_an_image():
    with pytest.raises(RecipeError, match="--image"):
        deployed("--to", "rayjob")


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_slurm_script_is_bash_with_known_options(gpus, tmp_path):
    script = deployed("--to", "slurm", "train.max_steps=4", "--gpus", str(gpus))
    (tmp_path / "job").write_text(script)
    assert subprocess.run(["bash", "-n", tmp_path / "job"]).returncode == 0
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", script, re.M))
    assert all(re.fullmatch(SBATCH[name], value) for name, value in options.items())
    assert ("gpus-per-node" in options) == bool(gpus) and len(options) >= 8


@pytest.mark.parametrize("to", ["rayjob", "slurm"])
def test_the_command_is_one_that_we_take(to):
    text = deployed("--to", to, "--image", "x:1", "train.max_steps=4")
    entry = yaml.safe_load(text)["spec"]["entrypoint"] if to == "rayjob" else text.strip().splitlines()[-1]
    name, command, *words = shlex.split(entry.replace("$RAY_ADDRESS", "auto"))
    assert (name, command) == ("thriftune", "study") and words[words.index("--ray") + 1] == "auto"
    assert words[words.index("--out") + 1] == "/shared/films-study" and "train.max_steps=4" in words
    assert words[words.index("--records") + 1] == "/shared/films-study/trials.jsonl"
    assert CliRunner().invoke(app, [command, *words, "--dry-run", "--out", "nowhere"]).exit_code == 0
