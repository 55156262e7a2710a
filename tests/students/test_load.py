"""Each silent trap of the libraries that our loading could spring has a test that fails when it is sprung."""

from pathlib import Path

import pytest
import torch

from thriftune.errors import StudentError
from thriftune.prompts import Prompt
from thriftune.recipe import Recipe, Train
from thriftune.students.load import load_for_generation, load_for_training
from thriftune.students.reload import load_tuned
from thriftune.testing import tiny
from thriftune.train.batches import make_row, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.losses import packing
from thriftune.train.stage import save

KINDS = ["causal", "seq2seq"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("students")
    return {kind: str(tiny.save(root / kind, kind)) for kind in KINDS}


def settings(modality: str, **keys) -> Train:
    return Train(modality=modality, rank=4, dropout=0.0, precision="fp32", **keys)


def recipe(model: str, modality: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "task": {"collections": {"films": {"demo": "films"}}},
            "teacher": {"lessons": ["demo:films"]},
            "student": {"model": model},
            "train": settings(modality).model_dump(),
        }
    )


def gradient(student) -> torch.Tensor:
    row = make_row(student.renderer, Prompt("Index films", "horror?"), '{"size":1}', "One is the size.", student.kind)
    student.model.train()
    student.model.zero_grad()
    with packing(student):
        loss_of(student, [row], scale_of([row], 0.5)).total.backward()
    return torch.cat([p.grad.flatten() for p in student.model.parameters() if p.grad is not None])


def logits(student) -> torch.Tensor:
    ids = torch.tensor([[5, 9, 33, 71, 12, 7]])
    extra = {"decoder_input_ids": ids} if student.kind == "seq2seq" else {}
    student.model.eval()
    with torch.no_grad():
        return student.model(input_ids=ids, **extra).logits


def trained(folder: str, modality: str):
    student = load_for_training(folder, "auto", settings(modality))
    optimizer = torch.optim.AdamW([p for p in student.model.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(4):
        gradient(student)
        optimizer.step()
    return student


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_in_the_middle_of_qlora_training_leaves_the_gradient_alone(folders, kind):
    student = trained(folders[kind], "qlora")
    before = gradient(student)
    logits(student)
    assert torch.equal(gradient(student), before)


@pytest.mark.parametrize("kind", KINDS)
def test_full_fine_tuning_of_a_bf16_checkpoint_has_fp32_weights(tmp_path, kind):
    folder = tiny.save(tmp_path / "bf16", kind, dtype=torch.bfloat16)
    student = load_for_training(str(folder), "auto", settings("full"))
    assert {p.dtype for p in student.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("modality", ["full", "lora", "qlora"])
def test_a_saved_student_is_the_trained_student(tmp_path, folders, kind, modality):
    student = trained(folders[kind], modality)
    expected = logits(student)
    untrained = logits(load_for_generation(folders[kind], "auto", "fp32"))
    save(student, tmp_path / "model")
    tuned = load_tuned(tmp_path / "model", recipe(folders[kind], modality))
    assert (logits(tuned) - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert (expected - untrained).abs().max() > 1e-2 * expected.abs().max(), "the training must have changed something"


def test_a_4_bit_adapter_merged_into_the_untouched_base_is_another_model(tmp_path, folders):
    """Why `load_tuned` merges into the dequantised base: the obvious way is measurably wrong."""
    from peft import PeftModel

    student = trained(folders["causal"], "qlora")
    expected = logits(student)
    save(student, tmp_path / "model")
    base = load_for_generation(folders["causal"], "auto", "fp32")
    base.model = PeftModel.from_pretrained(base.model, str(tmp_path / "model")).merge_and_unload()
    assert (logits(base) - expected).abs().max() > 1e-2 * expected.abs().max()


@pytest.mark.parametrize("modality", ["lora", "qlora"])
def test_alpha_is_four_times_the_rank_and_all_linear_layers_are_adapted(folders, modality):
    config = load_for_training(folders["causal"], "auto", settings(modality)).model.peft_config["default"]
    assert config.lora_alpha == 16 and config.r == 4
    adapted = {name.rpartition(".")[2] for name in config.target_modules}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_a_folder_without_weights_is_one_clear_message(tmp_path):
    folder = tiny.save(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    with pytest.raises(StudentError, match=r"cannot be loaded"):
        load_for_training(str(folder), "auto", settings("full"))


def test_an_unknown_model_is_one_clear_message():
    with pytest.raises(StudentError, match="no-such-model"):
        load_for_training("/nowhere/no-such-model", "auto", settings("full"))


def test_pickled_weights_are_refused(tmp_path):
    folder = tiny.save(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    torch.save(tiny.causal().state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(StudentError):
        load_for_training(str(folder), "auto", settings("full"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_quantised_student_does_not_keep_its_file_of_weights_mapped(folders, kind):
    """Else what quantisation has read of it counts as the process's memory for as long as it trains."""
    student = load_for_training(folders[kind], "auto", settings("qlora"))
    assert folders[kind] not in Path("/proc/self/maps").read_text()
    assert logits(student).isfinite().all()
