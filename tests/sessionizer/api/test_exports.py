import asyncio
import gzip

import aiohttp
import msgspec
import pytest

from collector.event import to_record
from collector.log import CorruptRecord, Record
from sessionizer import views
from sessionizer.api.exports import accepts_gzip

ROW = {"profiles": views.Profile, "events": views.ExportedEvent, "sessions": views.ExportedSession}


@pytest.mark.parametrize(("what", "rows"), [("profiles", 1), ("events", 5), ("sessions", 2)])
async def test_an_export_is_a_chunked_stream_of_lines(client, what, rows):
    answer = await client.get(f"/v1/export/{what}", headers={"Accept-Encoding": "identity"})
    assert answer.status == 200
    assert answer.content_type == "application/x-ndjson"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Encoding" not in answer.headers
    body = await answer.read()
    assert body.endswith(b"\n")
    shown = [msgspec.json.decode(line, type=ROW[what]) for line in body.splitlines()]
    assert len(shown) == rows


async def test_the_same_state_gives_the_same_bytes(client):
    first, second = [await (await client.get("/v1/export/events")).read() for _ in range(2)]
    assert first == second


async def test_an_export_is_compressed_for_who_wants_it(stranger, client):
    headers = {"Authorization": "Bearer the-api-key", "Accept-Encoding": "gzip"}
    answer = await stranger.get("/v1/export/events", headers=headers)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    plain = await client.get("/v1/export/events", headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(await answer.read()) == await plain.read()


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("gzip", True), ("GZIP", True), ("deflate, gzip;q=0.5", True), ("*", True), ("br, *;q=0.1", True), ("", False),
     ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("*, gzip;q=0", False), ("br", False),
     ("gzip;q=1.0", True)],
)  # fmt: skip
def test_who_wants_gzip_is_read_off_accept_encoding(header, accepted):
    assert accepts_gzip(header) is accepted


async def test_an_unknown_export_is_not_found(client):
    answer = await client.get("/v1/export/secrets")
    assert answer.status == 404
    assert (await answer.json(content_type=None))["reason"] == "not_found"


async def test_a_failure_before_the_first_byte_is_a_problem(client, log):
    log.fail(CorruptRecord(3))
    answer = await client.get("/v1/export/events")
    assert answer.status == 503
    assert (await answer.json(content_type=None))["reason"] == "corrupt_record"


async def read_all(client, coding):
    answer = await client.get("/v1/export/events", headers={"Accept-Encoding": coding})
    return await answer.read()


@pytest.mark.parametrize("broken", [b'{"a": "\xc0"}', b"7", b'{"a": 1e999}'])
async def test_a_record_of_which_a_part_is_no_event_is_a_damaged_one(client, log, mind, event, broken):
    whole = to_record(event("m9", "10:00:00", anonymous_id="d9", properties={"a": 1}))
    assert whole.count(b'{"a":1}') == 1
    position = await log.append([Record("d9", whole.replace(b'{"a":1}', broken))])
    await mind.catch_up()
    answer = await client.get("/v1/profiles/anonymous_id:d9/timeline")
    assert answer.status == 503
    problem = await answer.json(content_type=None)
    assert (problem["reason"], f"position {position}" in problem["detail"]) == ("corrupt_record", True)


async def test_a_record_that_cannot_be_exported_is_a_damaged_one(client, log, mind, event):
    whole = to_record(event("m9", "10:00:00", anonymous_id="d9", group_id="acme"))
    await log.append([Record("d9", whole.replace(b'"acme"', b'"\xff"'))])
    await mind.catch_up()
    answer = await client.get("/v1/export/events")
    assert (answer.status, (await answer.json(content_type=None))["reason"]) == (503, "corrupt_record")


@pytest.mark.parametrize("failure", [CorruptRecord(3), OSError("the disk is gone"), ValueError("a bug")])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_failure_on_the_way_breaks_the_connection(client, log, mind, event, failure, coding):
    await log.take(*[event(f"n{i}", "10:00:00", event="Product Viewed") for i in range(1200)])
    await mind.catch_up()
    assert len((await read_all(client, coding)).splitlines()) == 1205
    log.fail(failure, after_fetches=2)
    with pytest.raises(aiohttp.ClientError):
        await read_all(client, coding)


async def test_a_reader_that_takes_nothing_is_let_go(client, log, mind, event, monkeypatch):
    monkeypatch.setattr("sessionizer.api.exports.MAX_STALL_S", 0.2)
    large = {"text": "x" * 20_000}
    await log.take(*[event(f"n{i}", "10:00:00", event="Product Viewed", properties=large) for i in range(1200)])
    await mind.catch_up()
    answer = await client.get("/v1/export/events", headers={"Accept-Encoding": "identity"})
    await asyncio.sleep(1.0)
    with pytest.raises(aiohttp.ClientError):
        await answer.read()
