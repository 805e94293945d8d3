"""Events over HTTP: what is stored, what is refused, and what the sender is told."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from collector.log import LogUnavailable
from collector.log.memory import MemoryLog
from collector.rejection import Reason
from tests.running_edge import RunningEdge, basic, compressed, make_edge, running, with_settings

PAGE = {"type": "page", "messageId": "m-1", "anonymousId": "a-1", "name": "Home"}
KINDS = {
    "track": {"event": "Thing Done"},
    "page": {},
    "screen": {},
    "identify": {"userId": "u-1"},
    "alias": {"userId": "u-1", "previousId": "u-0"},
    "group": {"groupId": "g-1"},
}


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Clicked", "messageId": f"m-{number}", "anonymousId": "a-1", **more}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_has_a_long_and_a_short_path(edge: RunningEdge, kind: str) -> None:
    for path in (f"/v1/{kind}", f"/v1/{kind[0]}", f"/v1/{kind}/"):
        status, answer, headers = await edge.post(path, {"anonymousId": "a-1", **KINDS[kind]})
        assert (status, answer) == (200, {"success": True})
        assert int(headers["Log-Position"]) > 0
    assert [event.type for event in await edge.events()] == [kind] * 3


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/v1/batch/"])
async def test_a_batch_is_stored_in_order(edge: RunningEdge, path: str) -> None:
    status, answer, headers = await edge.post(path, {"batch": [track(n) for n in range(5)]})
    assert (status, answer, headers["Log-Position"]) == (200, {"success": True}, "5")
    assert [event.message_id for event in await edge.events()] == [f"m-{n}" for n in range(5)]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "a/b"])
async def test_content_type_does_not_matter(edge: RunningEdge, content_type: str) -> None:
    status, _, _ = await edge.post("/v1/page", PAGE, headers={"Content-Type": content_type})
    assert status == 200
    assert len(await edge.events()) == 1


@pytest.mark.parametrize("header", [{"Content-Encoding": "gzip"}, {}])
async def test_gzip_is_read_whether_the_header_admits_it_or_not(edge: RunningEdge, header: dict[str, str]) -> None:
    status, _, _ = await edge.post("/v1/batch", compressed({"batch": [PAGE]}), headers=header)
    assert status == 200
    assert len(await edge.events()) == 1


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"\x1f\x8b garbage", 400, Reason.UNREADABLE),
        (gzip.compress(b'{"batch":[]}')[:-6], 400, Reason.UNREADABLE),
        (b'{"batch":[]}', 400, Reason.UNREADABLE),
        (gzip.compress(b" " * 30_000_000), 413, Reason.BODY_TOO_LARGE),
    ],
    ids=["garbage", "truncated", "not gzip", "bomb"],
)
async def test_bad_gzip_is_refused(edge: RunningEdge, body: bytes, status: int, reason: Reason) -> None:
    got, answer, headers = await edge.post("/v1/batch", body, headers={"Content-Encoding": "gzip"})
    assert (got, answer["reason"]) == (status, reason)
    assert headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
async def test_other_encodings_are_refused(edge: RunningEdge, encoding: str) -> None:
    status, answer, _ = await edge.post("/v1/page", b"x", headers={"Content-Encoding": encoding})
    assert (status, answer["reason"]) == (415, Reason.UNSUPPORTED_ENCODING)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"{",
        b'{"batch":',
        b"[]",
        b'{"batch":{}}',
        b'{"batch":null}',
        b"{}",
        b'{"batch":[]} x',
        b"\xff",
    ],
)
async def test_an_unreadable_batch_is_400(edge: RunningEdge, body: bytes) -> None:
    status, answer, _ = await edge.post("/v1/batch", body)
    assert (status, answer["reason"]) == (400, Reason.UNREADABLE)
    assert await edge.events() == []


async def test_an_unreadable_single_event_is_400(edge: RunningEdge) -> None:
    for body in (b"", b"{", b'{"a":"\xff"}', b'{"a":NaN}', b"[" * 100_000):
        status, answer, _ = await edge.post("/v1/track", body)
        assert (status, answer["reason"]) == (400, Reason.UNREADABLE)


def nested(depth: int) -> Any:
    """An object `depth` deep."""
    value: Any = {}
    for _ in range(depth - 1):
        value = {"x": value}
    return value


BAD_EVENTS: list[tuple[str, str, Reason]] = [
    ("a number", "7", Reason.NOT_AN_OBJECT),
    ("null", "null", Reason.NOT_AN_OBJECT),
    ("a list", "[]", Reason.NOT_AN_OBJECT),
    ("no type", json.dumps({"anonymousId": "a"}), Reason.MISSING_TYPE),
    ("type of a wrong type", json.dumps({"anonymousId": "a", "type": 7}), Reason.INVALID_FIELD),
    ("retraction", json.dumps({"anonymousId": "a", "type": "retraction"}), Reason.RESERVED_TYPE),
    ("track without a name", json.dumps({"anonymousId": "a", "type": "track"}), Reason.MISSING_EVENT_NAME),
    ("event name of a wrong type", json.dumps(track(9, event=7)), Reason.INVALID_FIELD),
    ("alias of nobody", json.dumps({"userId": "u", "type": "alias"}), Reason.MISSING_PREVIOUS_ID),
    ("nobody", json.dumps({"type": "page"}), Reason.MISSING_IDENTIFIER),
    ("only blocked ids", json.dumps({"type": "page", "userId": "null", "anonymousId": 0}), Reason.MISSING_IDENTIFIER),
    ("an id of 256", json.dumps(track(9, userId="x" * 256)), Reason.ID_TOO_LONG),
    ("a message id of 256", json.dumps(track(9) | {"messageId": "x" * 256}), Reason.ID_TOO_LONG),
    ("an e-mail of 256", json.dumps(track(9, context={"traits": {"email": "x" * 256}})), Reason.ID_TOO_LONG),
    ("a float id", json.dumps(track(9, userId=1.5)), Reason.INVALID_FIELD),
    ("a boolean id", json.dumps(track(9, userId=True)), Reason.INVALID_FIELD),
    ("an object id", json.dumps(track(9, userId={})), Reason.INVALID_FIELD),
    ("properties as a list", json.dumps(track(9, properties=[])), Reason.INVALID_FIELD),
    ("context as text", json.dumps(track(9, context="x")), Reason.INVALID_FIELD),
    ("a bad time", json.dumps(track(9, timestamp="yesterday")), Reason.INVALID_TIMESTAMP),
    ("no such day", json.dumps(track(9, timestamp="2026-02-30T00:00:00.000Z")), Reason.INVALID_TIMESTAMP),
    ("a time in numbers", json.dumps(track(9, timestamp=1764000000)), Reason.INVALID_TIMESTAMP),
    ("too large", json.dumps(track(9, properties={"x": "y" * 33_000})), Reason.EVENT_TOO_LARGE),
    ("too deep", json.dumps(track(9, properties=nested(12))), Reason.TOO_DEEP),
    ("much too deep", '{"type":"page","x":' + "[" * 20_000 + "]" * 20_000 + "}", Reason.EVENT_TOO_LARGE),
    ("far too deep", '{"type":"page","x":' + "[" * 9_000 + "]" * 9_000 + "}", Reason.TOO_DEEP),
    ("NUL", json.dumps(track(9, properties={"x": "a\0b"})), Reason.NUL_CHARACTER),
    ("NUL in a name", json.dumps(track(9, properties={"a\0b": 1})), Reason.NUL_CHARACTER),
    ("a number out of range", '{"type":"page","anonymousId":"a","x":1e999}', Reason.INVALID_FIELD),
    ("an endless integer", '{"type":"page","anonymousId":"a","x":' + "9" * 5000 + "}", Reason.INVALID_FIELD),
]


@pytest.mark.parametrize(("bad", "reason"), [each[1:] for each in BAD_EVENTS], ids=[each[0] for each in BAD_EVENTS])
async def test_one_bad_event_never_loses_the_good_ones(edge: RunningEdge, bad: str, reason: Reason) -> None:
    good = [json.dumps(track(n)) for n in (1, 2)]
    body = f'{{"batch":[{good[0]},{bad},{good[1]}]}}'.encode()
    status, answer, _ = await edge.post("/v1/batch", body)
    assert status == 200
    assert [event.message_id for event in await edge.events()] == ["m-1", "m-2"]
    (rejected,) = answer["rejected"]
    if reason is Reason.EVENT_TOO_LARGE and "[[" in bad:
        reason = Reason.TOO_DEEP  # what lies too deep is cut before sizes are looked at
    assert (rejected["index"], rejected["reason"]) == (1, reason)
    assert rejected["detail"]
    (kept,) = await edge.refused()
    assert (kept.reason, kept.source) == (reason, "default")


async def test_bytes_that_are_no_text_spoil_one_event_only(edge: RunningEdge) -> None:
    body = b'{"batch":[{"type":"page","anonymousId":"\xff"},' + json.dumps(track(1)).encode() + b"]}"
    status, answer, _ = await edge.post("/v1/batch", body)
    assert (status, answer["rejected"][0]["reason"]) == (200, Reason.INVALID_FIELD)
    assert len(await edge.events()) == 1


async def test_a_bad_single_event_is_named_with_200(edge: RunningEdge) -> None:
    status, answer, headers = await edge.post("/v1/track", {"messageId": "m-9", "anonymousId": "a"})
    assert (status, headers["Log-Position"]) == (200, "0")
    assert [(each["index"], each["message_id"], each["reason"]) for each in answer["rejected"]] == [
        (0, "m-9", "missing_event_name")
    ]


async def test_half_an_emoji_is_stored_as_a_replacement_character(edge: RunningEdge) -> None:
    texts = rb'"cut":"hi \ud83d","whole":"\ud83d\ude00","text":"\\ud83d"'
    status, answer, _ = await edge.post("/v1/track", b'{"anonymousId":"a","event":"x","properties":{' + texts + b"}}")
    assert (status, answer) == (200, {"success": True})
    (event,) = await edge.events()
    assert event.properties == {"cut": "hi \ufffd", "whole": "\U0001f600", "text": r"\ud83d"}


async def test_an_escaped_backslash_before_u0000_is_no_nul(edge: RunningEdge) -> None:
    status, answer, _ = await edge.post("/v1/batch", rb'{"batch":[{"type":"page","anonymousId":"a","x":"\\u0000"}]}')
    assert (status, answer) == (200, {"success": True})


async def test_large_integers_keep_every_digit(edge: RunningEdge) -> None:
    number = 123456789012345678901234567890
    await edge.post("/v1/track", {"anonymousId": "a", "event": "x", "properties": {"n": number}})
    (event,) = await edge.events()
    assert event.properties == {"n": number}


async def test_of_duplicate_keys_the_last_counts_and_a_byte_order_mark_is_ignored(edge: RunningEdge) -> None:
    await edge.post("/v1/page", b'\xef\xbb\xbf{"anonymousId":"a","anonymousId":"b"}')
    (event,) = await edge.events()
    assert event.anonymous_id == "b"


async def test_too_many_events_are_refused(edge: RunningEdge) -> None:
    status, answer, _ = await edge.post("/v1/batch", {"batch": [{}] * 2501})
    assert (status, answer["reason"]) == (413, Reason.TOO_MANY_EVENTS)


async def test_a_body_over_the_limit_is_refused_with_and_without_a_length(edge: RunningEdge) -> None:
    async def chunks() -> Any:
        for _ in range(9):
            yield b" " * 64_000

    status, answer, _ = await edge.post("/v1/batch", b" " * 512_001)
    assert (status, answer["reason"]) == (413, Reason.BODY_TOO_LARGE)
    async with edge.session.post(edge.url + "/v1/batch", data=chunks(), headers=basic("wk_open")) as answer:
        assert answer.status == 413


async def test_a_full_batch_is_taken(edge: RunningEdge) -> None:
    status, _, headers = await edge.post("/v1/batch", {"batch": [track(n) for n in range(2500)]})
    assert (status, headers["Log-Position"]) == (200, "2500")


async def test_an_empty_batch_answers_with_the_end_of_the_log(edge: RunningEdge) -> None:
    await edge.post("/v1/page", PAGE)
    status, answer, headers = await edge.post("/v1/batch", {"batch": []})
    assert (status, answer, headers["Log-Position"]) == (200, {"success": True}, "1")


async def test_what_a_batch_says_for_all_is_merged_under_each_event(edge: RunningEdge) -> None:
    body = {
        "batch": [track(1, context={"locale": "fr"}), track(2, integrations={"All": True})],
        "context": {"locale": "en", "app": {"name": "x"}},
        "integrations": {"All": False},
        "sentAt": "2026-11-24T08:00:00Z",
    }
    await edge.post("/v1/batch", body)
    first, second = await edge.events()
    assert first.context["locale"] == "fr"
    assert first.context["app"] == {"name": "x"}
    assert second.context["locale"] == "en"
    assert (first.extra["integrations"], second.extra["integrations"]) == ({"All": False}, {"All": True})
    assert first.sent_at == "2026-11-24T08:00:00.000Z"


async def test_a_large_shared_context_counts_in_every_event(edge: RunningEdge) -> None:
    body = {"batch": [track(n) for n in range(3)], "context": {"x": "y" * 33_000}}
    _, answer, _ = await edge.post("/v1/batch", body)
    assert [each["reason"] for each in answer["rejected"]] == [Reason.EVENT_TOO_LARGE] * 3


async def test_a_full_log_is_503_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    class Full(MemoryLog):
        async def append(self, records: Any, tally: Any = None) -> int:
            raise LogUnavailable("disk full")

    async with running(make_edge(tmp_path, log=Full())) as edge:
        status, answer, headers = await edge.post("/v1/page", PAGE, headers={"Origin": "https://any.example"})
        assert (status, answer["reason"], headers["Retry-After"]) == (503, Reason.UNAVAILABLE, "2")
        assert headers["Access-Control-Allow-Origin"] == "https://any.example"
        assert "Retry-After" in headers["Access-Control-Expose-Headers"]


async def test_too_many_open_requests_are_503(tmp_path: Path) -> None:
    async with running(make_edge(tmp_path, with_settings(max_open_requests=0))) as edge:
        status, answer, headers = await edge.post("/v1/page", PAGE)
        assert (status, answer["reason"], headers["Retry-After"]) == (503, Reason.UNAVAILABLE, "2")


async def test_too_many_bodies_at_once_are_503(tmp_path: Path) -> None:
    async with running(make_edge(tmp_path, with_settings(max_held_bytes=100_000))) as edge:
        status, answer, _ = await edge.post("/v1/batch", b" " * 400_000)
        assert (status, answer["reason"]) == (503, Reason.UNAVAILABLE)
        status, _, _ = await edge.post("/v1/page", PAGE)
        assert status == 200


async def test_an_address_that_sends_too_much_is_429_but_not_with_a_server_key(tmp_path: Path) -> None:
    async with running(make_edge(tmp_path, with_settings(max_requests_per_s=0.2))) as edge:
        answers = [await edge.post("/v1/page", PAGE, headers={"Origin": "https://any.example"}) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        assert answers[2][1]["reason"] == Reason.RATE_LIMITED
        assert 0 < int(answers[2][2]["Retry-After"]) <= 5
        status, _, _ = await edge.post("/v1/page", PAGE, "sk_open")
        assert status == 200


async def test_a_sender_that_hangs_up_does_not_stop_the_append(tmp_path: Path) -> None:
    class Slow(MemoryLog):
        async def append(self, records: Any, tally: Any = None) -> int:
            await asyncio.sleep(0.2)
            return await super().append(records, tally)

    async with running(make_edge(tmp_path, log=Slow())) as edge:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await edge.post("/v1/page", PAGE)
        await asyncio.sleep(0.3)
        assert len(await edge.events()) == 1


async def test_bots_are_withheld_where_a_source_excludes_them(edge: RunningEdge) -> None:
    bot = {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    await edge.post("/v1/page", PAGE, "wk_nobots", headers=bot)
    assert await edge.events() == []
    await edge.post("/v1/page", PAGE, "wk_open", headers=bot)
    (event,) = await edge.events()
    assert event.derived.bot


async def test_browsers_that_opt_out_are_withheld_where_a_source_honours_it(edge: RunningEdge) -> None:
    signals = ({"gpc": True}, {"dnt": True}, {"gpc": False, "mode": "full"}, "full", None)
    seen = {"type": "track", "event": "Seen", "anonymousId": "a-1"}
    batch = [seen | {"context": {"consent": signal}} for signal in signals]
    for key, kept in (("wk_nobots", 3), ("wk_open", 5)):
        before = len(await edge.events())
        status, answer, _ = await edge.post("/v1/batch", {"batch": batch}, key)
        assert (status, answer) == (200, {"success": True})
        assert len(await edge.events()) - before == kept


async def test_headers_that_are_no_text_do_no_harm(edge: RunningEdge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    body = json.dumps(PAGE).encode()
    writer.write(
        b"POST /v1/page?writeKey=wk_open HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe\r\nCookie: ariane_id=\xff\r\n"
        b"Origin: https://\xff\r\nReferer: http://[\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")


async def test_unknown_paths_and_methods_are_problems(edge: RunningEdge) -> None:
    status, body, headers = await edge.get("/v1/nothing")
    assert (status, json.loads(body)["reason"]) == (404, "not_found")
    status, body, headers = await edge.get("/v1/track")
    assert (status, json.loads(body)["reason"]) == (405, "method_not_allowed")
    assert "POST" in headers["Allow"]


async def test_the_books_balance(edge: RunningEdge) -> None:
    await edge.post("/v1/batch", {"batch": [track(1), track(2), 7, {}]})
    figures = {
        sample.name: sample.value
        for counter in (edge.edge.counters._received, edge.edge.counters._stored)
        for family in counter.collect()
        for sample in family.samples
    }
    assert figures["ariane_events_received_total"] == 4
    assert figures["ariane_events_stored_total"] == 2


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST /v1/page HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/page?writeKey=wk_open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /pixel.gif?x=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /pixel.gif?x=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_and_not_logged(
    edge: RunningEdge, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    writer.write(request_bytes)
    answer = await reader.read()
    writer.close()
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b'"unreadable"' in answer
    assert not caplog.records


async def test_a_sender_that_hangs_up_half_way_is_not_logged(
    edge: RunningEdge, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    writer.write(b"POST /v1/page?writeKey=wk_open HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{")
    await asyncio.sleep(0.05)
    writer.close()
    await asyncio.sleep(0.05)
    assert (await edge.post("/v1/page", PAGE))[0] == 200
    assert not caplog.records


async def test_an_error_of_ours_is_logged_counted_and_a_500_that_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemoryLog):
        async def append(self, records: Any, tally: Any = None) -> int:
            raise ZeroDivisionError("secret detail")

    async with running(make_edge(tmp_path, log=Broken())) as edge:
        status, answer, headers = await edge.post("/v1/page", PAGE)
    assert (status, answer["reason"], headers["Content-Type"]) == (500, "internal_error", "application/problem+json")
    assert "secret" not in str(answer)
    assert "ZeroDivisionError" in caplog.text
