"""The section `student`: the model to fine-tune."""

from typing import Literal

from thriftune.recipe.base import Section


class Student(Section):
    """The model to fine-tune: the embedded `smollm2-135m-instruct`, a Hugging Face id, or a local folder."""

    model: str = "smollm2-135m-instruct"
    kind: Literal["auto", "causal", "seq2seq"] = "auto"
