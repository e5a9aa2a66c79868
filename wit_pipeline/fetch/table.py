"""A table of one thing for each host, made on first use and bounded."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

HOSTS = 10_000  # many times the fetches under way in a process, so what is dropped is not in use


class PerHost(Generic[T]):
    """`make(name)` once for each name; the longest unused are forgotten. For one thread."""

    def __init__(self, make: Callable[[str], T], size: int = HOSTS) -> None:
        self._make = make
        self._size = size
        self._things: OrderedDict[str, T] = OrderedDict()

    def __getitem__(self, name: str) -> T:
        found = self._things.get(name)
        if found is None:
            found = self._things[name] = self._make(name)
            if len(self._things) > self._size:
                self._things.popitem(last=False)
        else:
            self._things.move_to_end(name)
        return found
