"""The embedded student of 135 million parameters, trained for a few steps: every form that its run can take.

    pytest -m slow tests/ship/test_smollm.py

GGUF needs llama-cpp-python (`pip install 'thriftune[gguf]'`) and `LLAMA_CPP_DIR`, llama.cpp's sources.
"""

import importlib.util
import json
import os

import pytest

from thriftune.recipe import load
from thriftune.road import ship, travel
from thriftune.students.embedded import NAME

from .conftest import write_inputs  # isort: skip

pytestmark = pytest.mark.slow
SHORT = ["train.max_steps=4", "train.epochs=1", "train.batch=2", "train.learning_rate=2.0e-3", "evaluate.base=false"]
NO_RUNTIME = importlib.util.find_spec("llama_cpp") is None
needs_llama = pytest.mark.skipif(
    NO_RUNTIME or not os.environ.get("LLAMA_CPP_DIR"),
    reason="needs llama-cpp-python, and LLAMA_CPP_DIR set to llama.cpp's sources",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A function from a modality to the folder of its run."""
    made = {}

    def get(modality: str):
        if modality not in made:
            folder = write_inputs(tmp_path_factory.mktemp(modality), "causal", modality, "full", NAME)
            travel(load(folder / "recipe.yaml", SHORT), folder / "run")
            made[modality] = folder / "run"
        return made[modality]

    return get


def forms_of(folder) -> dict:
    return json.loads((folder / "parity.json").read_text())["forms"]


@pytest.mark.parametrize(("modality", "form"), [("lora", "adapter"), ("lora", "merged"), ("qlora", "merged")])
def test_a_form_for_transformers_answers_as_the_trained_model(runs, modality, form):
    result = forms_of(ship(runs(modality), form))[form]
    assert result["passed"] and result["labels"]["value"] == 1


@needs_llama
@pytest.mark.parametrize("form", ["gguf", "ollama"])
def test_llama_cpp_answers_as_the_trained_model(runs, form):
    folder = ship(runs("lora"), form, allow=True)
    forms = forms_of(folder)
    assert set(forms) == ({"gguf-f16", "gguf-q8_0"} if form == "gguf" else {"ollama"})
    for result in forms.values():
        assert result["prompts"]["value"] == 1, "llama.cpp's tokenizer gives the ids of training"
    assert all(result["passed"] for result in forms.values()), forms
