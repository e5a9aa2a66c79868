"""Whether a package of ours is another's of the same name: the package index has a "queries" too.

What is imported first decides, so this stands before anything else of the house, and imports none of it. See
docs/decisions/0017-packages-without-a-roof.md.
"""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
PACKAGES = ("wit_pipeline", "queries")  # what beam_jobs imports of the house


def namesake(package: str, home: Path = HOME) -> str:
    """Which stranger would be imported in the place of our package, in one line, or ""."""
    found = find_spec(package)
    origin = Path(found.origin).resolve() if found and found.origin else None
    if origin is None:
        return f"our package {package} is missing in {home}: install webimagetext again"
    if origin != home / package / "__init__.py":
        return (
            f"{origin} stands in the way of our package {package}: leave it out of the path, or give "
            "webimagetext an environment of its own"
        )
    try:
        other = distribution(package)
    except PackageNotFoundError:
        return ""
    written = {Path(str(other.locate_file(file))).resolve() for file in other.files or ()}
    if origin not in written:
        return ""
    return (
        f"{package} {other.version} and webimagetext have both been installed into {origin.parent}: give "
        "webimagetext an environment of its own"
    )


def told() -> str:
    """The first of what is wrong, or ""."""
    return next(filter(None, map(namesake, PACKAGES)), "")
