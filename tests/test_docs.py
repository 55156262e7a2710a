"""The page of errors quotes messages that the code has, and every page of docs points to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "thriftune").rglob("*.py"))
QUOTED = re.findall(r"^\| `(.+?)` \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_one_of_the_code(message):
    pieces = [piece.strip() for piece in message.split("…") if piece.strip(" .")]
    assert pieces and all(piece in CODE for piece in pieces)


@pytest.mark.parametrize("page", ["errors.md", "index.md", "ui.md"])
def test_links_and_pictures_are_there(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), target


def test_many_messages_are_quoted():
    assert len(QUOTED) > 20


def test_the_site_names_pages_that_are_there():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r": ([\w/-]+\.md)$", text, re.M)
    assert len(pages) > 15 and all((DOCS / page).is_file() for page in pages)
