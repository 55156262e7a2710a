"""The reference pages are what the code gives, and leave no key without a text."""

from pathlib import Path

import pytest

from thriftune.recipe import Train
from thriftune.recipe.base import Section
from thriftune.testing.reference import cli, recipe
from thriftune.testing.reference.__main__ import PAGES

ROOT = Path(__file__).parent.parent.parent
SECTIONS = list(recipe.sections())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_gives(name):
    stands = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert stands == PAGES[name](), f"docs/reference/{name} is stale; write it with: make docs"


@pytest.mark.parametrize(("path", "section"), SECTIONS, ids=[path for path, _ in SECTIONS])
def test_every_key_has_a_text_below_it(path, section):
    told = recipe.descriptions(section)
    for name, field in section.model_fields.items():
        kind = field.annotation
        plain = not (isinstance(kind, type) and issubclass(kind, Section))  # a section has its own
        assert told.get(name) or not plain, f"{path}.{name} has no text: write one below it in src/thriftune/recipe/"


def test_all_sections_are_found():
    paths = [path for path, _ in SECTIONS]
    assert {"", "train", "task.engine", "task.collections.NAME", "teacher.expand", "study.resources.NAME"} <= {*paths}


def test_values_are_told_in_words():
    words = {name: recipe.kind_of(field.annotation, field.metadata) for name, field in Train.model_fields.items()}
    assert words["modality"] == "`full` or `lora` or `qlora`" and words["checkpointing"] == "`true` or `false`"
    assert words["label_weight"] == "number, 0 or more, at most 1" and words["max_steps"] == "whole number, above 0"
    assert words["targets"] == "text or list of text"


def test_a_key_without_a_text_has_none():
    class Bare(Section):
        first: int = 1
        """Of it."""
        second: int = 2

    assert recipe.descriptions(Bare) == {"first": "Of it."}


def test_every_command_is_on_the_page_whatever_the_terminal(monkeypatch):
    page = cli.page()
    assert all(f"## thriftune {name}\n" in page for name in ("run", "init", "data import", "serve"))
    monkeypatch.setenv("COLUMNS", "50")
    assert cli.page() == page
