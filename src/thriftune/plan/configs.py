"""The config of a student by its name: a folder, the shipped table, or the hub; never its weights."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from thriftune.students.load import model_path, read_config

_TABLE = Path(__file__).parent / "students.json"
_TUNED = ("-instruct", "-chat", "-it")  # a tuned sibling has the same shape


def config_of(name: str) -> Any:
    """Return the config of a recipe's `student.model`.

    Raises:
        StudentError: it is no folder, not in the table, and not to be had from the hub.
    """
    from transformers import AutoConfig, PreTrainedConfig

    shape = None if Path(name).is_dir() else shipped().get(_plain(name))
    if shape is not None:
        return _marked(AutoConfig.for_model(**shape), shape)
    config = read_config(name)
    return _marked(config, PreTrainedConfig.get_config_dict(model_path(name))[0])


def _marked(config: Any, written: dict[str, Any]) -> Any:
    """Keep that an output layer is one of its own: T5's config forgets it, and loading finds it in the weights."""
    config.own_output_layer = written.get("tie_word_embeddings") is False
    return config


@cache
def shipped() -> dict[str, dict[str, Any]]:
    """Return the configs of the table by their names in small letters, without marks of tuned siblings."""
    table = json.loads(_TABLE.read_text(encoding="utf-8"))
    found = {}
    for name, shape in table["students"].items():
        own = {key: value for key, value in shape.items() if key != "family"}
        found[_plain(name)] = {**table["families"][shape["family"]], **own}
    return found


def _plain(name: str) -> str:
    name = name.lower()
    for mark in _TUNED:
        name = name.removesuffix(mark)
    return name
