"""What a fuzzer may throw bytes at: every decoder of what comes from outside, each with what must hold whatever comes.

A target takes bytes and returns nothing. It fails by raising: what the decoder documents (`Refused`, `BadCursor` …) is
caught here, everything else is a bug. `load_tests/fuzz.py` looks for such bytes; `test_corpus.py` tries again what was
found and kept.
"""

import asyncio
import contextlib
import gzip
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine, Mapping
from hashlib import sha256
from hmac import digest
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from collector import clock_skew, json_guard
from collector.authenticate import basic_user
from collector.deadlines import MAX_HEAD_BYTES
from collector.event import from_record, from_record_lazily
from collector.handlers import EdgeHandlers
from collector.http_limits import MAX_GZIP_MEMBERS, inflate
from collector.log import CorruptRecord, Record
from collector.log.memory import MemoryLog, MemoryRefused
from collector.pipeline import ADAPTER_AT, collect
from collector.proof import check_proof
from collector.raw import RawRequest
from collector.rejection import Refused
from collector.runtime import clock
from collector.sources import SourcesInvalid, load
from sessionizer.api import auth, exports, parameters
from sessionizer.api.problems import Problem
from sessionizer.importing.batches import to_batches
from sessionizer.importing.mapping import RowMapping, compile_mapping
from sessionizer.importing.naming import Namer
from sessionizer.importing.rows import WHITESPACE, NoColumns, read_json_lines, read_separated
from sessionizer.people import FoldedPeople
from sessionizer.reading import BadCursor, Who
from sessionizer.store.memory import MemoryStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker
from tests.fuzz.shapes import events
from tests.running_edge import OPEN, basic, make_edge

Target = Callable[[bytes], None]

NOW_MS = 1_790_000_000_000
MAX_BYTES = 64 * 1024
MAX_LINE_BYTES = 8000
NO_HEADERS: CIMultiDict[str] = CIMultiDict()

_loop = asyncio.new_event_loop()
_folder = Path(mkdtemp(prefix="ariane-fuzz-"))
_edge = make_edge(_folder)
_handlers = EdgeHandlers(_edge)
_any_request = make_mocked_request("GET", "/")


def _run(awaited: Coroutine[Any, Any, Any]) -> Any:
    return _loop.run_until_complete(awaited)


# What is sent ----------------------------------------------------------------------------------------------------


def single(data: bytes) -> None:
    """One event to one of Segment's paths: the first byte chooses path and key."""
    paths = ("/v1/track", "/v1/page", "/v1/identify", "/v1/alias", "/v1/group", "/v1/screen")
    choice = data[0] if data else 0
    _ingest(_posted(paths[choice % 6], data[1:], "sk_open" if choice & 64 else "wk_open"))


def batch(data: bytes) -> None:
    """A batch; the first byte chooses the key."""
    _ingest(_posted("/v1/batch", data[1:], "sk_open" if data[:1] == b"s" else "wk_open"))


def shaped(data: bytes) -> None:
    """A batch that is JSON whatever the bytes, so that what lies behind the decoder is reached."""
    body = json.dumps({"batch": events(data[1:])}).encode()
    _ingest(_posted("/v1/batch", body, "sk_open" if data[:1] > b"\x80" else "wk_open"), readable=len(body) < 400_000)


def pixel(data: bytes) -> None:
    """The query of a pixel, as aiohttp reads it."""
    query = _query(data)
    request = _request("GET", f"/pixel.gif?writeKey=wk_open&{query}")
    _ingest(_handlers._raw_request(request))


def headers(data: bytes) -> None:
    """Headers, one a line, of a request to the edge and of a read."""
    sent: CIMultiDict[str] = CIMultiDict()
    for line in data[:MAX_HEAD_BYTES].decode("utf-8", "surrogateescape").replace("\0", "").splitlines()[:20]:
        name, _, value = line.partition(":")
        if name and name.isascii() and name.replace("-", "").isalnum():
            sent.add(name, value.strip())
    request = _request("POST", "/v1/page?writeKey=wk_open", sent)
    raw = _handlers._raw_request(request)
    _ingest(_with_body(raw, b'{"properties": {}}'))
    _read_headers(request)
    exports.accepts_gzip(sent.get("Accept-Encoding", ""))


def basic_header(data: bytes) -> None:
    """The credentials of an Authorization header."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        basic_user(text)
    except Refused as refused:
        assert refused.status == 401
    _read_headers(_request("GET", "/v1/profiles", CIMultiDict({"Authorization": text})))


def inflated(data: bytes) -> None:
    """A compressed body: never more than the limit, and what Python's own gzip reads."""
    limit = 10_000
    try:
        found = inflate(data, "gzip", limit)
    except Refused as refused:
        assert refused.status in (400, 413)
        return
    assert len(found) <= limit or not data.startswith(b"\x1f\x8b")
    if data.startswith(b"\x1f\x8b") and data.count(b"\x1f\x8b") < MAX_GZIP_MEMBERS:
        assert found == gzip.decompress(data)


