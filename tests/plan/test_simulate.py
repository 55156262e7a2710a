"""What is predicted from a config is what the meter counts in a real step."""

import json
import subprocess
import sys
import time

import pytest
from transformers import AutoConfig, LlamaConfig, T5Config

from thriftune.plan.configs import config_of
from thriftune.plan.fake import with_depth
from thriftune.plan.simulate import Case, _run, peak_of
from thriftune.plan.step import metered
from thriftune.recipe import Train
from thriftune.students.load import load_for_training
from thriftune.train.vocabulary import domain_ids

pytestmark = pytest.mark.slow  # minutes on two cores

CASES = [
    ("full", False, "fp32", {}),
    ("full", True, "bf16", {}),
    ("lora", False, "bf16", {}),
    ("lora", True, "fp32", {}),
    ("qlora", False, "fp32", {}),
    ("qlora", True, "bf16", {"double_quantization": True}),
    ("full", False, "fp32", {"vocabulary": "domain"}),
    ("full", False, "fp32", {"optimizer": "adamw_8bit"}),
]


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize(("modality", "checkpointing", "precision", "more"), CASES)
def test_a_real_step_holds_what_was_predicted(folders, kind, modality, checkpointing, precision, more, make_rows):
    train = Train(modality=modality, checkpointing=checkpointing, precision=precision, rank=4, **more)
    student = load_for_training(folders[kind], kind, train)
    rows = make_rows(kind, 4)
    candidates = None
    if train.vocabulary == "domain" and kind == "causal":
        student.candidates = domain_ids(student, rows, ["some text"])
        candidates = len(student.candidates)
    predicted = peak_of(AutoConfig.from_pretrained(folders[kind]), Case(train, [rows[:1], rows], precision, candidates))
    real = metered(student, [rows[:1], rows], train, warm_up=True).peak
    assert predicted.total == pytest.approx(real.total, rel=0.005)
    assert predicted.name == real.name
    for name, size in real.bytes.items():
        assert abs(predicted.bytes[name] - size) <= 0.01 * real.total, name


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("modality", ["full", "lora"])
@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_two_depths_tell_a_deeper_one(folders, kind, modality, checkpointing, make_rows):
    config = with_depth(AutoConfig.from_pretrained(folders[kind]), 6)
    train, rows = Train(modality=modality, checkpointing=checkpointing, rank=4), make_rows(kind, 3)
    case = Case(train, [rows[:1], rows], "fp32")
    whole, told = _run(config, case).peak, peak_of(config, case)
    assert told.total == pytest.approx(whole.total, rel=1e-3)
    assert told.bytes == pytest.approx(whole.bytes, rel=1e-2, abs=2e-3 * whole.total)


def test_the_peak_moves_with_the_depth_and_is_still_found(make_rows):
    """Three layers peak at the wide output layer, sixteen in the layers: the peaks alone would mislead."""
    config = LlamaConfig(vocab_size=20000, hidden_size=64, intermediate_size=256, num_hidden_layers=16,
                         num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True)  # fmt: skip
    rows = make_rows("causal", 6)
    case = Case(Train(modality="lora", rank=4), [rows], "fp32")
    shallow, whole = _run(with_depth(config, 3), case).peak, _run(config, case).peak
    assert shallow.bytes["logits"] > 0 and shallow.name.split(" of ")[0] != whole.name.split(" of ")[0]
    assert peak_of(config, case).total == pytest.approx(whole.total, rel=1e-3)


def test_full_fine_tuning_in_fp32_holds_sixteen_bytes_a_parameter(wide, make_rows):
    peak = peak_of(wide, Case(Train(modality="full"), [make_rows("causal", 1)], "fp32"))
    count = peak.bytes["parameters"] / 4
    held = peak.bytes["parameters"] + peak.bytes["gradients"] + peak.bytes["optimizer"]
    assert peak.bytes["optimizer"] == pytest.approx(8 * count, rel=1e-3)
    at_end = _run(wide, Case(Train(modality="full"), [make_rows("causal", 1)], "fp32")).segments[-2]
    assert at_end.name == "optimizer"
    assert sum(at_end.bytes[kind] for kind in ("parameters", "gradients", "optimizer")) == pytest.approx(
        16 * count, rel=1e-3
    )
    assert held <= 16 * count * 1.001


def test_nf4_holds_half_a_byte_a_weight_and_its_scales(wide, make_rows):
    peaks = {}
    for double in (False, True):
        train = Train(modality="qlora", rank=1, targets=["q_proj"], double_quantization=double)
        peaks[double] = _run(wide, Case(train, [make_rows("causal", 1)], "fp32")).segments[-1]
    layer = 256 * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 1024
    weights = wide.num_hidden_layers * layer
    rest = 400 * 256 * 4 + (2 * wide.num_hidden_layers + 1) * 256 * 4 + wide.num_hidden_layers * (256 + 256) * 4
    assert peaks[False].bytes["parameters"] == pytest.approx(weights / 2 + rest, rel=1e-2)
    blocks = weights / 64
    assert peaks[False].bytes["quantisation"] == pytest.approx(4 * blocks, rel=0.05)
    assert peaks[True].bytes["quantisation"] < 0.5 * peaks[False].bytes["quantisation"]


def test_a_gpu_keeps_no_attention_weights(wide, make_rows):
    rows = make_rows("causal", 3, prefix=400)
    peaks = {
        name: peak_of(wide, Case(Train(modality="lora"), [rows], "fp32", kernels=name)) for name in ("cpu", "cuda")
    }
    assert peaks["cuda"].total < peaks["cpu"].total


SEVEN_B = """
import json, resource, time
from thriftune.plan.configs import config_of
from thriftune.plan.simulate import Case, peak_of
from thriftune.recipe import Train
from thriftune.train.batches import Row
row = Row((1,) * 600, (1,) * 40, (1,) * 100, (1,) * 150, 1, 1)
found, started = {}, time.process_time()
for modality in ("full", "lora", "qlora"):
    peak = peak_of(config_of("meta-llama/Llama-2-7b-hf"), Case(Train(modality=modality), [[row] * 4], "bf16"))
    found[modality] = {"total": peak.total, **peak.bytes}
found["seconds"] = time.process_time() - started
found["resident"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(found))
"""


def test_a_7b_student_is_planned_in_seconds_and_without_its_weights():
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", SEVEN_B], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["full"]["total"] > found["lora"]["total"] > found["qlora"]["total"]
    assert found["full"]["parameters"] == pytest.approx(4 * 6.738e9, rel=1e-3)
    assert found["seconds"] < 60, f"{found['seconds']} s of two cores, {time.monotonic() - started} s"
    assert found["resident"] < 4e9


def test_a_t5_student_of_unlike_stacks_is_run_whole(make_rows):
    config = T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=5, num_heads=4,
                      decoder_start_token_id=0)  # fmt: skip
    assert peak_of(config, Case(Train(rank=2), [make_rows("seq2seq", 2)], "fp32")).total > 0


def test_configs_of_the_table_need_no_network():
    assert config_of("Qwen/Qwen2.5-7B-Instruct").hidden_size == 3584
