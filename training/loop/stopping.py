"""The end that a scheduler asks for: SIGTERM is answered with a checkpoint."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopping:
    """Whether the process was asked to end."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Hear a signal; the step under way is finished first."""
        self.asked = True


@contextmanager
def listening() -> Iterator[Stopping]:
    """SIGTERM is heard while the block runs; by the main thread, the only one that signals reach."""
    stopping = Stopping()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    before = signal.signal(signal.SIGTERM, stopping.ask)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGTERM, before)
