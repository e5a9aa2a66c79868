"""A nursery as its pool sees it: started, given orders, listened to, ended."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import send_fds, socketpair

from wit_pipeline.pictures.decoders.messages import FORK, KILL, NEWS, ORDER, Inbox
from wit_pipeline.vocabulary.config import as_table
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

NURSERY = "wit_pipeline.pictures.decoders.nursery"
ROOT = Path(__file__).parents[3]  # where the package lies: the nursery must import the same
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM",
    ),
    "1",
)  # fmt: skip
PATIENCE = 10.0  # seconds for a nursery to end by itself: it takes milliseconds, unless somebody stopped it


class NurseryProcess:
    """A running nursery."""

    def __init__(self, config: CrawlConfig, decode: str) -> None:
        self._control, theirs = socketpair()
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        what = json.dumps(as_table(config))
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-P", "-m", NURSERY, str(theirs.fileno()), decode, what),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
                process_group=0,  # Ctrl-C is for the asker, who ends us
            )
        self._control.setblocking(False)
        self._inbox = Inbox(self._control, NEWS)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        return self._control.fileno()

    def fork(self, connection: int, shared: int) -> None:
        """Order a decoder. Raises `ConnectionError` if the nursery has ended."""
        send_fds(self._control, [ORDER.pack(FORK, 0)], [connection, shared])

    def kill_decoder(self, pid: int) -> None:
        """Order the end of a decoder. Raises `ConnectionError` if the nursery has ended."""
        self._control.sendall(ORDER.pack(KILL, pid))

    def news(self) -> Iterator[tuple[bytes, int, int]]:
        """What has happened: kind, pid and status. Raises `ConnectionError` if the nursery has ended."""
        yield from self._inbox.messages() or ()

    def kill(self) -> None:
        """End it by force; its decoders end by themselves."""
        self._process.kill()

    def close(self) -> int:
        """The exit code; it and its decoders are gone."""
        self._control.close()
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
