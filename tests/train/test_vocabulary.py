"""Training over the domain's tokens: the softmax covers them and a random rest; everything else sees them all."""

import torch

from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import load_for_training
from thriftune.train.batches import make_row, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.losses import mean_losses, packing
from thriftune.train.vocabulary import domain_ids, with_rest


def student_and_rows(folders):
    student = load_for_training(folders["causal"], "auto", Train(precision="fp32"))
    made = [make_row(student.renderer, Prompt("Index films", "war?"), '{"size":1}', "It is one.", "causal")]
    return student, made


def test_the_domain_holds_every_token_of_rows_and_texts(folders):
    student, rows = student_and_rows(folders)
    ids = set(domain_ids(student, rows, ["Ann Lee"]).tolist())
    for text in ("Ann Lee", " Ann Lee"):
        assert ids >= set(student.tokenizer(text, add_special_tokens=False)["input_ids"])
    assert ids >= {*rows[0].question, *rows[0].label, *rows[0].rationale}


def test_with_every_token_the_loss_is_the_formulas(folders):
    student, rows = student_and_rows(folders)
    scale = scale_of(rows, 0.5)
    with packing(student):
        whole = loss_of(student, rows, scale).total
        student.candidates = torch.arange(student.model.config.vocab_size)
        assert torch.allclose(loss_of(student, rows, scale).total, whole, rtol=1e-6)


def test_a_smaller_softmax_is_the_formulas_over_what_it_covers(folders, monkeypatch):
    student, rows = student_and_rows(folders)
    kept = domain_ids(student, rows, [])
    monkeypatch.setattr("thriftune.train.loss.with_rest", lambda domain, size: domain)
    with packing(student):
        student.candidates = kept
        loss = loss_of(student, rows, scale_of(rows, 1.0))
        student.candidates = None
        row = rows[0]
        ids = torch.tensor([[*row.prefix, *row.question, *row.label]])
    logits = student.model(ids).logits[0][:, kept].log_softmax(-1)
    places = range(len(ids[0]) - row.label_tokens, len(ids[0]))
    expected = [-logits[place - 1, (kept == ids[0, place]).nonzero().item()] for place in places]
    assert torch.allclose(loss.total, torch.stack(expected).mean(), rtol=1e-5)


def test_validation_sees_the_whole_vocabulary(folders):
    student, rows = student_and_rows(folders)
    with packing(student):
        whole = mean_losses(student, rows, 4096)
        student.candidates = domain_ids(student, rows, [])
        assert mean_losses(student, rows, 4096) == whole


def test_the_rest_is_drawn_anew_and_the_domain_stays():
    domain = torch.tensor([3, 5, 8])
    first, second = with_rest(domain, 100_000), with_rest(domain, 100_000)
    for drawn in (first, second):
        assert set(domain.tolist()) <= set(drawn.tolist()) and drawn.equal(drawn.unique()) and drawn.max() < 100_000
    assert not first.equal(second)