def proof(data: bytes) -> None:
    """A JWT: any text, and any claims that are signed."""
    check_proof(data.decode("utf-8", "surrogateescape"), OPEN.identity_secret, "u", "a", NOW_MS)
    head, _, claims = data.partition(b"\n")
    signed = b".".join(map(_base64, (head or b'{"alg":"HS256","typ":"JWT"}', claims)))
    token = signed + b"." + _base64(digest(OPEN.identity_secret.encode(), signed, sha256))
    verdict = check_proof(token.decode(), OPEN.identity_secret, "u", "a", NOW_MS)
    assert all(isinstance(each, str) for each in verdict.contacts.values())


def guards(data: bytes) -> None:
    """What is known about JSON before it is decoded is what decoding it shows."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=list)
    except (ValueError, RecursionError):
        json_guard.prune(data, 3)
        json_guard.depth_exceeds(data, 3)
        json_guard.replace_lone_surrogates(data)
        return
    deep = _depth(value)
    assert json_guard.depth_exceeds(data, 3) is (deep > 3)
    assert _depth(json.loads(json_guard.prune(data, 3), object_pairs_hook=list)) <= 3
    assert deep > 3 or json_guard.prune(data, 3) == data
    assert json_guard.has_nul(data) is _has_nul(value)
    whole = json.loads(json_guard.replace_lone_surrogates(data))
    json.dumps(whole, ensure_ascii=False).encode()


def times(data: bytes) -> None:
    """A time: the canonical form of one stays as it is, and sorts as it does."""
    text = data.decode("utf-8", "replace")
    try:
        ms = clock.from_text(text)
        canonical = clock_skew.canonical(text)
    except ValueError:
        return
    assert canonical == clock.to_text(ms)
    assert clock.from_canonical(canonical) == ms
    assert clock_skew.canonical(canonical) == canonical


# What is read ----------------------------------------------------------------------------------------------------


def who(data: bytes) -> None:
    """`{who}`, and everything that is asked about it."""
    found = parameters.read_who(data.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode())
    if found is not None:
        _run(_ask(found, None))


def cursor(data: bytes) -> None:
    """A cursor: any text, and any value that is packed as ours are."""
    _run(_ask(Who("user_id", "ada"), data.decode("utf-8", "replace")))
    _run(_ask(Who("user_id", "ada"), urlsafe_b64encode(data).decode().rstrip("=")))


def parameter(data: bytes) -> None:
    """The query of a read, and its position."""
    query = _query(data)
    request = _request("GET", f"/v1/profiles?{query}", CIMultiDict({"After-Position": query[:40]}))
    for read in (
        parameters.limit,
        parameters.newest_first,
        parameters.as_of,
        parameters.after_position,
        parameters.cursor,
    ):
        try:
            read(request)  # type: ignore[operator]
        except Problem as problem:
            assert problem.status == 400
    parameters.names(request, "types")


# What is in files ------------------------------------------------------------------------------------------------


def imported(data: bytes) -> None:
    """A file to import: the first byte chooses the format; what becomes an event is sent."""
    kind, lines = data[:1], data[1:].decode("utf-8", "surrogateescape").splitlines(keepends=True)
    mapping = RowMapping(
        columns={"user_id": "id", "timestamp": "at", "properties.revenue": "total", "external_ids.card": "card"},
        constants={"type": "track", "event": "Order Completed"},
        numbers=frozenset({"properties.revenue"}),
        timezone="Europe/Paris" if kind == b"p" else "UTC",
    )
    columns = ["id", "at", "total", "card"]
    try:
        if kind == b"j":
            rows = read_json_lines(lines)
            build = dict if b"raw" in data[:5] else compile_mapping(mapping)
        else:
            rows = read_separated(
                lines, delimiter=WHITESPACE if kind == b"w" else ",", columns=None if kind == b"h" else columns
            )
            build = compile_mapping(mapping)
        for each in to_batches(rows, build, Namer("fuzz"), max_events=50, max_bytes=20_000):
            if each.body:
                _ingest(_posted("/v1/batch", each.body, "sk_open"), readable=True)
    except NoColumns:
        return


def record(data: bytes) -> None:
    """A record of the log: the mind folds it in or sets it aside, and goes on."""

    async def fold() -> None:
        log, store = MemoryLog(), MemoryStore()
        await log.append([Record("", data)])
        await Worker(log, store).catch_up()
        people = FoldedPeople(store, log)
        counts = await _counts(store)
        assert sum(counts.get(each, 0) for each in ("stored", "retraction", "erasure", "quarantined")) == 1, counts
        for what in exports.EXPORTS:
            with contextlib.suppress(CorruptRecord):  # what the mind has not looked at may still be no event
                async for _ in people.export(what):
                    pass

    _run(fold())


def sources(data: bytes) -> None:
    """`sources.toml`: read, or refused with its mistakes."""
    path = _folder / "sources.toml"
    path.write_bytes(data)
    try:
        load(path)
    except SourcesInvalid as invalid:
        assert str(invalid)


# How -------------------------------------------------------------------------------------------------------------


def _posted(path: str, body: bytes, key: str) -> RawRequest:
    sent = {name.lower(): value for name, value in basic(key).items()}
    return RawRequest(method="POST", path=path, headers=sent, body=body, received_at_ms=NOW_MS)


def _with_body(request: RawRequest, body: bytes) -> RawRequest:
    return msgspec.structs.replace(request, body=body, received_at_ms=NOW_MS)


def _ingest(request: RawRequest, *, readable: bool = False) -> None:
    """Take a request as the edge does, then fold what was stored: refused with a reason, or kept and understood."""
    _edge.log, _edge.refused = MemoryLog(), MemoryRefused()
    adapter = ADAPTER_AT[request.path]
    try:
        receipt = _run(collect(request, _edge))
    except Refused as refused:
        assert 400 <= refused.status < 500, refused
        assert not readable, refused
        adapter.refuse(refused)
        return
    adapter.respond(receipt)
    for stored in _run(_edge.log.read(0, 0, 10_000)):
        event = from_record(stored.body)
        assert from_record_lazily(stored.body).message_id == event.message_id
    _run(_understood(receipt.accepted))


async def _understood(count: int) -> None:
    store = MemoryStore()
    await Worker(_edge.log, store).catch_up()
    people = FoldedPeople(store, _edge.log)
    counts = await _counts(store)
    assert counts.get("quarantined", 0) == 0, counts
    assert counts.get("stored", 0) + counts.get("duplicate", 0) == count, counts
    for what in exports.EXPORTS:
        async for chunk in people.export(what):
            for line in chunk.splitlines():
                json.loads(line)


async def _counts(store: MemoryStore) -> Mapping[str, int]:
    """What became of the records that were folded in."""
    async with store.snapshot() as snapshot:
        return await snapshot.counts()


def _read_headers(request: web.Request) -> None:
    for check in (
        lambda: auth.require_key(request.headers, "the-api-key"),
        lambda: auth.require_same_site(request.headers),
        lambda: parameters.after_position(request),
    ):
        try:
            check()
        except Problem as problem:
            assert problem.status in (400, 401, 403)


async def _ask(asked: Who, at: str | None) -> None:
    people = await _known_people()
    await people.profile(asked)
    await people.identity(asked)
    for newest_first in (True, False):
        for read in (people.timeline, people.sessions):
            try:
                await read(asked, limit=2, cursor=at, newest_first=newest_first)
            except BadCursor:
                assert at is not None
    for page in (people.profiles(limit=2, cursor=at), people.facts(limit=2, after=at)):
        try:
            await page
        except BadCursor:
            assert at is not None


_people: list[FoldedPeople] = []


async def _known_people() -> FoldedPeople:
    """Ada, on SQLite, as the API would read about her."""
    if not _people:
        _edge.log = MemoryLog()
        one = {"type": "page", "userId": "ada"}
        views = [
            one | {"anonymousId": f"d{n % 3}", "messageId": f"m{n}", "timestamp": f"2026-0{n}-01"} for n in range(1, 9)
        ]
        await collect(_posted("/v1/batch", json.dumps({"batch": views}).encode(), "sk_open"), _edge)
        store = await open_store(f"sqlite:{_folder / 'store.db'}", writer=True)
        await Worker(_edge.log, store).catch_up()
        _people.append(FoldedPeople(store, _edge.log))
    return _people[0]


def _query(data: bytes) -> str:
    """What can stand in a query, as long as a request line may be."""
    return "".join(chr(each) for each in data[:MAX_LINE_BYTES] if 33 <= each < 127 and each != 35)


def _request(method: str, path: str, sent: CIMultiDict[str] = NO_HEADERS) -> web.Request:
    """A request with headers as aiohttp has them: bytes that are no UTF-8 are lone surrogates."""
    request = _any_request.clone(method=method, rel_url=URL(path, encoded=True))
    request._headers = CIMultiDictProxy(sent)
    return request


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _depth(value: Any) -> int:
    """How deep a value nests; an object is a list of its pairs, so that no name is lost that stands twice."""
    deep, layer = 0, [value]
    while layer := [each for each in layer if isinstance(each, list)]:
        deep += 1
        layer = [inner[1] if isinstance(inner, tuple) else inner for each in layer for inner in each]
    return deep


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list() | tuple():
            return any(map(_has_nul, value))
    return False


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        *(single, batch, shaped, pixel, headers, basic_header, inflated, proof, guards, times),
        *(who, cursor, parameter, imported, record, sources),
    )
}
