import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from sessionizer import views

API_DOCS = Path(__file__).parents[3] / "docs" / "api.md"


async def lines_of(client, query="", **options):
    answer = await client.get(f"/v1/facts{query}", **options)
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "application/x-ndjson"
    return [json.loads(line) for line in (await answer.read()).splitlines()], answer.headers["Next-Cursor"]


def test_the_documented_facts_are_shaped_as_the_document_says():
    for line in documented_lines():
        msgspec.json.decode(line, type=views.Fact, strict=True)


async def test_the_documented_facts_are_those_of_the_documented_story(client):
    found, _ = await lines_of(client)
    arrival = ("found_at",)
    assert [without(each, arrival) for each in found] == [
        without(json.loads(line), arrival) for line in documented_lines()
    ]


def documented_lines():
    _, _, section = API_DOCS.read_text().partition("### `GET /v1/facts`")
    return [line.strip() for line in section.partition("\n## ")[0].splitlines() if line.startswith('    {"fact"')]


def without(fact, names):
    return {name: value for name, value in fact.items() if name not in names}


async def test_a_cursor_goes_on_after_its_fact(client):
    everything, end = await lines_of(client)
    for nth, fact in enumerate(everything, start=1):
        assert (await lines_of(client, f"?after={fact['cursor']}"))[0] == everything[nth:]
    assert await lines_of(client, f"?after={end}") == ([], end)
    assert end == everything[-1]["cursor"]


async def test_pages_add_up_to_everything(client):
    everything, end = await lines_of(client)
    found, after = [], ""
    for _ in everything:
        page, after = await lines_of(client, f"?limit=1&after={after}")
        assert len(page) == 1
        found += page
    assert found == everything
    assert after == end


async def test_types_choose_and_the_next_cursor_moves_past_the_others(client):
    ended, after = await lines_of(client, "?types=SessionEnded")
    assert [each["fact"] for each in ended] == ["SessionEnded"]
    assert (await lines_of(client))[1] == after
    assert (await lines_of(client, "?types=SessionStarted, SessionEnded"))[0] == (await lines_of(client))[0]


async def test_a_read_after_a_position_has_its_facts(client, log, mind, event):
    _, after = await lines_of(client)
    position = await log.take(event("m6", "11:00:00"))
    folding = asyncio.create_task(mind.catch_up())
    found, _ = await lines_of(client, f"?after={after}", headers={"After-Position": str(position)})
    await folding
    assert [each["fact"] for each in found] == ["SessionEnded", "SessionStarted"]


async def test_a_long_poll_is_answered_when_there_is_something_to_tell(client, log, mind, event):
    _, after = await lines_of(client)
    waiting = asyncio.create_task(lines_of(client, f"?after={after}&wait=30"))
    await log.take(event("m6", "09:00:01"))
    await mind.catch_up()
    assert not waiting.done(), "the next event of a visit that goes on is no fact"
    await log.take(event("m7", "08:30:00"))
    await mind.catch_up()
    found, _ = await waiting
    assert [(each["fact"], len(each["before"]), len(each["after"])) for each in found] == [("SessionAmended", 2, 1)]


async def test_a_server_that_stops_lets_nobody_wait(client, api):
    _, after = await lines_of(client)
    waiting = asyncio.create_task(lines_of(client, f"?after={after}&wait=30"))
    await asyncio.sleep(0)
    api.people.end_waits()
    assert await waiting == ([], after)


async def test_without_the_key_nobody_follows(stranger):
    assert (await stranger.get("/v1/facts")).status == 401


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("after=nonsense", "invalid_cursor"),
        ("after=k%C2", "invalid_cursor"),
        ("after=kgJB", "invalid_cursor"),  # another store's
        ("after=kgEf", "invalid_cursor"),  # further than there are facts
        ("limit=0", "invalid_limit"),
        ("limit=1001", "invalid_limit"),
        ("types=Rain", "invalid_types"),
        ("types=SessionEnded,Rain", "invalid_types"),
        ("wait=31", "invalid_wait"),
        ("wait=-1", "invalid_wait"),
        ("wait=soon", "invalid_wait"),
        ("as_of=2026-11-24", "invalid_time"),
    ],
)
async def test_what_cannot_be_followed_is_refused(client, query, reason):
    answer = await client.get(f"/v1/facts?{query}")
    assert answer.status == 400
    assert (await answer.json(content_type=None))["reason"] == reason
