"""The short text that a command prints when it is done: the main table and where things are."""

from thriftune.runs import Run


def summary(run: Run, scored: bool) -> str:
    """Return the table of scores, where the command `scored` the students, and the paths worth opening."""
    lines: list[str] = []
    if scored and run.path("scores.json").exists():
        from thriftune.report.facts import collect, table

        lines += [columns(table(collect(run))), ""]
    for name, title in (("report.html", "report"), ("model", "model"), ("manifest.json", "manifest")):
        if run.path(name).exists():
            lines.append(f"{title:<9} {run.path(name)}")
    return "\n".join(lines)


def columns(rows: list[list[str]]) -> str:
    """Return rows as lines whose cells stand one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in padded)
