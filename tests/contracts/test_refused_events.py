"""What every RefusedEvents promises, held against each backend."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from collector.log import Refusal, RefusedEvents
from collector.log.memory import MemoryRefused
from collector.log.refused import SqliteRefused, size_of

DAY_MS = 86_400_000
Open = Callable[..., Awaitable[RefusedEvents]]


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
async def make(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Open]:
    opened: list[RefusedEvents] = []

    async def make(**caps: float) -> RefusedEvents:
        if request.param == "memory":
            one: RefusedEvents = MemoryRefused(clock=clock, **caps)  # type: ignore[arg-type]
        else:
            path = tmp_path / f"refused{len(opened)}.db"
            one = await SqliteRefused.open(path, writer=True, clock=clock, **caps)  # type: ignore[arg-type]
        opened.append(one)
        return one

    yield make
    for each in opened:
        await each.close()


def refusal(body: str, at_ms: int = 1_800_000_000_000) -> Refusal:
    return Refusal(0, at_ms, "default", "too_deep", "nested 70 levels", body.encode())


def bodies(refusals: list[Refusal]) -> list[str]:
    return [each.body.decode() for each in refusals]


async def test_refusals_are_read_oldest_first_with_everything_they_had(make: Open) -> None:
    refused = await make()
    await refused.keep([refusal("a"), refusal("b")])
    await refused.keep([refusal("c")])
    kept = await refused.read(after=0, limit=10)
    assert bodies(kept) == ["a", "b", "c"]
    assert [each._replace(refusal_id=0) for each in kept] == [refusal("a"), refusal("b"), refusal("c")]


async def test_reading_goes_on_after_an_id(make: Open) -> None:
    refused = await make()
    await refused.keep([refusal("a"), refusal("b"), refusal("c")])
    first = await refused.read(after=0, limit=1)
    assert bodies(await refused.read(after=first[0].refusal_id, limit=1)) == ["b"]


async def test_settled_refusals_are_gone(make: Open) -> None:
    refused = await make()
    await refused.keep([refusal("a"), refusal("b"), refusal("c")])
    kept = await refused.read(after=0, limit=10)
    await refused.settle([kept[0].refusal_id, kept[2].refusal_id, 999])
    assert bodies(await refused.read(after=0, limit=10)) == ["b"]


async def test_an_id_is_never_given_twice(make: Open) -> None:
    refused = await make()
    await refused.keep([refusal("a")])
    [first] = await refused.read(after=0, limit=10)
    await refused.settle([first.refusal_id])
    await refused.keep([refusal("b")])
    assert bodies(await refused.read(after=first.refusal_id, limit=10)) == ["b"]


async def test_the_oldest_go_when_there_is_too_much(make: Open) -> None:
    refused = await make(max_bytes=3 * size_of(refusal("a")))
    for body in "abcde":
        await refused.keep([refusal(body)])
    assert bodies(await refused.read(after=0, limit=10)) == ["c", "d", "e"]
    await refused.keep([refusal(body) for body in "fghi"])
    assert bodies(await refused.read(after=0, limit=10)) == ["g", "h", "i"]


async def test_settling_makes_room_again(make: Open) -> None:
    refused = await make(max_bytes=3 * size_of(refusal("a")))
    await refused.keep([refusal(body) for body in "abc"])
    await refused.settle([each.refusal_id for each in await refused.read(after=0, limit=2)])
    await refused.keep([refusal(body) for body in "de"])
    assert bodies(await refused.read(after=0, limit=10)) == ["c", "d", "e"]


async def test_one_refusal_larger_than_everything_is_not_kept(make: Open) -> None:
    refused = await make(max_bytes=1000)
    await refused.keep([refusal("x" * 2000)])
    assert await refused.read(after=0, limit=10) == []


async def test_the_old_go_when_their_time_is_over(make: Open, clock: Clock) -> None:
    refused = await make(max_age_s=86_400)
    await refused.keep([refusal("old", clock.now_ms)])
    clock.now_ms += DAY_MS + 1
    assert await refused.read(after=0, limit=10) == []
    await refused.keep([refusal("new", clock.now_ms)])
    clock.now_ms -= DAY_MS
    assert bodies(await refused.read(after=0, limit=10)) == ["new"]


async def test_keeping_and_settling_nothing_is_fine(make: Open) -> None:
    refused = await make()
    await refused.keep([])
    await refused.settle([])
    assert await refused.read(after=0, limit=10) == []


async def test_closing_twice_is_fine(make: Open) -> None:
    refused = await make()
    await refused.close()
    await refused.close()
