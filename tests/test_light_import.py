"""`import thriftune` and `thriftune --help` are light, and every public name is there when it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import thriftune

HEAVY = ("torch", "transformers", "peft", "accelerate", "numpy", "bitsandbytes", "opensearchpy", "jinja2", "fastapi")


def loaded_by(code: str) -> list[str]:
    """Return the heavy packages that a fresh process has loaded after the code."""
    ask = f"import sys\n{code}\nprint([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "import thriftune",
        "from thriftune import *",
        "import thriftune.cli",
        "import thriftune.teach.stage, thriftune.dataset.stage, thriftune.report.stage",
    ],
)
def test_an_import_loads_nothing_heavy(code):
    assert loaded_by(code) == []


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"]])
def test_a_page_of_help_loads_nothing_heavy(words):
    assert loaded_by(f"from thriftune.cli import app\ntry: app({words!r})\nexcept SystemExit: pass") == []


def test_nothing_but_the_facade_is_loaded_by_import():
    code = "import sys, thriftune; print([name for name in sys.modules if name.startswith('thriftune.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("name", thriftune.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(thriftune, name)
    assert isinstance(value, str) or value.__doc__
    assert name in dir(thriftune)


def test_the_public_names_are_the_things_themselves():
    from thriftune import errors, recipe, records, road, runs, version

    assert thriftune.load_recipe is recipe.load and thriftune.Recipe is recipe.Recipe
    assert thriftune.travel is road.travel and thriftune.Run is runs.Run
    assert thriftune.UserError is errors.UserError and thriftune.__version__ == version.VERSION
    assert (thriftune.Question, thriftune.Lesson, thriftune.Verdict) == (
        records.Question,
        records.Lesson,
        records.Verdict,
    )


def test_the_lists_of_names_agree():
    """`__all__`, the table of homes and what type checkers see are three lists of the same names."""
    tree = ast.parse(Path(thriftune.__file__).read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    seen = {
        alias.asname or alias.name: f"{(node.module or '').removeprefix('thriftune.')}.{alias.name}"
        for node in imports
        for alias in node.names
    }
    assert seen == thriftune._HOMES and sorted(seen) == thriftune.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'thriftune' has no attribute 'trian'"):
        thriftune.trian  # noqa: B018
    with pytest.raises(ImportError):
        exec("from thriftune import trian")


def test_the_five_lines_of_the_docstring_are_code():
    lines = [line[4:] for line in (thriftune.__doc__ or "").splitlines() if line.startswith("    ")]
    code = ast.parse("\n".join(lines))
    assert len(code.body) == 5
    public = next(node for node in code.body if isinstance(node, ast.ImportFrom) and node.module == "thriftune")
    assert {alias.name for alias in public.names} <= set(thriftune.__all__)
