import asyncio
import gzip

import pytest

from collector.event import RETRACTION, Trust, from_record
from sessionizer.api import retractions

PATH = "/v1/identity/retractions"


async def test_a_retraction_becomes_an_event_of_the_log(client, log):
    answer = await client.post(PATH, json={"message_ids": ["m1", "m2", "m1"], "reason": "shared laptop"})
    assert answer.status == 200
    body = await answer.json()
    assert body == {"success": True, "message_id": body["message_id"], "retracted": 2}
    [stored] = await log.read(0, 5, 10)
    assert answer.headers["Log-Position"] == str(stored.position)
    event = from_record(stored.body)
    assert event.type == RETRACTION
    assert event.message_id == body["message_id"]
    assert (event.trust, event.source) == (Trust.SERVER, "api")
    assert (event.anonymous_id, event.user_id, event.contacts) == (None, None, ())
    assert event.properties == {"message_ids": ["m1", "m2"], "reason": "shared laptop"}
    assert event.timestamp == event.received_at


async def test_two_retractions_are_two_events(client, log):
    ids = {(await (await client.post(PATH, json={"message_ids": ["m1"]})).json())["message_id"] for _ in range(2)}
    assert len(ids) == 2
    assert await log.count() == 7


async def test_a_thousand_messages_can_be_named_at_once(client):
    message_ids = [f"m{i}" for i in range(1000)]
    assert (await client.post(PATH, json={"message_ids": message_ids})).status == 200
    assert (await client.post(PATH, json={"message_ids": [*message_ids, "more"]})).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"message_ids": []}', b'{"message_ids": "m1"}', b'{"message_ids": [1]}',
        b'{"message_ids": [""]}', b'{"message_ids": ["m\\u0000"]}', b'{"message_ids": ["m1"], "reason": 1}',
        b'{"message_ids": ["m1"], "reason": "\\u0000"}', b'{"message_ids": ["\xff"]}', b'{"message_ids": ["\\ud800"]}',
        b'{"message_ids": ["' + b"m" * 256 + b'"]}', b'{"x": ' + b"[" * 100_000,
    ],
)  # fmt: skip
async def test_a_body_that_is_no_retraction_is_refused_and_keeps_nothing(client, log, body):
    answer = await client.post(PATH, data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    problem = await answer.json(content_type=None)
    assert problem["reason"] == "invalid_body"
    assert await log.count() == 5


async def test_a_body_too_large_is_refused(client):
    answer = await client.post(PATH, data=b" " * (retractions.MAX_BODY_BYTES + 1))
    assert answer.status == 413
    assert (await answer.json(content_type=None))["reason"] == "body_too_large"


async def test_a_compressed_body_is_refused(client):
    body = gzip.compress(b'{"message_ids": ["m1"]}')
    answer = await client.post(PATH, data=body, headers={"Content-Encoding": "gzip"})
    assert answer.status == 415
    assert (await answer.json(content_type=None))["reason"] == "unsupported_encoding"


async def test_a_body_that_does_not_come_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr(retractions, "BODY_TIMEOUT_S", 0.05)

    async def slowly():
        yield b'{"message_ids'
        await asyncio.sleep(1)
        yield b'": ["m1"]}'

    answer = await client.post(PATH, data=slowly())
    assert answer.status == 408
    assert (await answer.json(content_type=None))["reason"] == "timed_out"


async def test_when_the_log_takes_no_events_the_caller_is_told_to_come_back(client, log):
    await log.close()
    answer = await client.post(PATH, json={"message_ids": ["m1"]})
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert (await answer.json(content_type=None))["reason"] == "log_unavailable"


async def test_a_retraction_cannot_be_read(client):
    assert (await client.get(PATH)).status == 405
