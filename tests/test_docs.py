"""The page of errors quotes messages that the code has, and every page of docs points to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "thriftune").rglob("*.py"))
QUOTED = re.findall(r"^\| `(.+?)` \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_one_of_the_code(message):
    pieces = [piece.strip() for piece in message.split("…") if piece.strip(" .")]
    assert pieces and all(piece in CODE for piece in pieces)


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the site and GitHub make them."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_are_there(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", prose(page)):
        there = (page.parent / target) if target else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there), f"{target}#{anchor}"


def test_many_messages_are_quoted():
    assert len(QUOTED) > 20


def test_the_site_names_pages_that_are_there():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r": ([\w/-]+\.md)$", text, re.M)
    assert {DOCS / page for page in pages} == {page for page in PAGES if page.is_relative_to(DOCS)}
