"""The commands `plan` and `doctor`."""

import json
import os
import subprocess
import sys

import pytest

from thriftune.testing import tiny

pytestmark = pytest.mark.slow  # minutes on two cores

RECIPE = """
name: small
task:
  kind: json_schema
  schemas: {{support: {{demo: support}}}}
teacher: {{lessons: [demo:support]}}
student: {{model: {student}}}
train: {{precision: fp32, rank: 4, batch: 4, micro_tokens: 2048}}
"""


def thriftune(folder, *words):
    command = [sys.executable, "-m", "thriftune.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False, env=os.environ)


@pytest.fixture
def folder(tmp_path):
    student = tiny.save(tmp_path / "student")
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(student=student))
    return tmp_path


def test_plan_prints_a_table_and_json(folder):
    shown = thriftune(folder, "plan", "recipe.yaml", "--memory", "16GB")
    assert shown.returncode == 0, shown.stderr
    assert (
        "QLoRA" in shown.stdout
        and "16.0 GB for training" in shown.stdout
        and "Take train.modality=full" in shown.stdout
    )
    told = thriftune(folder, "plan", "recipe.yaml", "--gpu", "t4", "--json")
    facts = json.loads(told.stdout)
    assert facts["device"]["name"].startswith("T4") and facts["choice"]["modality"] == "full"
    assert facts["rule_of_thumb"] == "qlora" and "rule of thumb takes QLoRA" in facts["reason"]
    assert not (folder / "runs").exists(), "a plan writes nothing"


def test_an_unknown_gpu_or_size_is_the_users_fault(folder):
    for words in (("--gpu", "quantum"), ("--memory", "plenty")):
        done = thriftune(folder, "plan", "recipe.yaml", *words)
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr


def test_doctor_looks_at_the_machine_and_at_what_a_recipe_needs(folder):
    done = thriftune(folder, "doctor", "recipe.yaml", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert {"python", "device", "memory", "precision", "disk", "qlora", "student"} <= set(checks)
    assert "llama" in checks["student"]["found"]


def test_doctor_names_what_is_missing_and_the_command(folder):
    done = thriftune(folder, "doctor", "recipe.yaml", "student.model=/nowhere")
    assert done.returncode == 1 and "broken" in done.stdout
    teacher = ("teacher.kind=openai", "teacher.model=m", "teacher.questions=[q.jsonl]", "teacher.key_env=NO_SUCH_KEY")
    done = thriftune(folder, "doctor", "recipe.yaml", *teacher)
    assert done.returncode == 1 and "export NO_SUCH_KEY" in done.stdout
    gone = (*teacher, "teacher.base_url=http://127.0.0.1:9/v1")
    done = thriftune(folder, "doctor", "recipe.yaml", *gone)
    assert done.returncode == 1 and "cannot be reached" in done.stdout
