"""Local paths, as commands take them."""

import argparse
import re
from pathlib import Path

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")  # RFC 3986, section 3.1; "C:x" and "run:1" are names


def has_scheme(text: str) -> bool:
    """Whether a name is one of another machine, or spelled so: gs://b/r, file:///r."""
    return SCHEME.match(text) is not None


def local(text: str) -> Path:
    """The path that an option names: the type of every option that names one on this machine."""
    if not text:
        raise argparse.ArgumentTypeError("wants a path, found ''")
    if has_scheme(text):
        raise argparse.ArgumentTypeError(f"wants a path on this machine, found {text!r}")
    return no_uri(Path(text))


def no_uri(path: Path) -> Path:
    """The same file by a name that pyarrow takes for no URI, as it does a relative one with ":" in it.

    Absolute then, but not resolved: "a/.." may lie elsewhere where a is a link.
    """
    return path.absolute() if ":" in str(path) else path
