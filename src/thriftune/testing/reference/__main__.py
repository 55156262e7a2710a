"""Write the pages: `python -m thriftune.testing.reference docs/reference`."""

import sys
from pathlib import Path

from thriftune.files import write_text
from thriftune.testing.reference import cli, recipe

PAGES = {"recipe.md": recipe.page, "cli.md": cli.page}


def main() -> None:
    """Write each page into the folder that is named; `docs/reference` unless one is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")
    for name, page in PAGES.items():
        write_text(folder / name, page())
        print(folder / name)


if __name__ == "__main__":
    main()
