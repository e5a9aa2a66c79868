"""Functions that numba compiles. Apart from the rules that use it: a decoder imports it and no Arrow."""

from collections.abc import Callable
from functools import partial
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any], **how: Any) -> Any:
    """A function compiled at its first call; kept on disk for the next process where anything can be."""
    try:
        return njit(cache=True, **how)(function)
    except RuntimeError:  # neither beside this file nor in the user's cache: compiled again in each process
        return njit(**how)(function)


inlined = partial(compiled, inline="always")
