"""What commands take: a parser that names what it does not know, and local paths."""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

from wit_pipeline.vocabulary.config import did_you_mean

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")  # RFC 3986, section 3.1; "C:x" and "run:1" are names


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line that says what would be right, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def add_version(self) -> None:
        """`--version`, of the package."""
        try:
            told = version("webimagetext")
        except PackageNotFoundError:  # a checkout that is not installed
            told = "of a checkout"
        self.add_argument("--version", action="version", version=f"{self.prog} {told}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it; an option that nobody knows is named before what is missing."""
        given = sys.argv[1:] if args is None else list(args)
        if self._subparsers is None:
            self._know(given)
        return super().parse_known_args(given, namespace)

    def _know(self, given: Sequence[str]) -> None:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for text in takewhile(lambda text: text != "--", given):
            name = text.partition("=")[0]
            if re.fullmatch(r"--[a-z][a-z-]*", name) and name not in known:
                self.error(f"no such option {name}{did_you_mean(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            near = did_you_mean(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f"no such choice {value!r}{near}")


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
