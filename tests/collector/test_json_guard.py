"""Untrusted bytes: the guards agree with a slow, obvious reading, and nothing at all gets past the decoder."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector import json_guard
from collector.cookies import NO_COOKIE
from collector.event import Event, from_record, to_record
from collector.protocols import segment
from collector.raw import RawRequest
from collector.rejection import Refused
from collector.settings import EdgeSettings
from collector.sources import Sender, Source
from collector.validate import arrival, validate

SETTINGS = EdgeSettings(max_event_bytes=2000, max_body_bytes=20_000, max_depth=5)
SOURCE = Source(name="s", write_key="wk", server_key="sk", identity_secret="x" * 32)

texts = st.text() | st.sampled_from(["[", "]{", '"', "\\", '\\"', "\0", "\\u0000", "null", "{}"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=30,
)
names = st.sampled_from(
    ["type", "event", "messageId", "anonymousId", "userId", "previousId", "timestamp", "sentAt", "context", "traits"]
)
shaped = st.dictionaries(names, values | st.sampled_from(["track", "alias", "identify", "2026-11-24T08:00:00Z"]))


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_nul(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(map(has_nul, value))
    return isinstance(value, str) and "\0" in value


@given(values, st.integers(0, 8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_depth_is_what_a_recursive_reading_says(value: Any, limit: int, as_ascii: bool) -> None:
    body = json.dumps(value, ensure_ascii=as_ascii).encode("utf-8", "surrogatepass")
    assert json_guard.depth_exceeds(body, limit) == (depth(value) > limit)
    assert json_guard.has_nul(body) == has_nul(value)


@given(values, st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_pruned_json_is_still_json_and_no_deeper_than_it_may_be(value: Any, limit: int) -> None:
    pruned = json.loads(json_guard.prune(json.dumps(value).encode(), limit))
    assert depth(pruned) == min(depth(value), limit)


def test_a_million_brackets_take_no_time_and_no_stack() -> None:
    for body in (b"[" * 500_000, b'{"a":' * 100_000, b"[{" * 250_000, b"[" * 250_000 + b"]" * 250_000, b'"' * 500_000):
        json_guard.depth_exceeds(body, 12)
        json_guard.prune(body, 15)


def _take(body: bytes, path: str) -> list[Event]:
    """Everything a body yields; only Refused may be raised, and every event survives the log."""
    at = arrival(Sender(SOURCE, False), NO_COOKIE, 1_764_000_000_000, SETTINGS, lambda: "drawn")
    try:
        parsed = segment.parse(RawRequest(method="POST", path=path, body=body), SETTINGS)
    except Refused:
        return []
    made = [validate(raw, at) for raw in parsed.events]
    events = [each for each in made if isinstance(each, Event)]
    for event in events:
        assert to_record(from_record(to_record(event))) == to_record(event)
    return events


@given(st.binary(max_size=200) | st.lists(shaped | values).map(lambda batch: json.dumps({"batch": batch}).encode()))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_in_is_refused_rejected_or_stored(body: bytes) -> None:
    for path in ("/v1/batch", "/v1/track", "/v1/alias"):
        _take(body, path)


@given(st.lists(shaped, min_size=1), st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_batches_do_no_harm(batch: list[Any], data: st.DataObject) -> None:
    body = bytearray(json.dumps({"batch": batch, "context": {"a": 1}}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _take(bytes(body), "/v1/batch")


@given(st.lists(shaped | values, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_good_event_survives_any_company(company: list[Any]) -> None:
    good = {"type": "page", "anonymousId": "a", "messageId": "good"}
    body = json.dumps({"batch": [*company, good]}).encode()
    if len(body) < SETTINGS.max_body_bytes:
        assert "good" in [event.message_id for event in _take(body, "/v1/batch")]
