import dataclasses

import pytest
from aiohttp import web

from collector.runtime.metrics import Metrics
from sessionizer.api.app import add_api_routes

WHO = "/v1/profiles/user_id:ada"
KEYED = [
    ("GET", WHO),
    ("GET", f"{WHO}/timeline"),
    ("GET", f"{WHO}/sessions"),
    ("GET", f"{WHO}/identity"),
    ("GET", "/v1/profiles"),
    ("DELETE", WHO),
    ("POST", "/v1/identity/retractions"),
    ("GET", "/v1/export/profiles"),
    ("GET", "/v1/export/events"),
    ("GET", "/v1/export/sessions"),
    *[("GET", f"/v1/spaces/x/collections/users/profiles/user_id:ada/{each}") for each in ("traits", "external_ids")],
    *[("GET", f"/v1/spaces/x/collections/users/profiles/user_id:ada/{each}") for each in ("events", "metadata")],
]


@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_without_the_key_nothing_is_read_or_written(stranger, method, path):
    answer = await stranger.request(method, path)
    assert answer.status == 401
    assert answer.content_type == "application/problem+json"
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert "Basic" in answer.headers["WWW-Authenticate"]
    body = await answer.json(content_type=None)
    assert {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "reason": "unknown_key",
    }.items() <= body.items()


async def test_the_key_is_taken_as_bearer_and_as_basic_user(stranger, basic):
    for value in ("Bearer the-api-key", "bearer the-api-key", basic("the-api-key"), basic("the-api-key", "ignored")):
        assert (await stranger.get(WHO, headers={"Authorization": value})).status == 200, value


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer the-api-key2", "Bearer clé", "Basic", "Basic !!!", "Basic /w==",
     "the-api-key", "Digest the-api-key", "Bearer \udcff", "Basic \udcff", "Basic clé"],
)  # fmt: skip
async def test_anything_else_is_no_key(stranger, value):
    assert (await stranger.get(WHO, headers={"Authorization": value})).status == 401


async def test_a_key_that_is_only_the_password_is_no_key(stranger, basic):
    assert (await stranger.get(WHO, headers={"Authorization": basic("", "the-api-key")})).status == 401


async def test_an_empty_key_lets_nobody_in(aiohttp_client, api):
    app = web.Application()
    add_api_routes(app, dataclasses.replace(api, api_key=lambda: "", metrics=Metrics()))
    client = await aiohttp_client(app)
    for value in ("Bearer ", "Bearer", "Basic Og=="):
        assert (await client.get(WHO, headers={"Authorization": value})).status == 401


@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_no_answer_may_be_kept_or_shown_to_another_origin(client, method, path):
    answer = await client.request(method, path, headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://elsewhere.example"},
     {"Origin": "null"}, {"Origin": "http://["}],
)  # fmt: skip
async def test_another_sites_page_cannot_write_with_a_remembered_key(client, log, headers):
    answer = await client.post("/v1/identity/retractions", json={"message_ids": ["m1"]}, headers=headers)
    assert answer.status == 403
    assert (await answer.json(content_type=None))["reason"] == "cross_site"
    assert await log.count() == 5


async def test_our_own_documentation_page_may_write(client):
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{client.host}:{client.port}"}):
        answer = await client.post("/v1/identity/retractions", json={"message_ids": ["m1"]}, headers=headers)
        assert answer.status == 200
