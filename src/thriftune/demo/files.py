"""Where the data file of an installed package lies, without importing the package."""

from importlib import metadata
from pathlib import Path

from thriftune.errors import MissingPackage


def package_file(package: str, name: str) -> Path:
    """Return the path of the file called `name` inside the installed distribution `package`.

    Raises:
        MissingPackage: the distribution or the file is not there; the message has the command that mends it.
    """
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError as error:
        raise MissingPackage(package, f"it holds {name}", "--no-deps") from error
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise MissingPackage(package, f"the installed version has no {name}", "--no-deps --upgrade")
