import asyncio

from wit_pipeline.fetch.room import Room


def test_nobody_starts_before_there_is_room() -> None:
    async def play() -> list[str]:
        room, story = Room(limit=100), []
        big = room.ticket()
        big.grow(100)

        async def start() -> None:
            await room.free()
            story.append("started")

        task = asyncio.create_task(start())
        await asyncio.sleep(0)
        story.append("given back")
        big.give_back()
        await task
        return story

    assert asyncio.run(play()) == ["given back", "started"]


def test_one_body_may_always_come_to_its_end() -> None:
    room = Room(limit=100)
    first, second = room.ticket(), room.ticket()
    assert not first.must_pause()
    first.grow(60)
    second.grow(60)
    assert not first.must_pause()
    assert second.must_pause()
    woken: list[int] = []
    second.when_free(lambda: woken.append(room.held))
    first.grow(1000)
    first.give_back()
    assert woken == [60]
    assert not second.must_pause()


def test_memory_is_given_back_once() -> None:
    room = Room(limit=100)
    ticket = room.ticket()
    ticket.grow(70)
    ticket.give_back()
    ticket.give_back()
    assert room.held == 0
