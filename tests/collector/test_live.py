"""The live tail's feeds: bounded, honest about what they missed, ended with the process."""

import asyncio

from collector.live import Live, Outcome


async def test_a_slow_reader_misses_outcomes_and_is_told_how_many() -> None:
    missed: list[bool] = []
    live = Live(2, lambda: missed.append(True))
    with live.subscribe() as feed:
        for position in range(5):
            live.publish(Outcome(outcome="accepted", position=position))
        seen = []
        async for outcome in feed.outcomes(0.05):
            if outcome is None:
                break
            seen.append((outcome.outcome, outcome.position, outcome.count))
    assert seen == [("accepted", 0, 0), ("missed", None, 3), ("accepted", 1, 0)]
    assert len(missed) == 3
    assert not live.watched


async def test_closing_ends_readers_that_wait_and_those_to_come() -> None:
    live = Live(2)
    with live.subscribe() as feed:

        async def read() -> list[Outcome | None]:
            return [outcome async for outcome in feed.outcomes(60)]

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        live.close()
        assert await reading == []
    with live.subscribe() as late:
        assert [outcome async for outcome in late.outcomes(60)] == []
