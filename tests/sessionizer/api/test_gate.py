import asyncio
import dataclasses

from aiohttp import web

from collector.app import answer_errors
from collector.runtime.metrics import Metrics
from sessionizer.api.app import add_api_routes

WHO = "/v1/profiles/user_id:ada"


async def started(aiohttp_client, api, **changes):
    app = web.Application(middlewares=[answer_errors])
    add_api_routes(app, dataclasses.replace(api, metrics=Metrics(), **changes))
    return await aiohttp_client(app, headers={"Authorization": f"Bearer {api.api_key()}"})


async def test_more_reads_than_may_be_open_are_told_to_come_back_and_the_others_are_answered(
    aiohttp_client, api, mind, log, event
):
    client = await started(aiohttp_client, api, max_open_reads=1)
    waiting = asyncio.ensure_future(client.get(WHO, headers={"After-Position": "6"}))
    while "ariane_open_reads 1.0" not in await (await client.get("/metrics")).text():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    refused = await client.get(WHO)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    assert (await refused.json(content_type=None))["reason"] == "too_busy"
    assert (await client.get("/healthz")).status == 200
    await log.take(event("m6", "10:00:00"))
    await mind.catch_up()
    assert (await waiting).status == 200
    assert (await client.get(WHO)).status == 200


async def test_a_read_that_fails_leaves_its_place(aiohttp_client, api, mind):
    client = await started(aiohttp_client, api, max_open_reads=1)
    for _ in range(3):
        assert (await client.get("/v1/profiles/user_id:nobody")).status == 404


async def test_an_address_that_asks_too_often_is_told_so_before_its_key_is_looked_at(aiohttp_client, api, mind):
    client = await started(aiohttp_client, api, retry_after_s=lambda request: 7 if request.remote else None)
    answer = await client.get(WHO, headers={"Authorization": "Bearer guessed"})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert (await answer.json(content_type=None))["reason"] == "rate_limited"
    assert (await client.get("/readyz")).status == 200


async def test_in_segments_shape_a_refusal_is_segments(aiohttp_client, api, mind):
    client = await started(aiohttp_client, api, max_open_reads=0)
    answer = await client.get("/v1/spaces/x/collections/users/profiles/user_id:ada/traits")
    assert answer.status == 503
    assert "message" in (await answer.json(content_type=None))["error"]
