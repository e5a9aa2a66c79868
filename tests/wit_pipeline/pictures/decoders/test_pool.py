"""Decoders that die, of what they decode or by somebody's hand, and the pool that lives on."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.web import JPEG, NO_PICTURES, PICTURES, PNG, encoded, picture
from tests.wit_pipeline.pictures.decoders import poison as poisons
from tests.wit_pipeline.pictures.decoders.poison import poison
from wit_pipeline.pictures.decoders import Decoders, nursery_process, pool
from wit_pipeline.pictures.image import Decoded, ImageError, decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Reason

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

ROOT = Path(__file__).parents[4]
CONFIG = CrawlConfig(decode_seconds=0.3, decode_bytes=300_000_000)
PICTURE = decode(JPEG, CONFIG)
BOUND = 30.0  # seconds that a test waits for what takes milliseconds, before it fails
Outcome = Decoded | tuple[Reason, str]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No guard by the wall clock, except where a test asks for it: this machine may be slow."""
    monkeypatch.setattr(pool, "WALL", 1000.0)
    monkeypatch.setattr(nursery_process, "PATIENCE", 1000.0)


def decoders(config: CrawlConfig = CONFIG, count: int = 1) -> Decoders:
    return Decoders(replace(config, decoders=count), poisons.NAME)


async def outcome(work: Awaitable[Decoded]) -> Outcome:
    try:
        return await work
    except ImageError as error:
        return error.reason, error.detail


def outcomes(
    bodies: Iterable[bytes | bytearray], count: int = 1, config: CrawlConfig = CONFIG
) -> list[Outcome]:
    """What comes of bodies that are asked for at once."""

    async def ask() -> list[Outcome]:
        return await asyncio.gather(*(outcome(held.decode(body)) for body in bodies))

    with decoders(config, count) as held:
        return asyncio.run(ask())


