"""One-line failures kept as they are: Beam makes a RuntimeError and a traceback of every exception."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wit_pipeline.vocabulary import errors
from wit_pipeline.vocabulary.errors import RunError, WitError

# As Python prints one at the end of a traceback, and Beam goes on after it.
PRINTED = re.compile(
    rf"^{re.escape(errors.__name__)}\.(?P<type>\w+): (?P<said>.+?)(?: \[while running .*)?$", re.MULTILINE
)

_failures: list[WitError] = []


@contextmanager
def remembered(where: str) -> Iterator[None]:
    """Keep a WitError that leaves the block; one of the disk's becomes a RunError that says where."""
    try:
        yield
    except WitError as error:
        _failures.append(type(error)(str(error)))  # a copy: Beam writes into the one that it sees
        raise
    except OSError as error:
        message = f"{where}: {of_the_disk(error)}"
        _failures.append(RunError(message))
        raise RunError(message) from error


def of_the_disk(error: OSError) -> str:
    """An OSError in one line: which file, where it is known, and what failed."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def of_text(text: str) -> WitError | None:
    """The WitError that a worker elsewhere raised, from the traceback that reached us; None for another's."""
    printed = list(PRINTED.finditer(text))
    kind = getattr(errors, printed[-1]["type"], None) if printed else None
    return kind(printed[-1]["said"]) if isinstance(kind, type) else None


def forget() -> None:
    """Before a pipeline runs."""
    _failures.clear()


def raise_remembered() -> None:
    """After it failed: raise the first failure that was kept, if any."""
    if _failures:
        raise _failures[0] from None


def told(message: str, code: int) -> int:
    """An exit code, once the one line that explains it is on stderr."""
    sys.stderr.write(f"wit: {' '.join(message.split())}\n")
    sys.stderr.flush()
    return code
