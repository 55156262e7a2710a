"""The short text that a command prints when it is done: the main table and where things are."""

from thriftune.runs import Run


def summary(run: Run, scored: bool) -> str:
    """Return the table of scores, where the command `scored` the students, and the paths worth opening."""
    lines: list[str] = []
    if scored and run.path("scores.json").exists():
        from thriftune.report.facts import collect, table

        rows = table(collect(run))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        lines.append("")
    for name, title in (("report.html", "report"), ("model", "model"), ("manifest.json", "manifest")):
        if run.path(name).exists():
            lines.append(f"{title:<9} {run.path(name)}")
    return "\n".join(lines)
