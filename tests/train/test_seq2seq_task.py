"""A seq2seq student told its task in the decoder: the encoder runs once an example and does not know the task."""

import pytest
import torch

from thriftune.evaluate.generate import generate
from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER, Prompt
from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.train.batches import make_row, scale_of
from thriftune.train.loss import loss_of

TEXTS = [("horror?", '{"size":1}', "One is the size."), ("late from JFK", '{"size":20}', "It is twenty, no more.")]


def student_of(folders, task: str) -> Student:
    return load_for_training(folders["seq2seq"], "auto", Train(precision="fp32", seq2seq_task=task))


def rows_of(student: Student):
    prompts = [Prompt("Index films", question) for question, _, _ in TEXTS]
    return [
        make_row(student.renderer, prompt, label, why, "seq2seq", student.seq2seq_task)
        for prompt, (_, label, why) in zip(prompts, TEXTS, strict=True)
    ]


def plain(student: Student, weight: float) -> torch.Tensor:
    """The formula, one example and one task at a time: the marker begins the decoder's text and is given."""
    renderer, sums, counts = student.renderer, [0.0, 0.0], [0, 0]
    for question, *answers in TEXTS:
        source = torch.tensor([renderer.source("", Prompt("Index films", question))])
        for task, (marker, text) in enumerate(zip((LABEL_MARKER, RATIONALE_MARKER), answers, strict=True)):
            given = [student.model.config.decoder_start_token_id, *renderer.marker(marker)]
            target = renderer.target(text)
            ids = torch.tensor([[*given, *target[:-1]]])
            logits = student.model(input_ids=source, decoder_input_ids=ids).logits[0, len(given) - 1 :]
            sums[task] = sums[task] + torch.nn.functional.cross_entropy(logits, torch.tensor(target), reduction="sum")
            counts[task] += len(target)
    return weight * sums[0] / counts[0] + (1 - weight) * sums[1] / counts[1]


def gradient(student: Student, loss: torch.Tensor) -> torch.Tensor:
    student.model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in student.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_loss_and_gradient_equal_the_plain_formula(folders, weight):
    student = student_of(folders, "decoder")
    rows = rows_of(student)
    ours, expected = loss_of(student, rows, scale_of(rows, weight)).total, plain(student, weight)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)
    ours, expected = gradient(student, ours), gradient(student, expected)
    assert (ours - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize(("task", "texts"), [("encoder", 4), ("decoder", 2)])
def test_the_encoder_reads_each_question_once_where_the_decoder_is_told_the_task(folders, task, texts):
    student = student_of(folders, task)
    rows, seen = rows_of(student), []
    student.model.get_encoder().register_forward_hook(lambda module, args, out: seen.append(out[0].shape[0]))
    loss_of(student, rows, scale_of(rows, 0.5))
    assert seen == [texts]


def test_the_student_answers_by_the_task_it_is_told(folders):
    student = student_of(folders, "decoder")
    rows = rows_of(student)
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=5e-3)
    for _ in range(150):
        loss_of(student, rows, scale_of(rows, 0.5)).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    student.model.eval()
    prompts = [Prompt("Index films", question) for question, _, _ in TEXTS]
    for marker, place in ((LABEL_MARKER, 1), (RATIONALE_MARKER, 2)):
        answers = generate(student, prompts, marker=marker, max_new_tokens=40)
        assert [answer.text for answer in answers] == [texts[place] for texts in TEXTS]
