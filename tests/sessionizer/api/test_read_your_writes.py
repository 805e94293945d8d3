import asyncio
import time

import pytest

from sessionizer.api import app as api_app

WHO = "/v1/profiles/user_id:ada"
SEGMENT = "/v1/spaces/x/collections/users/profiles/user_id:ada"
READS = [
    "/v1/profiles", WHO, f"{WHO}/timeline", f"{WHO}/sessions", f"{WHO}/identity", "/v1/export/profiles",
    "/v1/export/events", "/v1/export/sessions", f"{SEGMENT}/traits", f"{SEGMENT}/external_ids", f"{SEGMENT}/events",
    f"{SEGMENT}/metadata",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
async def test_a_read_after_a_position_folded_in_is_answered(client, path):
    assert (await client.get(path, headers={"After-Position": "5"})).status == 200


@pytest.mark.parametrize("path", [f"{WHO}/timeline", "/v1/export/events"])
async def test_a_read_waits_until_the_position_is_folded_in(client, log, mind, event, path):
    position = await log.take(event("m6", "09:00:01", event="Seen In Time"))
    reading = asyncio.create_task(client.get(path, headers={"After-Position": str(position)}))
    await asyncio.sleep(0.05)
    assert not reading.done()
    await mind.catch_up()
    assert "Seen In Time" in await (await reading).text()


async def test_what_a_retraction_undoes_is_seen_after_its_position(client, mind):
    answer = await client.post("/v1/identity/retractions", json={"message_ids": ["m3"], "reason": "not her"})
    after = {"After-Position": answer.headers["Log-Position"]}
    reading = asyncio.create_task(client.get(WHO, headers=after))
    await mind.catch_up()
    assert (await reading).status == 404


@pytest.mark.parametrize("path", READS)
async def test_a_position_not_reached_in_time_is_a_504(client, monkeypatch, path):
    monkeypatch.setattr(api_app, "MAX_WAIT_S", 0.05)
    answer = await client.get(path, headers={"After-Position": "6"})
    assert answer.status == 504
    assert (await answer.json(content_type=None))["reason"] == "position_not_reached"
    assert answer.headers["Retry-After"] == "1"


def test_the_wait_is_five_seconds_at_most():
    assert api_app.MAX_WAIT_S == 5.0


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("position", ["", "-1", "1.0", "latest", "0x1", "١", "9223372036854775808", "9" * 5000])
async def test_a_malformed_position_is_a_400(client, path, position):
    answer = await client.get(path, headers={"After-Position": position})
    assert answer.status == 400
    assert (await answer.json(content_type=None))["reason"] == "invalid_position"


async def test_without_a_key_nobody_waits(stranger):
    started = time.monotonic()
    assert (await stranger.get(WHO, headers={"After-Position": "7"})).status == 401
    assert time.monotonic() - started < 2.0
