"""Keys, origins, CORS and cookies, over HTTP."""

import asyncio
import json
import re
from typing import Any

import pytest

from collector.links import Links
from collector.raw import RawRequest
from collector.rejection import Reason
from tests.running_edge import SHOP, RunningEdge, basic

PAGE = {"anonymousId": "a-1"}
OTHER = "https://other.example"


def cookie_of(headers: Any) -> str | None:
    match = re.match(r"ariane_id=([^;]+);", headers.get("Set-Cookie", ""))
    return match.group(1) if match else None


# Keys


@pytest.mark.parametrize("where", ["basic", "body", "query"])
async def test_a_write_key_counts_anywhere(edge: RunningEdge, where: str) -> None:
    body = {**PAGE, "writeKey": "wk_open"} if where == "body" else PAGE
    path = "/v1/page?writeKey=wk_open" if where == "query" else "/v1/page"
    status, _, _ = await edge.post(path, body, "wk_open" if where == "basic" else None)
    assert status == 200
    (event,) = await edge.events()
    assert (event.source, event.trust, event.extra) == ("default", "public", {})


async def test_a_write_key_at_the_top_of_a_batch_counts(edge: RunningEdge) -> None:
    status, _, _ = await edge.post("/v1/batch", {"writeKey": "wk_listed", "batch": [{**PAGE, "type": "page"}]}, None)
    (event,) = await edge.events()
    assert (status, event.source) == (200, "listed")


@pytest.mark.parametrize("where", ["basic", "body"])
async def test_a_server_key_makes_events_believed(edge: RunningEdge, where: str) -> None:
    body = {"batch": [{"type": "identify", "userId": 7, "writeKey": "sk_open"}]}
    if where == "body":
        body["writeKey"] = "sk_open"  # type: ignore[assignment]
    status, _, _ = await edge.post("/v1/batch", body, "sk_open" if where == "basic" else None)
    (event,) = await edge.events()
    assert (status, event.trust, event.user_id) == (200, "server", "7")
    assert "sk_open" not in str(event)


