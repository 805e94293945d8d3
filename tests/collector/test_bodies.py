"""However many bodies are in hand, they take no more than so many bytes, and who dawdles goes first."""

import asyncio

import pytest

from collector.bodies import Bodies, NoRoom
from collector.rejection import Reason
from tests.running_edge import RunningEdge, compressed, make_edge, running, with_settings

HEAD = b"POST /v1/page?writeKey=wk_open HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class Wire:
    """Where a body comes from."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None

    def set_exception(self, exc: BaseException) -> None:
        self.failure = exc


def test_the_body_that_has_been_arriving_longest_makes_room() -> None:
    bodies, wires = Bodies(100), [Wire(), Wire(), Wire()]
    with bodies.holding(wires[0]) as first, bodies.holding(wires[1]) as second, bodies.holding(wires[2]) as third:
        first.grow(40)
        second.grow(60)
        third.grow(10)
        assert [type(each.failure) for each in wires] == [NoRoom, type(None), type(None)]
        assert bodies.held_bytes == 70
    assert bodies.held_bytes == 0


def test_the_longest_itself_has_to_go_when_it_is_the_one_that_wants_more() -> None:
    bodies, wires = Bodies(100), [Wire(), Wire()]
    with bodies.holding(wires[0]) as first, bodies.holding(wires[1]) as second:
        second.grow(50)
        with pytest.raises(NoRoom):
            first.grow(51)
        assert wires[1].failure is None


def test_a_body_that_is_complete_stays_and_a_new_one_has_to_go() -> None:
    bodies, wires = Bodies(100), [Wire(), Wire()]
    with bodies.holding(wires[0]) as stored, bodies.holding(wires[1]) as coming:
        stored.grow(90)
        stored.arrived()
        with pytest.raises(NoRoom):
            coming.grow(11)
        assert wires[0].failure is None
        assert bodies.held_bytes == 90


async def open_body(edge: RunningEdge, size: int, sent: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request of which so many bytes of the body are there, and no more come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    writer.write(HEAD % size + b" " * sent)
    return reader, writer


def held_bytes(edge: RunningEdge) -> float:
    """What the edge says it has in hand."""
    (metric,) = edge.edge.counters.held_bytes.collect()
    return metric.samples[0].value


async def test_half_sent_bodies_keep_nobody_out_and_are_told_to_come_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with running(make_edge(tmp_path, with_settings(max_held_bytes=100_000))) as edge:
        dawdlers = [await open_body(edge, 50_000, 40_000) for _ in range(2)]
        async with asyncio.timeout(10):
            while held_bytes(edge) < 80_000:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        status, _, _ = await edge.post("/v1/page", {"anonymousId": "a", "properties": {"x": "x" * 30_000}})
        assert status == 200
        answer = await dawdlers[0][0].read()
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 2" in answer
        for _, writer in dawdlers:
            writer.close()


async def test_what_a_body_inflates_to_counts(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with running(make_edge(tmp_path, with_settings(max_held_bytes=20_000))) as edge:
        small, large = {"anonymousId": "a"}, {"anonymousId": "a", "properties": {"x": "x" * 25_000}}
        assert (await edge.post("/v1/page", compressed(small)))[0] == 200
        status, problem, headers = await edge.post("/v1/page", compressed(large))
        assert (status, problem["reason"], headers["Retry-After"]) == (503, Reason.UNAVAILABLE, "2")
        assert (await edge.post("/v1/page", small))[0] == 200
