"""What every EventLog promises, held against each backend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.log import EventLog, LogUnavailable, Record, Standing, Stored, Tally
from collector.log.memory import MemoryLog
from collector.log.sqlite import SqliteLog


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        opened: EventLog = MemoryLog()
    else:
        opened = await SqliteLog.open(tmp_path / "log.db", writer=True, run_dir=tmp_path)
    yield opened
    await opened.close()


def records(*bodies: str) -> list[Record]:
    return [Record("visitor", body.encode()) for body in bodies]


def bodies(stored: list[Stored]) -> list[str]:
    return [each.body.decode() for each in stored]


async def test_an_empty_log_ends_at_zero(log: EventLog) -> None:
    assert await log.end() == 0
    assert await log.count() == 0
    assert await log.read(0, after=0, limit=10) == []
    assert await log.healthy()


async def test_what_is_appended_is_read_in_order(log: EventLog) -> None:
    await log.append(records("a", "b"))
    await log.append(records("c"))
    assert bodies(await log.read(0, after=0, limit=10)) == ["a", "b", "c"]
    assert await log.count() == 3


async def test_append_answers_with_the_position_of_its_last_record(log: EventLog) -> None:
    first = await log.append(records("a", "b"))
    second = await log.append(records("c"))
    stored = await log.read(0, after=0, limit=10)
    assert [first, second] == [stored[1].position, stored[2].position]
    assert await log.end() == second


async def test_appending_nothing_answers_with_the_end(log: EventLog) -> None:
    assert await log.append([]) == 0
    end = await log.append(records("a"))
    assert await log.append([]) == end


async def test_reading_after_a_position_excludes_it_and_stops_at_the_limit(log: EventLog) -> None:
    await log.append(records("a", "b", "c", "d"))
    first = (await log.read(0, after=0, limit=1))[0]
    assert bodies([first]) == ["a"]
    assert bodies(await log.read(0, after=first.position, limit=2)) == ["b", "c"]


async def test_the_same_read_twice_gives_the_same_records(log: EventLog) -> None:
    await log.append(records("a", "b"))
    before = await log.read(0, after=0, limit=2)
    await log.append(records("c"))
    assert await log.read(0, after=0, limit=2) == before


async def test_identical_records_are_kept_as_often_as_they_come(log: EventLog) -> None:
    await log.append(records("a", "a"))
    await log.append(records("a"))
    assert bodies(await log.read(0, after=0, limit=10)) == ["a", "a", "a"]


async def test_bodies_are_bytes_of_any_kind_and_size(log: EventLog) -> None:
    odd = [b"", b"\0", b"\xff\xfe", bytes(range(256)) * 400]
    await log.append([Record("", body) for body in odd])
    assert [each.body for each in await log.read(0, after=0, limit=10)] == odd


async def test_fetch_gives_the_asked_for_records_in_position_order(log: EventLog) -> None:
    await log.append(records("a", "b", "c", "d"))
    a, _, c, _ = [each.position for each in await log.read(0, after=0, limit=4)]
    assert bodies(await log.fetch([c, a, c])) == ["a", "c"]


async def test_fetch_leaves_out_what_is_not_there(log: EventLog) -> None:
    end = await log.append(records("a"))
    assert bodies(await log.fetch([end, end + 1, end + 100])) == ["a"]
    assert await log.fetch([]) == []


async def test_fetch_takes_many_positions(log: EventLog) -> None:
    await log.append(records(*map(str, range(5000))))
    positions = [each.position for each in await log.read(0, after=0, limit=5000)]
    assert await log.fetch(positions) == await log.read(0, after=0, limit=5000)


async def test_a_waiting_read_wakes_when_a_record_comes(log: EventLog) -> None:
    waiting = asyncio.create_task(log.read(0, after=0, limit=10, wait_s=10))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await log.append(records("a"))
    async with asyncio.timeout(0.5):
        assert bodies(await waiting) == ["a"]


async def test_every_waiting_read_wakes(log: EventLog) -> None:
    waiting = [asyncio.create_task(log.read(0, after=0, limit=10, wait_s=10)) for _ in range(5)]
    await asyncio.sleep(0.02)
    await log.append(records("a"))
    async with asyncio.timeout(0.5):
        assert [bodies(await each) for each in waiting] == [["a"]] * 5


async def test_a_waiting_read_gives_up_when_its_time_is_over(log: EventLog) -> None:
    began = asyncio.get_running_loop().time()
    assert await log.read(0, after=0, limit=10, wait_s=0.05) == []
    assert 0.04 <= asyncio.get_running_loop().time() - began < 0.5


async def test_a_cancelled_read_leaves_the_log_usable(log: EventLog) -> None:
    waiting = asyncio.create_task(log.read(0, after=0, limit=10, wait_s=10))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await log.append(records("a"))
    assert bodies(await log.read(0, after=0, limit=10)) == ["a"]


async def test_a_partition_it_does_not_have_is_an_error(log: EventLog) -> None:
    with pytest.raises(ValueError, match="partition"):
        await log.read(log.partitions, after=0, limit=1)


async def test_concurrent_appends_each_get_their_own_position_and_stay_whole(log: EventLog) -> None:
    async def append(name: int) -> tuple[int, list[str]]:
        mine = [f"{name}-{i}" for i in range(name % 4 + 1)]
        return await log.append(records(*mine)), mine

    answers = await asyncio.gather(*(append(name) for name in range(200)))
    stored = {each.position: each.body.decode() for each in await log.read(0, after=0, limit=10_000)}
    assert len(stored) == sum(len(mine) for _, mine in answers)
    for end, mine in answers:
        assert [stored[end - len(mine) + 1 + i] for i in range(len(mine))] == mine


async def test_concurrent_appends_of_one_caller_order_stay_in_order(log: EventLog) -> None:
    tasks = [asyncio.create_task(log.append(records(str(i)))) for i in range(100)]
    positions = await asyncio.gather(*tasks)
    assert positions == sorted(positions)
    assert bodies(await log.read(0, after=0, limit=1000)) == [str(i) for i in range(100)]


async def test_a_cancelled_append_harms_nobody_else(log: EventLog) -> None:
    tasks = [asyncio.create_task(log.append(records(str(i)))) for i in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    stored = {each.position: each.body.decode() for each in await log.read(0, after=0, limit=1000)}
    for i, answer in enumerate(answers):
        assert isinstance(answer, asyncio.CancelledError) or stored[answer] == str(i)
    assert len(set(stored.values())) == len(stored)
    later = await log.append(records("later"))
    assert await log.end() == later


async def test_a_record_that_cannot_be_stored_fails_its_own_append_only(log: EventLog) -> None:
    good = asyncio.create_task(log.append(records("good")))
    with pytest.raises(TypeError):
        await log.append([Record("visitor", "not bytes")])  # type: ignore[arg-type]
    assert await good == 1
    assert await log.healthy()


async def test_a_closed_log_takes_nothing_and_closes_again(log: EventLog) -> None:
    await log.append(records("a"))
    await log.close()
    await log.close()
    assert not await log.healthy()
    with pytest.raises(LogUnavailable):
        await log.append(records("b"))


async def test_closing_finishes_what_was_under_way(log: EventLog) -> None:
    tasks = [asyncio.create_task(log.append(records(str(i)))) for i in range(20)]
    await asyncio.sleep(0)
    await log.close()
    assert sorted(await asyncio.gather(*tasks)) == list(range(1, 21))


async def test_what_is_erased_is_read_no_more_and_its_position_stays_taken(log: EventLog) -> None:
    await log.append([Record("", b"one"), Record("", b"two"), Record("", b"three")])
    before = await log.read(0, after=0, limit=10)
    first, second, third = (each.position for each in before)
    assert await log.erase([second, third, 999]) == 2
    assert await log.erase([second, third]) == 0
    assert await log.read(0, after=0, limit=10) == before[:1]
    assert await log.fetch([first, second, third]) == before[:1]
    assert await log.count() == 1
    assert await log.append([Record("", b"four")]) > third


async def test_making_room_changes_nothing_that_is_read(log: EventLog) -> None:
    await log.append(records("a"))
    await log.make_room()
    assert bodies(await log.read(0, after=0, limit=10)) == ["a"]
    assert await log.append(records("b")) == 2


async def test_marked_records_are_found_again(log: EventLog) -> None:
    await log.append([Record("", b"one")])
    first = await log.append_marked([Record("", b"two"), Record("", b"three")])
    second = await log.append_marked([Record("", b"four")])
    await log.append([Record("", b"five")])
    assert [(each.position, each.body) for each in await log.marked()] == [(first, b"three"), (second, b"four")]
    assert [each.position for each in await log.marked(first)] == [second]


async def test_what_was_received_is_entered_with_the_records(log: EventLog) -> None:
    assert await log.standing(0) == Standing(received=0, rejected=0, withheld=0, suppressed=0, pending=0)
    await log.append(records("a", "b"))
    await log.append(records("c"), Tally(received=7, rejected=1, withheld=2, suppressed=3))
    await log.append_marked(records("d"))
    assert await log.standing(1) == Standing(received=10, rejected=1, withheld=2, suppressed=3, pending=3)


async def test_a_tally_without_records_is_entered_too_and_moves_no_position(log: EventLog) -> None:
    end = await log.append(records("a"))
    assert await log.append([], Tally(received=1, rejected=1)) == end
    assert await log.standing(end) == Standing(received=2, rejected=1, withheld=0, suppressed=0, pending=0)


async def test_appends_at_once_enter_every_tally(log: EventLog) -> None:
    await asyncio.gather(*(log.append(records("a"), Tally(received=2, withheld=1)) for _ in range(50)))
    assert await log.standing(0) == Standing(received=100, rejected=0, withheld=50, suppressed=0, pending=50)


async def test_erased_records_are_counted_between_two_positions(log: EventLog) -> None:
    await log.append(records(*"abcdef"))
    await log.erase([2, 3, 6])
    assert [await log.erased(0, 6), await log.erased(2, 6), await log.erased(3, 5), await log.erased(5, 6)] == [
        3,
        2,
        0,
        1,
    ]
    assert (await log.standing(0)).pending == 6
