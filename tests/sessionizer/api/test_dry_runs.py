import pytest

PATH = "/v1/identity/dry-runs"
WHO = "/v1/profiles/user_id:ada"


async def test_a_retraction_is_tried_out(client, log):
    before = await (await client.get(WHO)).json()
    answer = await client.post(PATH, json={"retract": ["m3"]})
    assert answer.status == 200
    told = await answer.json()
    assert (told["profiles_changed"], told["events_moved"], told["sessions_changed"]) == (2, 5, 2)
    gone, new = sorted(told["profiles"], key=lambda each: each["before"] is None)
    assert (gone["before"], gone["after"], gone["events_lost"]) == (before, None, 5)
    assert (new["before"], new["after"]["status"], new["events_gained"]) == (None, "anonymous", 5)
    assert await (await client.get(WHO)).json() == before
    assert await log.count() == 5


async def test_an_alias_is_tried_out(client, log, mind, event):
    await log.take(event("m6", "09:30:00", type="identify", user_id="old-7", anonymous_id="d2"))
    await mind.catch_up()
    told = await (await client.post(PATH, json={"alias": {"user_id": "ada", "previous_id": "old-7"}})).json()
    assert told["events_moved"] == 1
    totals = {each["profile_id"]: each["after"] and each["after"]["totals"]["events"] for each in told["profiles"]}
    assert sorted(totals.values(), key=str) == [7, None]  # the alias is an event itself
    assert (await client.get("/v1/profiles/user_id:old-7")).status == 200
    assert await log.count() == 6


async def test_nothing_may_change(client):
    nothing = {"profiles_changed": 0, "events_moved": 0, "sessions_changed": 0, "profiles": []}
    assert await (await client.post(PATH, json={"retract": ["never seen"]})).json() == nothing


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"retract": []},
        {"retract": ["m1"], "alias": {"user_id": "a", "previous_id": "b"}},
        {"alias": {"user_id": "a"}},
        {"alias": {"user_id": "", "previous_id": "b"}},
        {"retract": "m1"},
    ],
)
async def test_what_is_neither_or_both_is_refused(client, body):
    answer = await client.post(PATH, json=body)
    assert answer.status == 400
    assert (await answer.json(content_type=None))["reason"] == "invalid_body"