def state(pid: int) -> str:
    """The letter of its state: R S D T Z, and X for gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def alive(pid: int) -> bool:
    """Neither gone nor a zombie."""
    return state(pid) not in "ZX"


def wait_until(fact: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not fact():
        assert time.monotonic() < end
        os.sched_yield()


async def born(held: Decoders, count: int = 1) -> tuple[int, ...]:
    """The nursery and all decoders. One has decoded, and its answer may come before its birth is told."""
    assert await held.decode(JPEG) == PICTURE
    async with asyncio.timeout(BOUND):
        while len(held.pids) <= count:
            await asyncio.sleep(0)
    return held.pids


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def crash(detail: str) -> tuple[Reason, str]:
    return Reason.DECODE_CRASH, detail


# --- pictures and refusals ------------------------------------------------------------------------


def test_as_in_this_process() -> None:
    config = CrawlConfig(decode_bytes=8_000_000_000)  # a declared bomb takes 2 of them before it is found out
    bodies = [*PICTURES.values(), *(body for body, _ in NO_PICTURES.values())]
    here: list[Outcome] = []
    for body in bodies:
        try:
            here.append(decode(body, config))
        except ImageError as error:
            here.append((error.reason, error.detail))
    assert outcomes(bodies, count=2, config=config) == here


def test_hundreds_at_once_each_its_own() -> None:
    bodies = [encoded(picture(20 + side, 30), "PNG") for side in range(150)]
    found = outcomes(bodies * 2, count=2)
    assert found == [decode(body, CONFIG) for body in bodies] * 2


def test_a_body_at_the_bound_of_a_slot_and_above() -> None:
    config = CrawlConfig(max_bytes=1000, max_pixels=1000)
    room = max(config.max_bytes, 2 * config.max_pixels) + (1 << 20)

    async def ask(held: Decoders) -> list[Outcome]:
        return [await outcome(held.decode(bytes(room + more))) for more in (0, 1)]

    with decoders(config) as held:
        at, above = asyncio.run(ask(held))
    assert at == (Reason.UNSUPPORTED_FORMAT, "zeros, which is not among JPEG, PNG, GIF, WEBP, AVIF")
    assert above == (Reason.TOO_LARGE, f"{room + 1} bytes, above {room}")


def test_a_bytearray_does() -> None:
    assert outcomes([bytearray(JPEG)]) == [PICTURE]


def test_decoders_serve_one_event_loop_after_another() -> None:
    with decoders() as held:
        assert [asyncio.run(held.decode(JPEG)) for _ in range(2)] == [PICTURE] * 2


# --- poison ---------------------------------------------------------------------------------------

ENDS = {
    "abort": "decoder ended by SIGABRT",
    "segfault": "decoder ended by SIGSEGV",
    "kill": "decoder ended by SIGKILL",
    "exit": "decoder ended with exit code 3",
    "hog": "needs more memory than decode_bytes",
    "hog_as_pillow": "needs more memory than decode_bytes",
    "loop": "took more than 0.3 s of CPU",
    "bug": "KeyError: 'NOWHERE'",
    "nonsense": "decoder answered nonsense",
    "hang_up": "decoder ended by SIGKILL",
}


@pytest.mark.parametrize("deed", ENDS)
def test_poison_costs_itself_and_says_the_same_wherever_it_stands(deed: str) -> None:
    expected = crash(ENDS[deed])
    assert outcomes([poison(deed), JPEG]) == [expected, PICTURE]
    assert outcomes([JPEG, poison(deed), JPEG]) == [PICTURE, expected, PICTURE]


def test_one_in_a_hundred() -> None:
    bodies = [encoded(picture(64, 30 + number), "PNG") for number in range(100)]
    expected: list[Outcome] = [decode(body, CONFIG) for body in bodies]
    bodies[41], expected[41] = poison("abort"), crash("decoder ended by SIGABRT")
    assert outcomes(bodies, count=2) == expected


def test_nothing_but_poison() -> None:
    assert outcomes([poison("abort")] * 30, count=2) == [crash("decoder ended by SIGABRT")] * 30


def test_who_pays_for_the_picture_before_is_tried_alone() -> None:
    found = outcomes([poison("spoil"), JPEG, PNG])
    assert found == [(Reason.DECODE_ERROR, "survived"), PICTURE, decode(PNG, CONFIG)]


async def spoil_all_then_ask(held: Decoders) -> Outcome:
    await asyncio.gather(*(outcome(held.decode(poison("spoil"))) for _ in range(2)))
    return await outcome(held.decode(JPEG))  # one decoder dies of it; the other is idle, and spoilt too


def test_tried_alone_is_tried_in_a_decoder_that_has_seen_no_other() -> None:
    with decoders(count=2) as held:
        asyncio.run(held.decode(JPEG))
        wait_until(lambda: len(children(held.pids[0])) == 2)
        assert asyncio.run(spoil_all_then_ask(held)) == PICTURE


def test_a_decoder_that_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WALL", 1.0)
    found = outcomes([poison("stop"), JPEG])
    assert found == [crash("took more than 0.3 s"), PICTURE]


# --- killed by a stranger -------------------------------------------------------------------------


async def kill_who_stops(held: Decoders) -> tuple[Outcome, int]:
    """What comes of a body whose decoders stop and are then killed; and how many were."""
    work = asyncio.ensure_future(outcome(held.decode(poison("stop"))))
    victims: set[int] = set()
    while not work.done():
        await asyncio.sleep(0)
        for pid in held.pids[1:]:
            if state(pid) == "T":
                os.kill(pid, signal.SIGKILL)
                victims.add(pid)
    return await work, len(victims)


def test_who_is_killed_from_outside_has_a_second_chance_and_no_third() -> None:
    with decoders() as held:  # fresh: its first body is fairly tried but for that
        assert asyncio.run(kill_who_stops(held)) == (crash("decoder ended by SIGKILL"), 2)


async def busy_and_bereft(held: Decoders, victim: int) -> list[Outcome]:
    """Pictures asked for while the nursery (0) or a decoder (1) is killed."""
    pid = (await born(held, 2))[victim]
    works = [asyncio.ensure_future(outcome(held.decode(JPEG))) for _ in range(20)]
    await asyncio.sleep(0)  # now they are handed out
    os.kill(pid, signal.SIGKILL)
    found = await asyncio.gather(*works)
    assert pid not in held.pids
    return found


@pytest.mark.parametrize("victim", [0, 1])
def test_somebody_is_killed_and_nothing_lost(victim: int) -> None:
    with decoders(count=2) as held:
        assert asyncio.run(busy_and_bereft(held, victim)) == [PICTURE] * 20


async def idle_and_bereft(held: Decoders, victim: int) -> None:
    pid = (await born(held))[victim]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    assert await held.decode(JPEG) == PICTURE


@pytest.mark.parametrize("victim", [0, 1])
def test_somebody_is_killed_while_idle(victim: int) -> None:
    with decoders() as held:
        for _ in range(pool.SETBACKS + 2):  # each a setback, but not in a row
            asyncio.run(idle_and_bereft(held, victim))


def test_the_decoders_of_a_killed_nursery_end() -> None:
    with decoders(count=2) as held:
        nursery, *children = asyncio.run(born(held, 2))
        os.kill(nursery, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, children)))


def test_a_nursery_that_cannot_live_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with Decoders(CONFIG, "tests.wit_pipeline.pictures.decoders.poison:stillborn") as held:
        for _ in range(2):
            with pytest.raises(RunError, match="do not stay alive: their nursery ended with exit code 9"):
                asyncio.run(held.decode(JPEG))


def test_no_descriptors_are_left_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_name: str) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "memfd_create", none_left)
    with decoders() as held, pytest.raises(RunError, match="Too many open files"):
        asyncio.run(held.decode(JPEG))


# --- the asker ------------------------------------------------------------------------------------


async def give_up(held: Decoders) -> None:
    works = [asyncio.ensure_future(held.decode(JPEG)) for _ in range(8)]
    await asyncio.sleep(0)
    for work in works[::2]:
        work.cancel()
    found = await asyncio.gather(*works, return_exceptions=True)
    assert found[1::2] == [PICTURE] * 4
    assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])


def test_askers_that_give_up_cost_the_others_nothing() -> None:
    with decoders() as held:
        asyncio.run(give_up(held))
        assert asyncio.run(held.decode(JPEG)) == PICTURE


async def close_while_busy(held: Decoders) -> tuple[int, ...]:
    pids = await born(held, 2)
    works = [asyncio.ensure_future(held.decode(body)) for body in [poison("stop"), JPEG, JPEG, JPEG]]
    await asyncio.sleep(0)
    held.close()
    found = await asyncio.gather(*works, return_exceptions=True)
    assert [str(each) for each in found] == ["the decoders were closed"] * 4
    assert all(isinstance(each, RunError) for each in found)
    return pids


def test_closing_while_busy_leaves_nothing() -> None:
    before = descriptors()
    with decoders(count=2) as held:
        pids = asyncio.run(close_while_busy(held))
        assert len(pids) == 3
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)  # nor a zombie
        assert held.pids == ()
    assert descriptors() == before


def test_descriptors_and_processes_do_not_grow() -> None:
    bodies = [poison("abort") if number % 11 == 5 else JPEG for number in range(220)]

    async def ask(held: Decoders) -> int:
        await asyncio.gather(*(outcome(held.decode(body)) for body in bodies))
        await held.decode(JPEG)
        wait_until(lambda: len(children(held.pids[0])) == 2)
        return descriptors()

    with decoders(count=2) as held:
        first, second = (asyncio.run(ask(held)) for _ in range(2))
        assert first == second


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_all_have_one_thread_and_never_saw_beam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with decoders() as held:
        for pid in asyncio.run(born(held)):
            assert len(os.listdir(f"/proc/{pid}/task")) == 1
            assert b"OPENBLAS_NUM_THREADS=1\0" in Path(f"/proc/{pid}/environ").read_bytes()
            assert "apache_beam" not in Path(f"/proc/{pid}/maps").read_text()


ASKER = """
    import asyncio, sys
    from tests.wit_pipeline.pictures.decoders import poison
    from wit_pipeline.pictures.decoders import Decoders
    from wit_pipeline.vocabulary.crawl_config import CrawlConfig

    async def main():
        held = Decoders(CrawlConfig(decoders=2), poison.NAME)
        from tests.web import JPEG
        await held.decode(JPEG)
        while len(held.pids) < 3:
            await asyncio.sleep(0)
        works = [asyncio.ensure_future(held.decode(poison.poison("stop"))) for _ in range(4)]
        await asyncio.sleep(0)
        print(*held.pids, flush=True)
        await asyncio.gather(*works)

    asyncio.run(main())
"""


def test_when_the_asker_is_killed_no_process_is_left() -> None:
    command = [sys.executable, "-c", textwrap.dedent(ASKER)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as asker:
        assert asker.stdout
        pids = [int(word) for word in asker.stdout.readline().split()]
        assert len(pids) == 3
        assert all(map(alive, pids))
        asker.kill()
    wait_until(lambda: not any(map(alive, pids)))
