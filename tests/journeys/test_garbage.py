"""Garbage of every kind gets a documented answer, never a 5xx; the good events beside it are kept and folded."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.rejection import Reason
from sessionizer.api.problems import ProblemReason
from tests.journeys.running import Stack, rows_of, running
from tests.running_ariane import Answer, ariane

REASONS = {*map(str, Reason), *map(str, ProblemReason)}
KEYED = ("write_key", "server_key")
SINGLE = ("/v1/track", "/v1/page", "/v1/identify", "/v1/alias", "/v1/group", "/v1/screen", "/v1/t", "/v1/i")
INGEST = (*SINGLE, "/v1/batch", "/v1/b", "/v1/import")


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def good(message_id: str) -> dict[str, Any]:
    return {"type": "page", "messageId": message_id, "anonymousId": "good", "timestamp": "2026-03-02T08:00:00Z"}


def bomb(mib: int) -> bytes:
    """A gzip of some MiB of blanks."""
    return gzip.compress(b'{"batch":[' + b" " * (mib * 2**20) + b"]}", mtime=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Path]]:
    folder = tmp_path_factory.mktemp("garbage") / "data"
    with running(folder) as stack:
        yield stack, folder


@pytest.fixture
def stack(server: tuple[Stack, Path]) -> Stack:
    return server[0]


def documented(answer: Answer) -> bool:
    """Whether an answer is one that docs/protocol.md or docs/api.md speaks of."""
    if answer.status == 200:
        body = answer.json()
        return body["success"] is True and all(each["reason"] in REASONS for each in body.get("rejected", ()))
    problem = answer.headers["Content-Type"].startswith("application/problem+json")
    return problem and 400 <= answer.status < 500 and answer.json()["reason"] in REASONS


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"", {}, 400, Reason.UNREADABLE),
        (b"{", {}, 400, Reason.UNREADABLE),
        (b"not json", {}, 400, Reason.UNREADABLE),
        (b'{"batch": 7}', {}, 400, Reason.UNREADABLE),
        (b'{"batch": [NaN]}', {}, 400, Reason.UNREADABLE),
        (b"\xff\xfe\x00", {}, 400, Reason.UNREADABLE),
        (b'{"batch": ["\xc3\x28"]', {}, 400, Reason.UNREADABLE),
        (b"\0" * 1000, {}, 400, Reason.UNREADABLE),
        (deep(200_000), {}, 400, Reason.UNREADABLE),
        (b'{"batch":' + b'{"a":' * 90_000, {}, 400, Reason.UNREADABLE),
        (bomb(300), {"Content-Encoding": "gzip"}, 413, Reason.BODY_TOO_LARGE),
        (gzip.compress(bomb(300), mtime=0), {"Content-Encoding": "gzip"}, 400, Reason.UNREADABLE),
        (b"\x1f\x8b broken", {"Content-Encoding": "gzip"}, 400, Reason.UNREADABLE),
        (gzip.compress(b"{}", mtime=0)[:-3], {"Content-Encoding": "gzip"}, 400, Reason.UNREADABLE),
        (zlib.compress(b"{}"), {"Content-Encoding": "deflate"}, 415, Reason.UNSUPPORTED_ENCODING),
        (b"{}", {"Content-Encoding": "br"}, 415, Reason.UNSUPPORTED_ENCODING),
        (b" " * 600_000, {}, 413, Reason.BODY_TOO_LARGE),
        (json.dumps({"batch": [{}] * 2501}).encode(), {}, 413, Reason.TOO_MANY_EVENTS),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else None,
)
def test_a_body_that_cannot_be_read_is_refused_whole(
    stack: Stack, body: bytes, headers: dict[str, str], status: int, reason: Reason
) -> None:
    answer = stack.post("/v1/batch", body, headers=headers)
    assert (answer.status, answer.json()["reason"]) == (status, reason)
    assert documented(answer)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (7, Reason.NOT_AN_OBJECT),
        (None, Reason.NOT_AN_OBJECT),
        ([], Reason.NOT_AN_OBJECT),
        ({}, Reason.MISSING_TYPE),
        ({"type": "track", "anonymousId": "bad"}, Reason.MISSING_EVENT_NAME),
        ({"type": "page"}, Reason.MISSING_IDENTIFIER),
        ({"type": "page", "anonymousId": "null"}, Reason.MISSING_IDENTIFIER),
        ({"type": "page", "anonymousId": "x" * 256}, Reason.ID_TOO_LONG),
        ({"type": "page", "anonymousId": ["x"]}, Reason.INVALID_FIELD),
        ({"type": "page", "anonymousId": "bad\0"}, Reason.NUL_CHARACTER),
        ({"type": "page", "anonymousId": "bad", "properties": {"a": ["\0"]}}, Reason.NUL_CHARACTER),
        ({"type": "page", "anonymousId": "bad", "properties": {"\0": 1}}, Reason.NUL_CHARACTER),
        ({"type": "page", "anonymousId": "bad", "properties": "text"}, Reason.INVALID_FIELD),
        ({"type": "page", "anonymousId": "bad", "properties": []}, Reason.INVALID_FIELD),
        ({"type": "page", "anonymousId": "bad", "properties": {"a": json.loads(deep(13))}}, Reason.TOO_DEEP),
        ({"type": "page", "anonymousId": 10**300}, Reason.ID_TOO_LONG),
        ({"type": "page", "anonymousId": "bad", "timestamp": "9999-12-31T23:59:59-14:00"}, Reason.INVALID_TIMESTAMP),
        ({"type": "page", "anonymousId": "bad", "properties": {"a": "x" * 33_000}}, Reason.EVENT_TOO_LARGE),
        ({"type": "page", "anonymousId": "bad", "timestamp": "yesterday"}, Reason.INVALID_TIMESTAMP),
        ({"type": "page", "anonymousId": "bad", "timestamp": "2026-02-30T00:00:00Z"}, Reason.INVALID_TIMESTAMP),
        ({"type": "alias", "userId": "bad"}, Reason.MISSING_PREVIOUS_ID),
        ({"type": "retraction", "anonymousId": "bad", "properties": {"message_ids": ["good"]}}, Reason.RESERVED_TYPE),
    ],
    ids=str,
)
def test_one_bad_event_is_named_and_the_good_ones_beside_it_are_kept(stack: Stack, event: Any, reason: Reason) -> None:
    mark = f"{reason}-{abs(hash(json.dumps(event)))}"
    first, last = good(f"{mark}-first"), good(f"{mark}-last")
    answer = stack.post("/v1/batch", {"batch": [first, event, last]})
    assert answer.status == 200
    assert [(each["index"], each["reason"]) for each in answer.json()["rejected"]] == [(1, reason)]
    kept = {row["message_id"] for row in rows_of(stack.export("events"))}
    assert {first["messageId"], last["messageId"]} <= kept


@pytest.mark.parametrize(
    "event",
    [
        {"timestamp": "0001-01-01T00:00:00Z"},
        {"timestamp": "1970-01-01T00:00:00.000Z"},
        {"timestamp": "2016-02-29T23:59:60Z"},
        {"timestamp": "9999-12-31T23:59:59Z"},
        {"sentAt": "never"},
        {"sentAt": "2001-01-01T00:00:00Z", "timestamp": "2050-01-01T00:00:00Z"},
        {"sentAt": "2050-01-01T00:00:00Z", "timestamp": "2001-01-01T00:00:00Z"},
        {"anonymousId": "\ud83d half an emoji"},
        {"messageId": "🦊" * 127},
        {"anonymousId": "a\tb\nc%2F/../..;'\"--"},
        {"userId": "u:v:w", "traits": {"email": "no address", "phone": "☎", "": {"": [None, True, 1e308]}}},
        {"context": {"traits": [], "externalIds": {"id": 1}, "page": 7, "campaign": "x", "userAgent": [1]}},
        {"context": {"externalIds": [None, 7, {"id": None, "type": 7}, {"type": "x:y", "id": "z"}]}},
        {"context": {"userAgent": "(" * 4000, "page": {"url": "http://[::1", "referrer": "//" * 900}}},
        {"context": {"identityProof": "a.b.c"}, "userId": "proven?"},
        {"context": {"identityProof": {"alg": "none"}}, "userId": "proven?"},
        {"properties": {"engaged_ms": -1, "revenue": "a lot", "products": "many", "currency": 7}},
        {"properties": {"engaged_ms": 1e300, "revenue": 1e300, "products": [7, None, {"quantity": "NaN"}]}},
        {
            "properties": {
                "revenue": "1e999999999",
                "order_id": {"a": 1},
                "products": [{"price": "-0", "quantity": 2**70}],
            }
        },
        {"type": "Order Completed", "extra": {"deep": [[[[]]]]}},
    ],
    ids=lambda event: json.dumps(event)[:60],
)
@pytest.mark.parametrize("name", ["Order Completed", "Product Added", "Cart Viewed", "Order Refunded"])
def test_odd_but_lawful_events_are_kept_and_folded(stack: Stack, event: dict[str, Any], name: str) -> None:
    odd = {"type": "track", "event": name, "anonymousId": f"odd-{abs(hash(json.dumps(event)))}", **event}
    answer = stack.post("/v1/batch", {"batch": [odd, {**odd, "type": "identify"}, good("beside-odd")]})
    assert (answer.status, answer.json()) == (200, {"success": True})
    assert stack.get("/v1/profiles/anonymous_id:good").status == 200


@pytest.mark.parametrize(
    ("sent_at", "timestamp"),
    [("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"), ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")],
)
def test_a_time_that_no_calendar_holds_after_correction_is_refused_alone(
    stack: Stack, sent_at: str, timestamp: str
) -> None:
    answer = stack.post(
        "/v1/batch", {"batch": [{**good("off"), "timestamp": timestamp, "sentAt": sent_at}, good("on")]}
    )
    assert documented(answer)
    assert {each["reason"] for each in answer.json()["rejected"]} == {Reason.INVALID_TIMESTAMP}


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        ("/v1/page", {}, 401, Reason.UNKNOWN_KEY),
        ("/v1/page?writeKey=wrong", {}, 401, Reason.UNKNOWN_KEY),
        ("/v1/page", {"Authorization": "Basic !!!"}, 401, Reason.UNKNOWN_KEY),
        ("/v1/page", {"Authorization": "Basic d3Jvbmc6"}, 401, Reason.UNKNOWN_KEY),
        ("/v1/page", {"Authorization": "Bearer x"}, 401, Reason.UNKNOWN_KEY),
        ("/v1/page?writeKey={server_key}", {}, 401, Reason.SERVER_KEY_MISUSED),
        ("/v1/page?writeKey={api_key}", {}, 401, Reason.UNKNOWN_KEY),
    ],
)
def test_a_wrong_key_is_refused(stack: Stack, path: str, headers: dict[str, str], status: int, reason: Reason) -> None:
    answer = stack.post(path.format(**stack.keys), good("stolen"), key=None, headers=headers)
    assert (answer.status, answer.json()["reason"]) == (status, reason)


def test_a_server_key_in_a_browser_is_refused(stack: Stack) -> None:
    answer = stack.post("/v1/page", good("leaked"), "server_key", {"Origin": "https://shop.example"})
    assert (answer.status, answer.json()["reason"]) == (401, Reason.SERVER_KEY_MISUSED)


def test_an_origin_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert ariane("keys", "--data", folder, "--json").status == 0
    sources = folder / "sources.toml"
    text = sources.read_text()
    assert "\norigins = []" in text
    sources.write_text(text.replace("\norigins = []", '\norigins = ["https://shop.example"]'))
    with running(folder) as stack:
        for origin, status in (("https://shop.example", 200), ("https://evil.example", 403), ("null", 403), ("☠", 403)):
            answer = stack.post("/v1/page", good(origin), headers={"Origin": origin.encode().decode("latin-1")})
            assert answer.status == status, origin
            assert documented(answer)
        assert [row["message_id"] for row in rows_of(stack.export("events"))] == ["https://shop.example"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(
    (
        *("type", "messageId", "anonymousId", "userId", "previousId", "groupId", "event", "name", "timestamp"),
        *("sentAt", "properties", "traits", "context", "batch", "writeKey", "integrations", "originalTimestamp"),
    )
)
messages = st.dictionaries(
    field_names, json_values | st.sampled_from(("track", "identify", "page", "x", "2026")), max_size=8
)
bodies = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=300).map(gzip.compress),
    json_values.map(lambda value: json.dumps(value).encode()),
    messages.map(lambda message: json.dumps(message).encode()),
    st.lists(messages | json_values, max_size=5).map(lambda batch: json.dumps({"batch": batch}).encode()),
)
odd_settings = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(path=st.sampled_from(INGEST), body=bodies, key=st.sampled_from((*KEYED, None)))
@odd_settings
def test_random_bytes_and_random_json_get_a_documented_answer(
    stack: Stack, path: str, body: bytes, key: str | None
) -> None:
    answer = stack.post(path, body, key)
    assert documented(answer), answer


@given(event=messages)
@odd_settings
def test_random_events_never_harm_the_good_one_beside_them(stack: Stack, event: dict[str, Any]) -> None:
    answer = stack.post("/v1/batch", {"batch": [event, good("beside")]})
    assert answer.status == 200
    assert [each["index"] for each in answer.json().get("rejected", [])] in ([], [0])


@given(st.binary(max_size=60))
@odd_settings
def test_random_paths_and_queries_are_answered(stack: Stack, noise: bytes) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in noise)
    for path in (f"/v1/profiles/{escaped}", f"/v1/profiles?cursor={escaped}", f"/{escaped}", f"/pixel.gif?a={escaped}"):
        answer = stack.get(path)
        assert answer.status < 500, (path, answer)


@given(st.binary(min_size=1, max_size=200))
@settings(odd_settings, max_examples=40)
def test_what_is_not_even_http_does_not_disturb_anybody(stack: Stack, noise: bytes) -> None:
    host, _, port = stack.host.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(noise + b"\r\n\r\n")
        raw.shutdown(socket.SHUT_WR)
        assert not raw.recv(12).startswith(b"HTTP/1.1 5")


def test_after_all_that_nothing_was_set_aside_and_the_books_balance(server: tuple[Stack, Path]) -> None:
    stack, folder = server
    stack.send(good("the-end"))
    assert stack.get("/v1/profiles/anonymous_id:good").status == 200
    for what in ("profiles", "events", "sessions"):
        assert rows_of(stack.export(what))
    metrics = stack.get("/metrics").body.decode()
    assert "ariane_unexpected_errors_total 0.0" in metrics
    assert "ariane_mind_restarts_total 0.0" in metrics
    books = ariane("verify", "--data", folder, "--deep", "--json")
    assert books.status == 0, books
    assert (books.json()["quarantined"], books.json()["pending"]) == (0, 0)