async def test_a_server_key_in_an_address_or_from_a_page_is_refused(edge: RunningEdge) -> None:
    for path, body, key, headers in (
        ("/v1/page?writeKey=sk_open", PAGE, None, {}),
        ("/v1/page", PAGE, "sk_open", {"Origin": SHOP}),
        ("/v1/page", {**PAGE, "writeKey": "sk_open"}, None, {"Origin": SHOP}),
    ):
        status, answer, _ = await edge.post(path, body, key, headers)
        assert (status, answer["reason"]) == (401, Reason.SERVER_KEY_MISUSED)
    status, _, _ = await edge.get("/pixel.gif?writeKey=sk_open&userId=u")
    assert status == 401
    assert await edge.events() == []


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/page", PAGE, {}),
        ("/v1/page", {**PAGE, "writeKey": "wrong"}, {}),
        ("/v1/page", {**PAGE, "writeKey": 7}, {}),
        ("/v1/page?writeKey=wrong", PAGE, {}),
        ("/v1/page", PAGE, basic("wrong")),
        ("/v1/page", PAGE, {"Authorization": "Basic %%%"}),
        ("/v1/page", PAGE, {"Authorization": "Bearer wk_open"}),
        ("/v1/batch", {"batch": [{**PAGE, "type": "page", "writeKey": "wk_open"}]}, {}),
    ],
)
async def test_an_unknown_key_is_401(edge: RunningEdge, path: str, body: Any, headers: dict[str, str]) -> None:
    status, answer, _ = await edge.post(path, body, None, headers)
    assert (status, answer["reason"]) == (401, Reason.UNKNOWN_KEY)
    assert await edge.refused() == []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/page", {**basic("wrong"), "Content-Length": "9"}, b"401"),
        ("/v1/page?writeKey=wrong", {"Content-Length": "9"}, b"401"),
        ("/v1/page", {**basic("sk_open"), "Content-Length": "9", "Origin": SHOP}, b"401"),
        ("/v1/page", {**basic("wk_listed"), "Content-Length": "9", "Origin": OTHER}, b"403"),
        ("/v1/page", {**basic("wk_open"), "Content-Length": "600000"}, b"413"),
        ("/v1/page", {**basic("wk_open"), "Content-Length": "9", "Content-Encoding": "br"}, b"415"),
    ],
)
async def test_what_the_headers_condemn_is_refused_before_a_byte_of_the_body(
    edge: RunningEdge, path: str, headers: dict[str, str], status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    lines = [f"POST {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(2):
        assert status in await reader.readline()
    writer.close()


# Origins and CORS


async def test_a_source_with_a_list_refuses_other_origins(edge: RunningEdge) -> None:
    status, answer, headers = await edge.post("/v1/page", PAGE, "wk_listed", {"Origin": OTHER})
    assert (status, answer["reason"]) == (403, Reason.ORIGIN_NOT_ALLOWED)
    assert headers["Access-Control-Allow-Origin"] == OTHER
    status, _, _ = await edge.post("/v1/page", {**PAGE, "writeKey": "wk_listed"}, None, {"Origin": "null"})
    assert status == 403


@pytest.mark.parametrize("origin", [SHOP, "https://SHOP.example", "own", None])
async def test_a_source_with_a_list_takes_those_its_own_and_none(edge: RunningEdge, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": edge.url if origin == "own" else origin}
    status, _, answered = await edge.post("/v1/page", PAGE, "wk_listed", headers)
    assert status == 200
    if origin is not None:
        assert answered["Access-Control-Allow-Origin"] == headers["Origin"]
        assert answered["Access-Control-Allow-Credentials"] == "true"


async def test_a_source_without_a_list_takes_any_origin_but_no_credentials(edge: RunningEdge) -> None:
    status, _, headers = await edge.post("/v1/page", PAGE, "wk_open", {"Origin": OTHER, "Cookie": "ariane_id=x"})
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == OTHER
    assert "Access-Control-Allow-Credentials" not in headers
    assert "Set-Cookie" not in headers
    assert {"Retry-After", "Log-Position"} <= set(headers["Access-Control-Expose-Headers"].split(", "))
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/v1/batch/", "/v1/import", "/v1/device", "/pixel.gif"])
async def test_a_preflight_reflects_what_was_asked(edge: RunningEdge, path: str) -> None:
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-retry-count",
    }
    async with edge.session.options(edge.url + path, headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-retry-count"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Max-Age"] == "86400"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]


# The cookie


async def test_a_browser_event_that_names_nobody_gets_a_fresh_device_and_its_cookie(edge: RunningEdge) -> None:
    status, _, headers = await edge.post("/v1/page", {}, headers={"Sec-Fetch-Site": "same-origin"})
    assert status == 200
    cookie = cookie_of(headers)
    assert cookie
    for flag in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=33696000"):
        assert flag in headers["Set-Cookie"]
    assert "Secure" not in headers["Set-Cookie"]
    assert "Domain" not in headers["Set-Cookie"]
    await edge.post("/v1/page", {}, headers={"Origin": edge.url, "Cookie": f"ariane_id={cookie}"})
    assert [event.anonymous_id for event in await edge.events()] == [cookie, cookie]


async def test_events_of_one_request_that_name_nobody_share_a_fresh_device(edge: RunningEdge) -> None:
    await edge.post("/v1/batch", {"batch": [{"type": "page"}, {"type": "page"}]}, headers={"Origin": edge.url})
    assert len({event.anonymous_id for event in await edge.events()}) == 1


@pytest.mark.parametrize("key", ["wk_open", "sk_open"])
async def test_nothing_is_minted_for_who_is_no_browser(edge: RunningEdge, key: str) -> None:
    status, answer, headers = await edge.post("/v1/page", {}, key, {"Cookie": "ariane_id=c"})
    assert (status, answer["rejected"][0]["reason"]) == (200, Reason.MISSING_IDENTIFIER)
    assert "Set-Cookie" not in headers


async def test_the_cookie_is_added_only_to_events_that_name_nobody(edge: RunningEdge) -> None:
    browser = {"Origin": edge.url, "Cookie": "ariane_id=c-1"}
    batch = [
        {"type": "identify", "userId": "u"},
        {"type": "identify", "traits": {"email": "a@b.example"}},
        {"type": "page", "anonymousId": "a-1"},
        {"type": "page", "anonymousId": "null"},
    ]
    _, _, headers = await edge.post("/v1/batch", {"batch": batch}, headers=browser)
    assert [event.anonymous_id for event in await edge.events()] == [None, None, "a-1", "c-1"]
    assert cookie_of(headers) == "c-1"


async def test_the_cookie_follows_the_device_a_page_names(edge: RunningEdge) -> None:
    _, _, headers = await edge.post("/v1/page", PAGE, headers={"Origin": edge.url})
    assert cookie_of(headers) == "a-1"
    _, _, headers = await edge.post("/v1/page", PAGE, "wk_listed", headers={"Origin": SHOP})
    assert cookie_of(headers) == "a-1"
    _, _, headers = await edge.post("/v1/page", {"anonymousId": "a b;c"}, headers={"Origin": edge.url})
    assert "Set-Cookie" not in headers


async def test_a_blocked_cookie_is_none(edge: RunningEdge) -> None:
    _, _, headers = await edge.post("/v1/page", {}, headers={"Origin": edge.url, "Cookie": "ariane_id=undefined"})
    assert cookie_of(headers) not in (None, "undefined")


# The pixel


async def test_the_pixel_is_an_event_and_a_picture(edge: RunningEdge) -> None:
    query = (
        "writeKey=wk_open&event=Email%20Opened&email=Jane@Example.com&messageId=m-1&campaign=x&url=https://s.example/"
    )
    status, body, headers = await edge.get(f"/pixel.gif?{query}")
    assert (status, len(body), headers["Content-Type"]) == (200, 43, "image/gif")
    assert headers["Cache-Control"] == "no-store"
    (event,) = await edge.events()
    assert (event.type, event.event, event.message_id) == ("track", "Email Opened", "m-1")
    assert event.contacts[0].value == "jane@example.com"
    assert event.properties == {"campaign": "x"}
    assert event.context["page"] == {"url": "https://s.example/"}
    assert event.anonymous_id is None


async def test_a_pixel_that_names_nobody_sets_the_cookie(edge: RunningEdge) -> None:
    _, _, headers = await edge.get("/pixel.gif?writeKey=wk_open")
    cookie = cookie_of(headers)
    await edge.get("/pixel.gif?writeKey=wk_open", {"Cookie": f"ariane_id={cookie}", "Referer": f"{edge.url}/x"})
    assert [(event.type, event.anonymous_id) for event in await edge.events()] == [("page", cookie)] * 2


@pytest.mark.parametrize("site", [{"Sec-Fetch-Site": "cross-site"}, {"Referer": f"{OTHER}/mail"}])
async def test_a_pixel_on_another_site_gets_no_cookie(edge: RunningEdge, site: dict[str, str]) -> None:
    _, _, headers = await edge.get("/pixel.gif?writeKey=wk_open", {"Cookie": "ariane_id=c-1", **site})
    assert "Set-Cookie" not in headers
    (event,) = await edge.events()
    assert event.anonymous_id != "c-1"


@pytest.mark.parametrize(
    ("key", "referer", "joined"),
    [("wk_listed", f"{SHOP}/p", True), ("wk_listed", f"{OTHER}/p", False), ("wk_open", f"{SHOP}/p", False)],
)
async def test_a_pixel_joins_its_cookie_to_a_user_for_listed_origins_only(
    edge: RunningEdge, key: str, referer: str, joined: bool
) -> None:
    headers = {"Cookie": "ariane_id=c-1", "Referer": referer}
    await edge.get(f"/pixel.gif?writeKey={key}&type=identify&userId=u-1", headers)
    (event,) = await edge.events()
    assert (event.user_id, event.anonymous_id) == ("u-1", "c-1" if joined else None)


async def test_a_pixel_does_not_change_which_device_a_browser_is(edge: RunningEdge) -> None:
    _, _, headers = await edge.get("/pixel.gif?writeKey=wk_open&anonymousId=planted", {"Cookie": "ariane_id=c-1"})
    assert "Set-Cookie" not in headers


async def test_a_refused_pixel_is_still_a_picture(edge: RunningEdge) -> None:
    for query, status in (("", 401), ("?writeKey=wrong", 401), ("?writeKey=wk_open&type=alias&userId=%ff%00", 200)):
        got, body, _ = await edge.get(f"/pixel.gif{query}")
        assert (got, len(body)) == (status, 43)


# A fresh device


async def test_a_page_can_ask_for_a_fresh_device(edge: RunningEdge) -> None:
    for key, origin, settable in (("wk_listed", SHOP, True), ("wk_open", edge.url, True), ("wk_open", OTHER, False)):
        status, answer, headers = await edge.post("/v1/device", b"", key, {"Origin": origin, "Cookie": "ariane_id=c"})
        assert status == 200
        assert answer["anonymous_id"] != "c"
        assert cookie_of(headers) == (answer["anonymous_id"] if settable else None)
    status, answer, headers = await edge.post("/v1/device", {"writeKey": "wk_listed"}, None, {"Origin": OTHER})
    assert (status, answer["reason"]) == (403, Reason.ORIGIN_NOT_ALLOWED)
    assert "Set-Cookie" not in headers
    status, _, _ = await edge.post("/v1/device", b"[", None)
    assert status == 400
    assert await edge.events() == []


async def test_a_page_that_forgot_who_it_was_is_told_by_the_cookie(edge: RunningEdge) -> None:
    async def named(known: object, cookie: str | None, origin: str = SHOP) -> tuple[str, str | None]:
        headers = {"Origin": origin} | ({"Cookie": f"ariane_id={cookie}"} if cookie else {})
        key = "wk_listed" if origin == SHOP else "wk_open"
        status, answer, headers = await edge.post("/v1/device", {"writeKey": key, "anonymousId": known}, None, headers)
        assert status == 200
        return answer["anonymous_id"], cookie_of(headers)

    assert await named("c-new", "c-old") == ("c-old", "c-old")
    assert await named("c-new", None) == ("c-new", "c-new")
    # Pages of other sites have no cookie here, and set none.
    assert await named("c-new", "c-old", OTHER) == ("c-new", None)
    # What is no id is nobody: somebody new.
    for nothing in ("null", "", 7, "x" * 10_000, "a\nb"):
        anonymous_id, cookie = await named(nothing, "c-old")
        assert anonymous_id not in ("c-old", nothing)
        assert cookie == anonymous_id
    assert await edge.events() == []


# Links to other domains


async def test_a_link_carries_a_device_to_another_listed_domain_once(edge: RunningEdge) -> None:
    async def token(anonymous_id: object = "c-1", origin: str = SHOP, agent: str = "Browser") -> str:
        body = {"writeKey": "wk_listed", "anonymousId": anonymous_id}
        status, answer, _ = await edge.post("/v1/link", body, None, {"Origin": origin, "User-Agent": agent})
        assert status == 200
        return answer["token"]

    async def traded(link: object, key: str = "wk_listed", agent: str = "Browser", cookie: str = "") -> str:
        headers = {"Origin": SHOP, "User-Agent": agent} | ({"Cookie": f"ariane_id={cookie}"} if cookie else {})
        body = {"writeKey": key, "anonymousId": "c-made-up", "link": link}
        status, answer, _ = await edge.post("/v1/device", body, None, headers)
        assert status == 200
        return answer["anonymous_id"]

    first = await token()
    assert "c-1" not in first
    assert await traded(first) == "c-1"
    assert await traded(first) == "c-made-up"  # once
    # Somebody else's link is no way to plant an identity: another browser, another source, a browser that knows itself.
    assert await traded(await token(), agent="Another") == "c-made-up"
    assert await traded(await token(), key="wk_open") == "c-made-up"
    assert await traded(await token(), cookie="c-mine") == "c-mine"
    for nonsense in (None, 7, "", "guessed", [first]):
        assert await traded(nonsense) == "c-made-up"
    assert await edge.events() == []


def test_a_link_is_good_for_a_minute_and_a_flood_of_them_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(at_ms: int) -> RawRequest:
        return RawRequest(method="POST", path="/v1/device", remote_ip="192.0.2.1", received_at_ms=at_ms)

    links = Links()
    early, late = links.give("c-1", "shop", asked(0)), links.give("c-1", "shop", asked(0))
    assert links.take(early, "shop", asked(59_999)) == "c-1"
    assert links.take(late, "shop", asked(60_000)) is None
    monkeypatch.setattr("collector.links.MAX_TOKENS", 3)
    tokens = [links.give(f"c-{n}", "shop", asked(0)) for n in range(4)]
    assert [links.take(token, "shop", asked(1)) for token in tokens] == [None, "c-1", "c-2", "c-3"]


async def test_only_pages_of_listed_origins_are_linked(edge: RunningEdge) -> None:
    for key, origin, expected in (("wk_listed", OTHER, 403), ("wk_open", OTHER, 403), ("wk_open", edge.url, 200)):
        body = {"writeKey": key, "anonymousId": "c-1"}
        status, _, _ = await edge.post("/v1/link", body, None, {"Origin": origin})
        assert status == expected
    for nothing in (None, "null", 7):
        status, _, _ = await edge.post(
            "/v1/link", {"writeKey": "wk_listed", "anonymousId": nothing}, None, {"Origin": SHOP}
        )
        assert status == 400


# The tracker


async def test_the_tracker_is_cached_and_compressed(edge: RunningEdge) -> None:
    status, body, headers = await edge.get("/t.js", {"Accept-Encoding": "identity"})
    assert (status, body[:13]) == (200, b"/* tracker */")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "javascript" in headers["Content-Type"]
    status, zipped, _ = await edge.get("/t.js")
    assert zipped == body
    status, body, _ = await edge.get("/t.js", {"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")


# The live tail


async def test_the_live_tail_shows_what_happens(edge: RunningEdge) -> None:
    async with edge.session.get(edge.url + "/v1/live") as answer:
        assert answer.status == 401
    async with edge.session.get(edge.url + "/v1/live", headers={"Authorization": "Bearer ak_secret"}) as tail:
        assert tail.headers["Content-Type"] == "application/x-ndjson"
        await tail.content.readline()
        await edge.post("/v1/batch", {"batch": [{**PAGE, "type": "page"}, {"type": "page", "x": 1}]})
        accepted, rejected = [json.loads(await tail.content.readline()) for _ in range(2)]
    assert (accepted["outcome"], accepted["position"], accepted["event"]["anonymous_id"]) == ("accepted", 1, "a-1")
    assert (rejected["outcome"], rejected["reason"]) == ("rejected", "missing_identifier")
    assert rejected["event"] == {"type": "page", "x": 1}


async def test_the_live_tail_speaks_server_sent_events(edge: RunningEdge) -> None:
    headers = {**basic("ak_secret"), "Accept": "text/event-stream"}
    async with edge.session.get(edge.url + "/v1/live", headers=headers) as tail:
        assert tail.headers["Content-Type"] == "text/event-stream"
        assert await tail.content.readline() == b": idle\n"
        await tail.content.readline()
        await edge.post("/v1/page", PAGE)
        line = await tail.content.readline()
    assert json.loads(line.removeprefix(b"data: "))["outcome"] == "accepted"
