"""What the evaluation is said to hold, against answers that are really decoded."""

import pytest
import torch
from transformers import AutoConfig

from thriftune.plan.evaluation import evaluated
from thriftune.plan.meter import Meter
from thriftune.recipe import Evaluate
from thriftune.students.decode import decode, read_prefix
from thriftune.students.load import load_for_generation


@pytest.mark.parametrize("max_new_tokens", [4, 60])
def test_answers_hold_what_was_predicted(folders, make_rows, max_new_tokens):
    rows = make_rows("causal", 6)
    said = evaluated(
        AutoConfig.from_pretrained(folders["causal"]), Evaluate(batch=6, max_new_tokens=max_new_tokens), rows, "fp32"
    )
    student = load_for_generation(folders["causal"], "causal", "fp32")
    meter = Meter()
    meter.watch([*student.model.parameters(), *student.model.buffers()], "parameters")
    with meter, torch.no_grad():
        prefix = read_prefix(student.model, rows[0].prefix)
        asked = [[*row.question, *row.label[: row.label_marker]] for row in rows]
        decode(student.model, prefix, asked, end=-1, max_new_tokens=max_new_tokens)
    assert said.answering == pytest.approx(meter.peak.total, rel=0.05)


def test_adapters_are_merged_in_fp32(folders, make_rows):
    config = AutoConfig.from_pretrained(folders["causal"])
    said = evaluated(config, Evaluate(batch=1, max_new_tokens=1), make_rows("causal", 1, prefix=5), "bf16")
    assert said.bytes("qlora", "cuda") >= said.fp32 > 0
    assert said.bytes("full", "cuda") == said.bytes("lora", "cuda") == said.answering


def test_a_seq2seq_student_is_planned_with_both_caches(folders, make_rows):
    config = AutoConfig.from_pretrained(folders["seq2seq"])
    rows = make_rows("seq2seq", 4)
    few, many = (evaluated(config, Evaluate(batch=4, max_new_tokens=n), rows, "fp32").answering for n in (10, 200))
    cache = 2 * config.num_layers * 4 * config.num_heads * config.d_kv * 190 * 4
    assert many >= few + cache
