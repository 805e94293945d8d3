import dataclasses

import pytest
from aiohttp import web

from collector.event import to_record
from collector.log import LogUnavailable, Record
from collector.runtime import clock
from collector.runtime.metrics import Metrics
from sessionizer.api.app import add_api_routes
from sessionizer.api.health import Lag, measure
from sessionizer.api.retractions import retraction


async def append(log, count, received_ms):
    event = retraction(["m1"], "", message_id="r1", now_ms=received_ms)
    await log.append([Record("", to_record(event))] * count)


async def test_it_says_that_it_lives_to_anyone(stranger):
    answer = await stranger.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_all_is_folded_in(stranger, log):
    answer = await stranger.get("/readyz")
    assert answer.status == 200
    assert await answer.json() == {"status": "ok", "position": 5, "lag_events": 0, "lag_seconds": 0.0}


async def test_it_is_not_ready_when_too_many_events_wait(stranger, log):
    await append(log, 3, clock.now_ms())
    assert (await stranger.get("/readyz")).status == 200
    await append(log, 1, clock.now_ms())
    answer = await stranger.get("/readyz")
    assert answer.status == 503
    problem = await answer.json(content_type=None)
    assert problem["reason"] == "not_ready"
    assert problem["failures"] == ["the mind is 4 events behind; 3 are allowed"]


async def test_it_is_not_ready_when_an_event_waits_too_long(stranger, log):
    await append(log, 1, clock.now_ms() - 11_000)
    problem = await (await stranger.get("/readyz")).json(content_type=None)
    assert problem["status"] == 503
    assert "s behind; 10.0 s are allowed" in problem["detail"]


async def test_it_is_not_ready_when_the_log_takes_no_events(stranger, log):
    await log.close()
    problem = await (await stranger.get("/readyz")).json(content_type=None)
    assert problem["failures"] == ["the log takes no events"]


async def test_every_failing_check_is_named(aiohttp_client, api):
    async def holds():
        return None

    async def fails():
        return "the mind does not run"

    app = web.Application()
    add_api_routes(app, dataclasses.replace(api, checks=[holds, fails], metrics=Metrics()))
    client = await aiohttp_client(app)
    problem = await (await client.get("/readyz")).json(content_type=None)
    assert problem["failures"] == ["the mind does not run"]


async def test_metrics_are_shown_with_the_lag_of_the_moment(stranger, log):
    await append(log, 2, clock.now_ms() - 2000)
    await stranger.get("/v1/profiles/user_id:ada")
    answer = await stranger.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = await answer.text()
    assert "ariane_lag_events 2.0" in text
    assert 2.0 <= float(text.split("\nariane_lag_seconds ")[1].split("\n")[0]) < 10.0
    assert 'ariane_read_seconds_count{route="/v1/profiles/{who}",status="401"} 1.0' in text
    assert "user_id:ada" not in text


@pytest.mark.parametrize("body", [b"not an event", b'{"type":"track"}'])
async def test_a_record_nobody_can_read_still_counts_as_lag(api, mind, log, body):
    await log.append([Record("", body)] * 2)
    assert await measure(log, api.people, 1000) == Lag(5, 2, 0.0)


async def test_when_the_log_cannot_be_read_it_is_not_ready_and_still_shows_its_metrics(stranger, log, monkeypatch):
    async def end():
        raise LogUnavailable("the disk is gone")

    monkeypatch.setattr(log, "end", end)
    problem = await (await stranger.get("/readyz")).json(content_type=None)
    assert problem["failures"] == ["the log or the store cannot be read"]
    assert "\nariane_lag_events NaN" in await (await stranger.get("/metrics")).text()


async def test_a_process_that_only_reads_the_log_is_ready_when_the_log_takes_no_events(aiohttp_client, api, log, mind):
    await log.close()
    app = web.Application()
    add_api_routes(app, dataclasses.replace(api, takes_events=False, metrics=Metrics()))
    client = await aiohttp_client(app)
    assert (await client.get("/readyz")).status == 200
