import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from collector.event import Contact
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
    everything, _ = await lines_of(client)
    of_visits, _ = await lines_of(client, "?types=SessionStarted, SessionEnded")
    assert of_visits == [each for each in everything if each["fact"].startswith("Session")]


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


async def told(client, mind, log, *events):
    """What is told of profiles when these come in."""
    _, after = await lines_of(client)
    position = await log.take(*events)
    await mind.catch_up()
    found, _ = await lines_of(client, f"?after={after}", headers={"After-Position": str(position)})
    return [without(each, ("cursor", "found_at")) for each in found if not each["fact"].startswith("Session")]


async def profile_of(client, who):
    return (await (await client.get(f"/v1/profiles/{who}")).json())["profile_id"]


async def test_a_login_merges_the_anonymous_visitor_and_a_retraction_takes_that_back(client, log, mind, event):
    await told(client, mind, log, event("a1", "08:00:00", anonymous_id="d2", type="page"))
    anonymous = await profile_of(client, "anonymous_id:d2")
    login = event(
        "a2", "08:01:00", anonymous_id="d2", type="identify", user_id="ada", traits={"plan": 2, "name": "Ada"}
    )
    ada = await profile_of(client, "user_id:ada")
    assert await told(client, mind, log, login) == [
        {"fact": "ProfilesMerged", "from": anonymous, "into": ada, "rule": 6, "message_id": "a2"},
        {"fact": "TraitsChanged", "profile_id": ada, "before": {}, "after": {}}
        | {"before": {"plan": {"tier": 1}}, "after": {"plan": 2}},
    ]
    retraction = event(
        "r1", "10:00:00", anonymous_id=None, type="retraction", trust="server", properties={"message_ids": ["a2"]}
    )
    assert await told(client, mind, log, retraction) == [
        {
            "fact": "ProfilesSplit",
            "from": ada,
            "into": anonymous,
            "slices": [
                {
                    "anonymous_id": "d2",
                    "from": "2026-11-24T08:00:00.000Z",
                    "to": "2026-11-24T08:01:00.000Z",
                    "events": 2,
                }
            ],
            "rule": 11,
            "message_id": "a1",
        },
        {"fact": "TraitsChanged", "profile_id": anonymous, "before": {}, "after": {"name": "Ada", "plan": 2}},
        {"fact": "TraitsChanged", "profile_id": ada, "before": {"plan": 2}, "after": {"plan": {"tier": 1}}},
    ]


async def test_an_alias_merges_two_users(client, log, mind, event):
    await told(client, mind, log, event("a1", "07:00:00", anonymous_id="d2", type="page", user_id="old"))
    ada = await profile_of(client, "user_id:ada")
    alias = event("a2", "09:30:00", anonymous_id=None, type="alias", user_id="ada", previous_id="old", trust="server")
    found = await told(client, mind, log, alias)
    into = await profile_of(client, "user_id:old")
    assert found == [
        {"fact": "ProfilesMerged", "from": ada, "into": into, "rule": 5, "message_id": "a2"},
        {"fact": "TraitsChanged", "profile_id": into, "before": {}}
        | {"after": {"age": 36, "city": None, "name": "Ada", "plan": {"tier": 1}}},
    ]


async def test_a_contact_used_again_takes_over_what_another_user_had_by_it(client, log, mind, event):
    """Rule 8: the family's address was used last by `pa` before `d9` gave it, as an event that comes only now shows."""

    def at(message_id, time, device, **who):
        home = (Contact(type="email", value="home@example.com"),)
        return event(message_id, time, anonymous_id=device, type="page", contacts=home, **who)

    await told(client, mind, log, at("p1", "08:00:00", "d7", user_id="pa"), at("m1", "08:10:00", "d8", user_id="ma"))
    await told(client, mind, log, at("x1", "08:20:00", "d9"))
    ma, pa = await profile_of(client, "user_id:ma"), await profile_of(client, "user_id:pa")
    assert await profile_of(client, "anonymous_id:d9") == ma
    (split,) = await told(client, mind, log, at("p2", "08:15:00", "d7", user_id="pa"))
    assert (split["fact"], split["from"], split["into"], split["rule"]) == ("ProfilesSplit", ma, pa, 9)
    assert [each["anonymous_id"] for each in split["slices"]] == ["d9"]
    assert await profile_of(client, "anonymous_id:d9") == pa


async def test_a_trait_said_again_is_no_fact_unless_another_device_said_otherwise(client, log, mind, event):
    def says(message_id, at, device, plan):
        about = {"type": "identify", "user_id": "bo", "anonymous_id": device, "traits": {"plan": plan}}
        return event(message_id, at, **about)

    bo = (await told(client, mind, log, says("b1", "08:00:00", "d3", 1)))[0]["profile_id"]
    assert await told(client, mind, log, says("b2", "08:01:00", "d3", 1)) == []
    changed = {"fact": "TraitsChanged", "profile_id": bo}
    assert await told(client, mind, log, says("b3", "08:02:00", "d4", 2)) == [
        changed | {"before": {"plan": 1}, "after": {"plan": 2}}
    ]
    assert await told(client, mind, log, says("b4", "08:03:00", "d3", 1)) == [
        changed | {"before": {"plan": 2}, "after": {"plan": 1}}
    ]
    assert await told(client, mind, log, says("b5", "08:01:30", "d4", 3)) == []


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


async def test_a_visit_is_told_once_when_the_batch_that_begins_it_also_changes_what_it_may_say(
    client, log, mind, event
):
    """The only proof of an address is taken back in the batch in which another device names it for the first time."""
    home = {"type": "email", "value": "home@example.com"}
    proof = event(
        "p1", "08:00:00", anonymous_id="d7", user_id="pa", trust="proven", contacts=(Contact(**home, signed=True),)
    )
    await log.take(proof)
    await mind.catch_up()
    _, after = await lines_of(client)
    retraction = event(
        "r1", "09:00:00", anonymous_id=None, type="retraction", trust="server", properties={"message_ids": ["p1"]}
    )
    await log.take(event("x1", "08:20:00", anonymous_id="d9", contacts=(Contact(**home),)), retraction)
    await mind.catch_up()
    found, _ = await lines_of(client, f"?after={after}")
    assert [each["fact"] for each in found if each.get("anonymous_id") == "d9"] == ["SessionStarted"]
