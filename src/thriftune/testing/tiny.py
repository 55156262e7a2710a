"""Tiny real students: a byte-level BPE tokenizer trained on the spot, a Llama-shaped and a T5-shaped model.

They are ordinary Hugging Face models with random weights; they load from a folder like any other.
"""

from pathlib import Path
from typing import Any

import torch

_TEXTS = (
    '{"query":{"bool":{"filter":[{"term":{"genres":"Horror"}},{"range":{"year":{"gte":1990,"lte":1999}}}]}}}',
    "Write the search body (Query DSL, JSON) that answers the question (predict), or why (explain).",
    "which films of the nineties are horror, and how many flights left late? The genre is an exact term.",
)


def tokenizer(chat: bool = False) -> Any:
    """Return a byte-level BPE tokenizer with pad, end and begin tokens; `chat` adds a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<pad>", "</s>", "<s>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(_TEXTS, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", bos_token="<s>")
    if chat:
        wrapped.chat_template = (
            "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
            "{% if add_generation_prompt %}<s>assistant: {% endif %}"
        )
    return wrapped


def causal(seed: int = 0, layers: int = 2) -> Any:
    """Return a Llama-shaped causal model in fp32 with grouped queries (4 heads, 2 key heads, width 64)."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def seq2seq(seed: int = 0) -> Any:
    """Return a T5-shaped model in fp32 (gated GELU, 2 + 2 layers, width 64)."""
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(seed)
    shape: dict[str, Any] = dict(
        vocab_size=400,
        d_model=64,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        tie_word_embeddings=False,
    )
    return T5ForConditionalGeneration(T5Config(**shape))


def save(folder: Path, kind: str = "causal", seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Save a tiny student with its tokenizer as an ordinary model folder, and return the folder."""
    model = seq2seq(seed) if kind == "seq2seq" else causal(seed)
    model.to(dtype).save_pretrained(folder)
    tokenizer(chat=kind == "causal").save_pretrained(folder)
    return folder
