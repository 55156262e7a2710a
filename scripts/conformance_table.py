"""Run the conformance suite of Query DSL and write its table.

python scripts/conformance_table.py                          the embedded engine alone
python scripts/conformance_table.py --url http://host:9200   a server too (OpenSearch or Elasticsearch)

The table goes to docs/conformance.md. On a server the suite makes indices named thriftune-conformance-… and drops them.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from thriftune.tasks.query_dsl.engine import Engine, embedded
from thriftune.tasks.query_dsl.servers import recognise

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
import conformance_suite as suite  # noqa: E402

PAGE = ROOT / "docs" / "conformance.md"
HEAD = """# Conformance of the engines

Made by `python scripts/conformance_table.py`{option}. Each case is a body with an expectation derived by hand from the
documentation of OpenSearch and Elasticsearch (`tests/conformance/cases/`). A cell is cases passed / all; "known" are
recorded failures of the embedded engine, with their reason below. No verdict rests on one: a body that depends on it is
`unsupported`, neither right nor wrong, or its fault is told by the judge itself (`tests/conformance/`).
P0 and P1 are the clauses that the judge needs; `tests/conformance/clauses.json` lists them.
"""


@dataclass(frozen=True)
class Column:
    """What one engine answered: the difference of every case, by title; empty where it conforms."""

    engine: str
    is_embedded: bool
    differences: dict[str, str]

    def cell(self, cases: list[suite.Case]) -> str:
        """Return passed / all, and how many of the failures are known."""
        passed = sum(not self.differences[case.title] for case in cases)
        known = sum(bool(self.differences[case.title]) and self.knows(case) for case in cases)
        return f"{passed} / {len(cases)}" + (f" ({known} known)" if known else "")

    def knows(self, case: suite.Case) -> bool:
        """Whether a failure of the case is expected: reasons are recorded for the embedded engine alone."""
        return self.is_embedded and bool(case.known)


def main() -> int:
    """Write the page; return 1 if a case fails that is not known, or a known one passes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="", help="a server to run the cases on as well")
    url = parser.parse_args().url
    cases = [case for group in suite.groups() for case in group.cases]
    with embedded() as engine:
        columns = [column(engine, cases, is_embedded=True)]
    if url:
        columns.append(column(suite.server(url), cases, is_embedded=False))
    PAGE.write_text(page(columns, cases, url), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return int(any(bool(col.differences[case.title]) != col.knows(case) for col in columns for case in cases))


def column(engine: Engine, cases: list[suite.Case], is_embedded: bool) -> Column:
    """Run all cases on one engine."""
    with loaded(engine):
        differences = {case.title: suite.run(engine, case) for case in cases}
    return Column(name_of(engine, is_embedded), is_embedded, differences)


@contextmanager
def loaded(engine: Engine) -> Iterator[None]:
    """Hold the indices of the suite on the engine."""
    try:
        suite.load(engine)
        yield
    finally:
        suite.drop(engine)


def name_of(engine: Engine, is_embedded: bool) -> str:
    """Return the name and version that the server gives itself."""
    about = recognise(engine.url, engine.auth, 60.0)
    spoken = f"{about.kind} {about.version}"
    return f"osmem-server {version('osmem-server')} (speaks {spoken})" if is_embedded else spoken


def page(columns: list[Column], cases: list[suite.Case], url: str) -> str:
    """Return the page as Markdown."""
    lines = [
        HEAD.format(option=" with `--url`" if url else ""),
        row("clause", "priority", *(c.engine for c in columns)),
    ]
    lines.append("|---" * (2 + len(columns)) + "|")
    for priority, names in suite.clauses().items():
        for name in names:
            own = [case for case in cases if (case.clause, case.priority) == (name, priority)]
            lines.append(row(name, priority, *(c.cell(own) for c in columns)))
        own = [case for case in cases if case.priority == priority]
        lines.append(row(f"**all {priority}**", priority, *(f"**{c.cell(own)}**" for c in columns)))
    lines.append(row("**all**", "", *(f"**{c.cell(cases)}**" for c in columns)))
    return "\n".join(lines + [line for c in columns for line in failures(c, cases)]) + "\n"


def failures(column: Column, cases: list[suite.Case]) -> list[str]:
    """Return a section that lists what did not conform; nothing if all did."""
    wrong = [case for case in cases if column.differences[case.title]]
    if not wrong:
        return []
    lines = ["", f"## What {column.engine} answers otherwise", ""]
    for case in wrong:
        why = f"known: {case.known} " if column.knows(case) else ""
        lines.append(f"- **{case.title}.** {why}(`{column.differences[case.title]}`)")
    return lines


def row(*cells: str) -> str:
    """Return one row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
