"""Every YAML block of the pages is a recipe or a part of one; every Python block is run, or named with who runs it."""

import ast
import importlib
import json
from typing import Any

import pytest
import yaml

from thriftune.recipe import Recipe, load

from .blocks import ROOT, Block, every

# a part of a recipe is laid over one of these
BASE: dict[str, Any] = {
    "name": "base",
    "task": {"collections": {"films": {"demo": "films"}}},
    "teacher": {"lessons": ["demo:films"]},
}
SIDE_BY_SIDE = {"docs/study.md": {"sampler": "tpe"}}  # shows lists and a range in one space; a range needs this sampler
RUN_ELSEWHERE = {  # blocks that are a file of the repository (tests/testing/test_contract.py compares them)
    "docs/your-own-task.md": "examples/formula",
}
NEEDS_A_RUN = {"docs/serve.md"}  # run by tests/docs/test_walks.py


@pytest.mark.parametrize("block", every("yaml"), ids=str)
def test_a_yaml_block_is_a_recipe_or_a_part_of_one(block: Block, tmp_path) -> None:
    given = yaml.safe_load(block.text)
    assert set(given) <= set(Recipe.model_fields), f"{block}: not all are sections of a recipe"
    whole = given if {"name", "task", "teacher"} <= set(given) else {**BASE, **given}
    if block.page in SIDE_BY_SIDE:
        whole["study"] |= SIDE_BY_SIDE[block.page]
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    load(path)


@pytest.mark.parametrize("block", every("json"), ids=str)
def test_a_json_block_is_json(block: Block) -> None:
    for line in block.text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("block", every("python"), ids=str)
def test_a_python_block_compiles_and_what_it_imports_is_there(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        for module in [alias.name for alias in node.names] if isinstance(node, ast.Import) else []:
            importlib.import_module(module)
        if isinstance(node, ast.ImportFrom) and node.module:
            found = importlib.import_module(node.module)
            assert all(hasattr(found, alias.name) for alias in node.names), f"{block}: {ast.unparse(node)}"


@pytest.mark.parametrize("block", every("python"), ids=str)
def test_a_python_block_is_run(block: Block) -> None:
    """A block that nobody runs fails here: run it in a test and say so above."""
    assert block.page in RUN_ELSEWHERE or block.page in NEEDS_A_RUN
    if folder := RUN_ELSEWHERE.get(block.page):
        assert block.text in {path.read_text(encoding="utf-8") for path in (ROOT / folder).glob("*.py")}


def test_blocks_are_seen() -> None:
    assert len(every("yaml")) > 8 and len(every("python")) >= 4 and every("json")
