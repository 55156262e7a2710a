import random

import pytest
import torch

from thriftune.testing import tiny
from thriftune.train.batches import Row


def _make_rows(kind: str, count: int, prefix: int = 50, question: int = 20, label: int = 30, rationale: int = 40):
    """Rows of random tokens, each a little longer than the one before, so that seq2seq rows are padded."""
    chance = random.Random(0)
    ids = lambda n: tuple(chance.randrange(3, 400) for _ in range(n))  # noqa: E731
    shared, made = ids(prefix), []
    for number in range(count):
        asked, answer, reason = ids(question + number), ids(label + number), ids(rationale + number)
        if kind == "seq2seq":
            made.append(Row((), shared + asked, answer, reason, why=shared + asked[::-1]))
        else:
            made.append(Row(shared, asked, answer, reason, 2, 3))
    return made


@pytest.fixture(scope="session")
def make_rows():
    """The function above, for tests."""
    return _make_rows


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Folders of a tiny causal and a tiny seq2seq student."""
    root = tmp_path_factory.mktemp("students")
    return {kind: str(tiny.save(root / kind, kind)) for kind in ("causal", "seq2seq")}


@pytest.fixture(scope="session")
def wide():
    """The config of a causal student whose weights are more than its activations."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=400,
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
        tie_word_embeddings=True,
    )


@pytest.fixture(scope="session")
def wide_folder(wide, tmp_path_factory):
    """The folder of a student of that config."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wide")
    LlamaForCausalLM(wide).save_pretrained(folder)
    tiny.tokenizer(chat=True).save_pretrained(folder)
    return folder
