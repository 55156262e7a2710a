"""Every call of `thriftune` in the pages is one that the command line takes, with keys that recipes have."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from thriftune.cli import app
from thriftune.recipe import Recipe
from thriftune.recipe.base import Section
from thriftune.testing.reference.recipe import section_of

from .blocks import PAGES, ROOT, Block, commands

COMMANDS = [command for page in PAGES for command in commands(page)]
_NUMBERS = {"N": "1", "P": "8000"}  # placeholders of options that take a number


def words_of(text: str) -> list[str]:
    """A synopsis becomes a call: brackets go, of alternatives the first stays, comments and redirections end it."""
    text = re.sub(r"^torchrun .*-m thriftune\.cli", "thriftune", text)
    words = shlex.split(text.replace("[--", "--").replace("…", ""), comments=True)
    words = words[: next((place for place, word in enumerate(words) if word in (">", "2>", "<")), None)]
    plain = [word if "=" in word else word.strip("[]").split("|")[0] for word in words[1:]]
    return [_NUMBERS.get(word, word) for word in plain]


def parsed(words: list[str]) -> None:
    """Raise what the command line raises for wrong words; nothing is run."""
    command, name = typer.main.get_command(app), "thriftune"
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, name, words = command.commands[words[0]], f"{name} {words[0]}", words[1:]
    if hasattr(command, "commands"):
        assert words and words[0] in ("--help", "--version"), f"{name} has no command {words}"
        return
    if "--help" not in words:
        command.make_context(name, words)


def is_key(dotted: str) -> bool:
    section: Any = Recipe
    for part in dotted.split("."):
        if not (isinstance(section, type) and issubclass(section, Section)):
            return True  # within a name of the user's own, or a free value
        if part not in section.model_fields:
            return False
        section = section_of(section.model_fields[part].annotation)
    return True


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_of_the_docs_is_one(command: Block) -> None:
    words = words_of(command.text)
    try:
        parsed(words)
    except typer.BadParameter as error:  # within a line a command may be named without its arguments
        if command.language != "inline" or type(error).__name__ != "MissingParameter":
            raise
    for word in words:
        if found := re.match(r"([a-z_]+(?:\.[A-Za-z_]+)+)=", word):
            assert is_key(found[1]), f"{command}: {found[1]} is no key"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_file_of_the_repository_is_there(command: Block) -> None:
    for word in words_of(command.text):
        if re.match(r"(recipes|examples)/", word):
            assert Path(ROOT / word).exists(), f"{command}: there is no {word}"


def test_many_commands_are_seen() -> None:
    assert len(COMMANDS) > 100


@pytest.mark.parametrize("text", ["thriftune tran x", "thriftune run", "thriftune plan x --memroy 1GB", "thriftune"])
def test_a_wrong_command_would_be_seen(text: str) -> None:
    with pytest.raises((AssertionError, TyperException)):
        parsed(words_of(text))


def test_a_wrong_key_would_be_seen() -> None:
    assert is_key("train.rank") and is_key("task.engine.url") and is_key("study.settings.anything")
    assert not is_key("train.ranks") and not is_key("task.engines.url")
