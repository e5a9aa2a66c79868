"""The nursery: `python -m wit_pipeline.pictures.decoders.nursery DESCRIPTOR DECODE CONFIG`.

Imports and compiles once, then forks a decoder for each FORK, and tells of each that ended. When the pool's
end of the descriptor closes, by whatever death, it kills its decoders and ends.
"""

import errno
import gc
import io
import json
import os
import selectors
import signal
import sys
from contextlib import suppress
from pkgutil import resolve_name
from socket import recv_fds, socket, socketpair

from PIL import Image

from wit_pipeline.pictures.decoders.decoder import Decode, live
from wit_pipeline.pictures.decoders.messages import BORN, ENDED, FORK, NEWS, ORDER, UNBORN, packed, unpacked
from wit_pipeline.pictures.image import ImageError
from wit_pipeline.vocabulary.config import section
from wit_pipeline.vocabulary.crawl_config import CrawlConfig


def main(argv: list[str]) -> None:
    """Serve until the pool is gone."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # kills: a decoder's limit of CPU
    decode: Decode = resolve_name(argv[1])
    config = section(CrawlConfig, json.loads(argv[2]), "crawl")
    warm(decode, config)
    gc.collect()
    gc.freeze()  # or a decoder's first collection would copy every page
    with socket(fileno=int(argv[0])) as control:
        Nursery(control, decode, config).serve()


def warm(decode: Decode, config: CrawlConfig) -> None:
    """Decode one small picture of each format, so that what is imported or compiled late is there.

    And pack what is told: a mistake of ours in that would else cost every picture, one by one.
    """
    for name in config.formats:
        body = io.BytesIO()
        Image.linear_gradient("L").convert("RGB").resize((300, 300)).save(body, name)
        with suppress(ImageError):
            unpacked(*packed(decode(body.getvalue(), config)))


class Nursery:
    """The parent of decoders."""

    def __init__(self, control: socket, decode: Decode, config: CrawlConfig) -> None:
        self._control = control
        self._decode = decode
        self._config = config
        self._children: set[int] = set()
        self._alone = False
        self._woken, self._waker = socketpair()

    def serve(self) -> None:
        """Obey orders and reap, until the pool is gone."""
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # or nothing would be written to the wakeup descriptor
        with selectors.DefaultSelector() as ready, suppress(ConnectionError):
            ready.register(self._control, selectors.EVENT_READ, self._obey)
            ready.register(self._woken, selectors.EVENT_READ, self._reap)
            while not self._alone:
                for key, _ in ready.select():
                    key.data()
        self._end_all()

    def _obey(self) -> None:
        """Carry out one order: it is read with its descriptors, as it was sent."""
        order, descriptors, _, _ = recv_fds(self._control, ORDER.size, 2)
        if not order:
            self._alone = True
            return
        kind, pid = ORDER.unpack(order)
        if kind == FORK:
            self._fork(*descriptors)
        elif pid in self._children:  # not reaped, so the id is still its own
            os.kill(pid, signal.SIGKILL)

    def _fork(self, connection: int, shared: int) -> None:
        nursery = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(UNBORN, error.errno or errno.EAGAIN, 0)
        else:
            if pid == 0:
                self._forget()
                live(socket(fileno=connection), shared, self._decode, self._config, nursery)
            self._children.add(pid)
            self._tell(BORN, pid, 0)
        os.close(connection)
        os.close(shared)

    def _forget(self) -> None:
        """In a decoder: let go of what is the nursery's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for held in (self._control, self._woken, self._waker):
            held.close()

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            self._children.discard(pid)
            self._tell(ENDED, pid, status)

    def _tell(self, kind: bytes, pid: int, status: int) -> None:
        self._control.sendall(NEWS.pack(kind, pid, status))

    def _end_all(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
