"""The section `student`: the model to fine-tune."""

from typing import Literal

from thriftune.recipe.base import Section


class Student(Section):
    """The model to fine-tune."""

    model: str = "smollm2-135m-instruct"
    """The embedded `smollm2-135m-instruct`, a Hugging Face id, or a local folder."""
    kind: Literal["auto", "causal", "seq2seq"] = "auto"
    """Decoder only (causal) or encoder with decoder (seq2seq). `auto` reads it from the model's config."""
