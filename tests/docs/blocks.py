"""The code in the pages: fenced blocks, indented blocks, and commands within a line."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_INDENTED = re.compile(r"(?<=\n\n)((?: {4}.*\n)+)")
_INLINE = re.compile(r"`(thriftune [a-z][^`]*)`")


@dataclass(frozen=True)
class Block:
    """A piece of code: where it stands, its language (`""` for an indented block), its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced and the indented blocks of a page."""
    text = page.read_text(encoding="utf-8")
    name, bare = str(page.relative_to(ROOT)), _FENCED.sub(lambda found: re.sub(r"[^\n]", "#", found[0]), text)
    fenced = [Block(name, _line(text, found), found[1], found[2]) for found in _FENCED.finditer(text)]
    indented = [
        Block(name, _line(text, found), "", re.sub(r"^ {4}", "", found[1], flags=re.M))
        for found in _INDENTED.finditer(bare)
    ]
    return fenced + indented


def commands(page: Path) -> list[Block]:
    """Return every call of `thriftune` in a page, one a block, lines that go on with a backslash joined."""
    found = []
    for block in blocks(page):
        if block.language not in ("", "sh", "bash"):
            continue
        for number, line in enumerate(block.text.replace("\\\n", " ").splitlines()):
            for part in re.split(r" && | \| |;", line):
                if re.match(r"(torchrun .*-m thriftune\.cli|thriftune) ", part.strip()):
                    found.append(Block(block.page, block.line + number, "sh", part.strip()))
    text = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), page.read_text(encoding="utf-8"))
    name = str(page.relative_to(ROOT))
    return found + [Block(name, _line(text, each), "inline", each[1]) for each in _INLINE.finditer(text)]


def every(language: str) -> list[Block]:
    """Return the fenced blocks of one language on all pages."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1
