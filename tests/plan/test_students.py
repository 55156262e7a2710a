"""The shipped configs have the parameters that the models' authors publish (model cards)."""

import pytest
import torch

from thriftune.errors import StudentError
from thriftune.plan.configs import config_of, shipped
from thriftune.plan.fake import kind_of_config, own_output_layer

PUBLISHED = {
    "HuggingFaceTB/SmolLM2-135M": 134.5e6,
    "HuggingFaceTB/SmolLM2-360M": 361.8e6,
    "HuggingFaceTB/SmolLM2-1.7B": 1.711e9,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1.100e9,
    "meta-llama/Llama-3.2-1B": 1.236e9,
    "meta-llama/Llama-3.2-3B": 3.213e9,
    "meta-llama/Llama-3.1-8B": 8.030e9,
    "meta-llama/Llama-2-7b-hf": 6.738e9,
    "mistralai/Mistral-7B-v0.3": 7.248e9,
    "Qwen/Qwen2.5-0.5B": 494.0e6,
    "Qwen/Qwen2.5-1.5B": 1.544e9,
    "Qwen/Qwen2.5-3B": 3.086e9,
    "Qwen/Qwen2.5-7B": 7.616e9,
    "google/flan-t5-small": 77.0e6,
    "google/flan-t5-base": 247.6e6,
    "google/flan-t5-large": 783.2e6,
    "google/flan-t5-xl": 2.850e9,
    "smollm2-135m-instruct": 134.5e6,
}


def test_every_config_has_a_published_figure():
    from thriftune.plan.configs import _plain

    assert {_plain(name) for name in PUBLISHED} == set(shipped())


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_that_are_published(name):
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config = config_of(name)
    auto = AutoModelForSeq2SeqLM if kind_of_config(config) == "seq2seq" else AutoModelForCausalLM
    with torch.device("meta"):
        model = auto.from_config(config)
        own_output_layer(model)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(PUBLISHED[name], rel=0.002)


def test_a_student_that_is_nowhere_is_the_users_fault(monkeypatch):
    with pytest.raises(StudentError, match="nobody/nothing"):
        config_of("nobody/nothing")
