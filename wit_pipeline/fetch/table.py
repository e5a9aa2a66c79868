"""A table of one thing for each host, made on first use and bounded."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

HOSTS = 10_000  # many times the threads of a process, so what is dropped is not in use


class PerHost(Generic[T]):
    """`make()` once for each name, however many threads ask; the longest unused are forgotten."""

    def __init__(self, make: Callable[[], T], size: int = HOSTS) -> None:
        self._make = make
        self._size = size
        self._things: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> T:
        with self._lock:
            if name not in self._things:
                self._things[name] = self._make()
                if len(self._things) > self._size:
                    self._things.popitem(last=False)
            self._things.move_to_end(name)
            return self._things[name]
