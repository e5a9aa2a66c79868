"""`Decoders`: bodies out, pictures back, and whatever died replaced. All of it in the asker's event loop."""

import asyncio
import os
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from wit_pipeline.pictures import image, structure
from wit_pipeline.pictures.decoders.decoder_process import DecoderProcess, Work
from wit_pipeline.pictures.decoders.messages import BORN, DEPTH, ENDED, NonsenseError, slot_bytes
from wit_pipeline.pictures.decoders.nursery_process import NurseryProcess
from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Reason

DECODE = "wit_pipeline.pictures.image:decode"
WITH_PDQ = "wit_pipeline.pictures.image:decode_with_pdq"
WALL = 6.0  # times `decode_seconds`: above, a decoder is stuck, or its machine overbooked as many times
BIRTH = 60.0  # seconds until a first decoder must be there: a nursery takes about half of one
SETBACKS = 5  # ends in a row that no picture explains: above, decoders cannot be had here


class Decoders:
    """Processes that decode, as many as asked for; one that dies costs the image it had, and is replaced.

    A picture that its decoder does not survive is tried a second time, in a decoder that has seen no other:
    so it pays for no picture before it, and comes out the same each time.
    """

    def __init__(self, config: CrawlConfig, decode: str = DECODE) -> None:
        """`decode` names another function of the same signature."""
        self._config = config
        self._decode = decode
        self._wall = WALL * config.decode_seconds
        self._waiting: deque[Work] = deque()
        self._suspects: deque[Work] = deque()
        self._decoders: list[DecoderProcess] = []
        self._unborn: deque[DecoderProcess] = deque()  # in the order of their FORKs
        self._nursery: NurseryProcess | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard: asyncio.TimerHandle | None = None
        self._setbacks = 0
        self._failure = ""
        if config.store != "raw":  # else it may be that nothing is ever decoded
            self._fill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the nursery and, behind it, of the decoders that are born."""
        nursery = (self._nursery.pid,) if self._nursery else ()
        return nursery + tuple(decoder.pid for decoder in self._decoders if decoder.pid)

    async def decode(self, body: bytes | bytearray) -> Decoded:
        """The picture in `body`, which must not change meanwhile; first come, first served.

        Raises `ImageError`; and `RunError` where decoders cannot be had.
        """
        if len(body) > slot_bytes(self._config):
            raise ImageError(Reason.TOO_LARGE, f"{len(body)} bytes, above {slot_bytes(self._config)}")
        kind = structure.format_of(bytes(body[:1024]))
        if self._config.store == "raw" and kind not in structure.HEADERS_IN_C:
            return image.decode(bytes(body), self._config)  # a header: Python reads it
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if self._failure:
            raise RunError(self._failure)
        work = Work(body, loop.create_future())
        self._waiting.append(work)
        self._feed()
        return await work.done

    def close(self) -> None:
        """End all processes. Who still waits for a picture gets a `RunError`."""
        self._fail("the decoders were closed")

    # --- bodies out -------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Hand out what waits: to those with nothing to do first."""
        self._fill()
        for load in range(DEPTH):
            for decoder in self._decoders:
                if len(decoder.works) == load and not decoder.deaf:
                    work = self._next(decoder)
                    if work:
                        self._hand(decoder, work)
        if self._guard is None and self._loop and any(decoder.works for decoder in self._decoders):
            self._guard = self._loop.call_later(self._wall / 4, self._look_round)

    def _next(self, decoder: DecoderProcess) -> Work | None:
        for queue in (self._suspects, self._waiting) if decoder.fresh else (self._waiting,):
            while queue:
                work = queue.popleft()
                if not work.done.done():  # its asker may have given up
                    return work
        return None

    def _hand(self, decoder: DecoderProcess, work: Work) -> None:
        if not decoder.works:
            self._extend(decoder)
        try:
            decoder.hand(work)
        except ConnectionError:  # it has died, and that is news to come
            self._stop_listening(decoder)
            self._again([work])
        except OSError as error:
            work.done.set_exception(RunError(f"no memory for a picture's bytes: {error}"))

    def _again(self, works: Iterable[Work]) -> None:
        """Put works back in front, in their order."""
        for work in reversed([*works]):
            (self._suspects if work.suspected else self._waiting).appendleft(work)

    # --- pictures back ----------------------------------------------------------------------------

    def _on_answers(self, decoder: DecoderProcess) -> None:
        self._read(decoder)
        self._feed()

    def _read(self, decoder: DecoderProcess) -> None:
        """Deliver what a decoder has answered."""
        if decoder.deaf:
            return
        try:
            for work, found in decoder.answers():
                self._setbacks = 0
                self._extend(decoder)
                if work.done.done():
                    pass  # its asker has given up
                elif isinstance(found, ImageError):
                    work.done.set_exception(found)
                else:
                    work.done.set_result(found)
        except ConnectionError:
            self._end(decoder, "")  # dead, most likely
        except NonsenseError:
            self._end(decoder, "decoder answered nonsense")

    # --- births and deaths ------------------------------------------------------------------------

    def _fill(self) -> None:
        """As many decoders as asked for, or a failure."""
        while len(self._decoders) < self._config.decoders and not self._failure:
            try:
                if self._nursery is None:
                    self._nursery = NurseryProcess(self._config, self._decode)
                    self._listen(self._nursery)
                self._order(self._nursery)
            except ConnectionError:
                self._on_nursery_end()
            except OSError as error:
                if self._decoders:
                    return  # it goes on with those
                self._setback(str(error))

    def _order(self, nursery: NurseryProcess) -> None:
        decoder = DecoderProcess(self._config)
        try:
            nursery.fork(decoder.theirs.fileno(), decoder.shared)
        except OSError:
            decoder.close()
            raise
        decoder.theirs.close()
        self._decoders.append(decoder)
        self._unborn.append(decoder)
        self._extend(decoder)
        self._listen(decoder)

    def _on_news(self) -> None:
        """Hear the nursery out."""
        if self._nursery is None:
            return
        try:
            for kind, pid, status in self._nursery.news():
                if kind == BORN:
                    decoder = self._unborn.popleft()
                    decoder.pid = pid
                    self._extend(decoder)
                elif kind == ENDED:
                    self._on_end(pid, status)
                else:
                    self._lay_down(self._unborn.popleft())
                    self._setback(os.strerror(pid))
        except ConnectionError:
            self._on_nursery_end()
        self._feed()

    def _on_end(self, pid: int, status: int) -> None:
        decoder = next((decoder for decoder in self._decoders if decoder.pid == pid), None)
        if decoder is None:
            return
        self._read(decoder)  # what it answered before
        self._lay_down(decoder)
        if not decoder.works:
            self._setback(decoder.why(status))
            return
        suspect = decoder.works.popleft()
        self._again(decoder.works)
        if suspect.done.done():
            pass  # its asker has given up
        elif suspect.suspected or decoder.fairly_tried(status):
            suspect.done.set_exception(ImageError(Reason.DECODE_CRASH, decoder.why(status)))
        else:
            suspect.suspected = True
            self._again([suspect])

    def _on_nursery_end(self) -> None:
        """Nobody is blamed: what had been handed out is handed out anew."""
        works = self._works()
        code = self._clear()
        self._again(works)
        self._setback(f"their nursery ended with exit code {code}")

    def _end(self, decoder: DecoderProcess, verdict: str) -> None:
        """Have a decoder killed; the news of its end will tell what becomes of its works."""
        self._stop_listening(decoder)
        decoder.verdict = verdict
        self._extend(decoder)
        if decoder.pid and self._nursery:
            with suppress(ConnectionError):  # news to come, too
                self._nursery.kill_decoder(decoder.pid)

    def _setback(self, what: str) -> None:
        """Count an end that no picture explains."""
        self._setbacks += 1
        if self._setbacks > SETBACKS:
            self._fail(f"decoders do not stay alive: {what}")

    # --- a clock for what is stuck ----------------------------------------------------------------

    def _extend(self, decoder: DecoderProcess) -> None:
        if self._loop:
            decoder.due = self._loop.time() + (self._wall if decoder.pid else max(BIRTH, self._wall))

    def _look_round(self) -> None:
        """End who is stuck; and the nursery, if it neither bears nor ends them."""
        self._guard = None
        for decoder in list(self._decoders):
            self._read(decoder)  # it may be us who are late
            if self._loop and decoder.works and self._loop.time() > decoder.due:
                if decoder.pid and not decoder.deaf:
                    self._end(decoder, f"took more than {self._wall:g} s")
                elif self._nursery:
                    self._nursery.kill()
        self._feed()

    # --- the end ----------------------------------------------------------------------------------

    def _fail(self, failure: str) -> None:
        """Give everything up; `failure` is what askers hear from now on."""
        self._failure = self._failure or failure
        works = [*self._works(), *self._suspects, *self._waiting]
        self._suspects.clear()
        self._waiting.clear()
        self._clear()
        for work in works:
            if not work.done.done() and not work.done.get_loop().is_closed():
                work.done.set_exception(RunError(self._failure))

    def _works(self) -> list[Work]:
        return [work for decoder in self._decoders for work in decoder.works]

    def _clear(self) -> int:
        """End the nursery and all decoders; returns the nursery's exit code."""
        self._stop_guard()
        for decoder in list(self._decoders):
            self._lay_down(decoder)
        self._unborn.clear()
        nursery, self._nursery = self._nursery, None
        if nursery is None:
            return 0
        if self._loop and not self._loop.is_closed():
            self._loop.remove_reader(nursery)
        return nursery.close()

    def _lay_down(self, decoder: DecoderProcess) -> None:
        """Forget a decoder."""
        self._stop_listening(decoder)
        self._decoders.remove(decoder)
        decoder.close()

    # --- the event loop ---------------------------------------------------------------------------

    def _listen(self, process: NurseryProcess | DecoderProcess) -> None:
        if self._loop is None:
            return
        if isinstance(process, NurseryProcess):
            self._loop.add_reader(process, self._on_news)
        elif not process.deaf:
            self._loop.add_reader(process.connection, self._on_answers, process)

    def _stop_listening(self, decoder: DecoderProcess) -> None:
        decoder.deaf = True
        if self._loop and not self._loop.is_closed():
            self._loop.remove_reader(decoder.connection)

    def _stop_guard(self) -> None:
        if self._guard:
            self._guard.cancel()
        self._guard = None

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen in another event loop than before."""
        self._stop_guard()
        if self._loop and not self._loop.is_closed():
            for source in [self._nursery, *(decoder.connection for decoder in self._decoders)]:
                if source:
                    self._loop.remove_reader(source)
        self._loop = loop
        for process in [self._nursery, *self._decoders]:
            if process:
                self._listen(process)
        for decoder in self._decoders:
            self._extend(decoder)
