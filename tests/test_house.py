"""The house stays as it is drawn: data flows one way, recipes load, what the papers name is there."""

import ast
import re
from pathlib import Path

import pytest

from thriftune.recipe import load

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "thriftune"
# each room may import those before it, never those after it
FLOORS = [
    {"errors", "version"},
    {"records", "progress", "prompts", "recipe", "similarity"},
    {"files"},
    {"runs"},
    {"demo", "tables"},
    {"tasks"},
    {"starter", "teach"},
    {"dataset"},
    {"students"},
    {"train"},
    {"evaluate"},
    {"plan"},
    {"report", "ship"},
    {"stages"},
    {"road"},
    {"sweep"},
    {"ui"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FREE = {"__init__", "testing"}  # the façade hands names on; testing is used by tests alone


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("thriftune"):
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_no_later_room(path):
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if room in FREE:
        return
    assert room in FLOOR, f"{room} has no floor: add it to FLOORS"
    later = {name for name in imports(path) if name in FLOOR and FLOOR[name] > FLOOR[room]}
    assert not later, f"{path} imports later rooms: {sorted(later)}"


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.name)
def test_every_recipe_loads(path):
    assert load(path).name == path.stem


PAGES = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/json-by-schema.md", "docs/export.md"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_only_what_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists() or (ROOT / target).exists(), target
    for name in re.findall(r"`([a-z_]+(?:/[a-z_0-9]+)*\.(?:py|yaml|jsonl))(?::[\w.]+)?`", text):
        if "/" in name and not name.startswith("dataset/"):
            assert any((base / name).exists() for base in (ROOT, SOURCE)), f"{page} names {name}"


def test_architecture_names_functions_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_/]+\.py):([\w.]+)`", text)
    assert len(named) > 10
    for file, dotted in named:
        code = (SOURCE / file).read_text(encoding="utf-8")
        for name in dotted.split("."):
            assert re.search(rf"(def|class) {name}\b", code), f"{file} has no {name}"


def test_no_module_holds_a_host_name_of_a_package_registry():
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "requirements").iterdir(), ROOT / "Makefile"]:
        assert not re.search(r"https?://[a-z]", path.read_text(encoding="utf-8")), path


def test_the_quick_commands_of_the_readme_are_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M), target
