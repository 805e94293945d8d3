"""aiohttp's Request into RawRequest, Receipt into its Response: the only place where both are known."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import hdrs, web

from collector import cors, ready
from collector.authenticate import basic_user
from collector.bodies import LARGE_BYTES, Bodies, Body, NoRoom
from collector.cookies import set_cookie_header
from collector.deadlines import RequestLate
from collector.http_limits import body_too_large, inflate
from collector.pipeline import ADAPTER_AT, Edge, collect, give_link, name_device, refuse_early
from collector.problems import problem, refused_headers
from collector.protocols import Adapter, Answer
from collector.proxies import TrustedProxies
from collector.raw import RawRequest, Receipt
from collector.rejection import Reason, Refused
from collector.runtime import clock

LIVE_IDLE_S = 15.0
"""A live tail shows that it lives this often: proxies cut connections that are silent for 60 s."""

_encode = msgspec.json.encode

Reply = Callable[[RawRequest, dict[str, Any], dict[str, str]], dict[str, str]]
"""Answers a small JSON question; may add headers. Raises Refused."""


class EdgeHandlers:
    """The edge's request handlers."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._proxies = TrustedProxies(edge.settings.trusted_proxies)
        self._bodies = Bodies(edge.settings.max_held_bytes)
        self._turn = asyncio.Lock()
        self._open = 0
        edge.counters.open_requests.set_function(lambda: self._open)
        edge.counters.held_bytes.set_function(lambda: self._bodies.held_bytes)

    async def ingest(self, request: web.BaseRequest) -> web.StreamResponse:
        """Events in, on any protocol's path."""
        raw = self._raw_request(request)
        adapter = ADAPTER_AT[raw.path.rstrip("/")]
        try:
            with self._bodies.holding(request.content) as body:
                receipt = await self._collect(await self._with_body(request, raw, body))
        except NoRoom:
            return self._refusal(raw, adapter, self._busy("too many bodies are in hand at once"))
        except Refused as refused:
            return self._refusal(raw, adapter, refused)
        headers = self._headers(raw)
        headers["Log-Position"] = str(receipt.position)
        if receipt.set_anonymous_id is not None:
            self._set_cookie(headers, receipt.set_anonymous_id, raw)
        answer = adapter.respond(receipt)
        return ready.answer(request, answer.status, answer.body, _described(answer, headers))

    async def _collect(self, raw: RawRequest) -> Receipt:
        if self._open >= self._edge.settings.max_open_requests:
            raise self._busy("too many open requests")
        self._open += 1
        try:
            if len(raw.body) > LARGE_BYTES:
                async with self._turn:  # one a turn of the loop, so that small ones need not wait for all
                    await asyncio.sleep(0)
            return await collect(raw, self._edge)
        finally:
            self._open -= 1

    def _busy(self, detail: str) -> Refused:
        return Refused(Reason.UNAVAILABLE, 503, detail, self._edge.settings.retry_after_s)

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """OPTIONS on any of the edge's paths."""
        raw = self._raw_request(request)
        return web.Response(status=204, headers=cors.preflight_headers(raw, self._listed_origins(raw)))

    async def device(self, request: web.Request) -> web.StreamResponse:
        """Who a page of an allowed origin is: a fresh device (the tracker's `reset()`), or the one it was before."""
        return await self._small_question(request, self._name_device)

    async def link(self, request: web.Request) -> web.StreamResponse:
        """A token that stands for a device while a link to another domain is followed."""
        return await self._small_question(request, self._give_link)

    async def _small_question(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        raw = self._raw_request(request)
        try:
            with self._bodies.holding(request.content) as body:
                raw = await self._with_body(request, raw, body)
                headers = {**self._headers(raw), "Cache-Control": "no-store"}
                return _response(
                    Answer(200, "application/json", _encode(reply(raw, _object_in(raw.body), headers))), headers
                )
        except NoRoom:
            return self._refusal(raw, None, self._busy("too many bodies are in hand at once"))
        except Refused as refused:
            return self._refusal(raw, None, refused)

    def _name_device(self, raw: RawRequest, said: dict[str, Any], headers: dict[str, str]) -> dict[str, str]:
        known, link = said.get("anonymousId"), said.get("link")
        anonymous_id, may_set = name_device(raw, said.get("writeKey"), known, link, self._edge)
        if may_set:
            self._set_cookie(headers, anonymous_id, raw)
        return {"anonymous_id": anonymous_id}

    def _give_link(self, raw: RawRequest, said: dict[str, Any], headers: dict[str, str]) -> dict[str, str]:  # noqa: ARG002
        return {"token": give_link(raw, said.get("writeKey"), said.get("anonymousId"), self._edge)}

    async def live(self, request: web.Request) -> web.StreamResponse:
        """The live tail, for the api key: NDJSON, or server-sent events where those are asked for."""
        raw = self._raw_request(request)
        try:
            self._require_api_key(raw)
        except Refused as refused:
            return self._refusal(raw, None, refused)
        events = "text/event-stream" in raw.headers.get("accept", "")
        before, after, idle = (b"data: ", b"\n\n", b": idle\n\n") if events else (b"", b"\n", b"\n")
        content_type = "text/event-stream" if events else "application/x-ndjson"
        response = web.StreamResponse(
            headers={"Content-Type": content_type, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        with self._edge.live.subscribe() as feed:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):  # the reader has seen enough
                await response.write(idle)  # the reader knows that it is connected
                async for outcome in feed.outcomes(LIVE_IDLE_S):
                    await response.write(idle if outcome is None else before + _encode(outcome) + after)
        return response

    # Requests ------------------------------------------------------------------------------------------------------

    def _raw_request(self, request: web.BaseRequest) -> RawRequest:
        headers = {k.lower(): v if v.isascii() else _clean(v) for k, v in request.headers.items()}
        visitor = self._proxies.visitor(request.remote, request.secure, headers)
        return RawRequest(
            method=request.method,
            path=request.path,
            query={_clean(name): _clean(value) for name, value in request.query.items()}
            if request.query_string
            else {},
            headers=headers,
            cookies=request.cookies if "cookie" in headers else {},
            remote_ip=visitor.ip,
            secure=visitor.secure,
            host=visitor.host,
            received_at_ms=clock.now_ms(),
        )

    async def _with_body(self, request: web.BaseRequest, raw: RawRequest, body: Body) -> RawRequest:
        """The request with its body, inflated. Raises Refused, NoRoom; by headers alone before a byte is read."""
        refuse_early(raw, request.content_length, self._edge)
        if not request.can_read_body:
            return raw
        limit = self._edge.settings.max_body_bytes
        sent = await self._read(request, body, limit)
        body.arrived()
        inflated = inflate(sent, raw.headers.get("content-encoding", "").strip().lower(), limit)
        body.grow(len(inflated))
        return msgspec.structs.replace(raw, body=inflated)

    async def _read(self, request: web.BaseRequest, body: Body, max_bytes: int) -> bytes:
        """The body as sent, at most `max_bytes` of it. Raises Refused (400 broken, 408 late, 413 large), NoRoom."""
        content = request.content
        read = bytearray()
        try:
            if content.is_eof():  # it came with the headers, as most do
                whole = content.read_nowait()
                body.grow(len(whole))
                return _at_most(max_bytes, whole)
            while not content.at_eof() and len(read) <= max_bytes:
                read += await content.readany()
                body.grow(len(read))
        except RequestLate as error:
            raise Refused(Reason.TIMED_OUT, 408, "the request did not arrive in time") from error
        except web.RequestPayloadError as error:
            raise Refused(Reason.UNREADABLE, 400, "the body's transfer coding is broken") from error
        return _at_most(max_bytes, bytes(read))

    def _require_api_key(self, raw: RawRequest) -> None:
        scheme, _, rest = raw.headers.get("authorization", "").partition(" ")
        given = basic_user(rest) if scheme.lower() == "basic" else rest.strip() if scheme.lower() == "bearer" else ""
        if not secrets.compare_digest(given.encode(), self._edge.sources.current(raw.received_at_ms).api_key.encode()):
            raise Refused(Reason.UNKNOWN_KEY, 401, "the live tail needs the api key")

    # Answers -------------------------------------------------------------------------------------------------------

    def _headers(self, raw: RawRequest) -> dict[str, str]:
        return cors.answer_headers(raw, self._listed_origins(raw))

    def _listed_origins(self, raw: RawRequest) -> frozenset[str]:
        return self._edge.sources.current(raw.received_at_ms).listed_origins

    def _set_cookie(self, headers: dict[str, str], anonymous_id: str, raw: RawRequest) -> None:
        cookie = set_cookie_header(anonymous_id, secure=raw.secure, max_age_s=self._edge.settings.cookie_max_age_s)
        if cookie is not None:
            headers[hdrs.SET_COOKIE] = cookie

    def _refusal(self, raw: RawRequest, adapter: Adapter | None, refused: Refused) -> web.Response:
        self._edge.counters.refused(refused.reason)
        headers = self._headers(raw) | refused_headers(refused)
        answer = adapter.refuse(refused) if adapter is not None else None
        if answer is None:
            response = problem(refused.status, refused.reason.value, refused.detail, headers)
        else:
            response = _response(answer, headers)
        if refused.reason is Reason.TIMED_OUT:
            response.force_close()
        return response


def _response(answer: Answer, headers: dict[str, str]) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=_described(answer, headers))


def _described(answer: Answer, headers: dict[str, str]) -> dict[str, str]:
    headers[hdrs.CONTENT_TYPE] = answer.content_type
    if answer.content_type == "image/gif":
        headers[hdrs.CACHE_CONTROL] = "no-store"
    return headers


def _at_most(max_bytes: int, body: bytes) -> bytes:
    if len(body) > max_bytes:
        raise body_too_large(max_bytes)
    return body


def _clean(text: str) -> str:
    """A header or query value as proper text: aiohttp keeps bytes that are not UTF-8 as lone surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _object_in(body: bytes) -> dict[str, Any]:
    """A small JSON body; empty when there is none. Raises Refused (400)."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any]) if body else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(Reason.UNREADABLE, 400, "the body is not a JSON object") from error
