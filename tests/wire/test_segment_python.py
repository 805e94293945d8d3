"""Segment's own Python SDK, as installed from its registry, against a real port."""

import asyncio
from pathlib import Path

import pytest
from segment.analytics.client import Client

from tests.running_edge import make_edge, running


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize(("key", "trust"), [("wk_open", "public"), ("sk_open", "server")])
async def test_what_segments_python_sdk_sends_is_stored(tmp_path: Path, gzip: bool, key: str, trust: str) -> None:
    errors: list[object] = []
    async with running(make_edge(tmp_path)) as edge:

        def send() -> None:
            client = Client(
                key, host=edge.url, gzip=gzip, max_retries=1, on_error=lambda error, items: errors.append(error)
            )
            client.identify("u-1", {"email": "Jane@Example.com", "plan": "pro"})
            client.track("u-1", "Order Completed", {"order_id": "o-1", "total": 59.7}, message_id="m-1")
            client.page("u-1", "Shop", "Cart", {"url": "https://shop.example/cart"})
            client.screen("u-1", "App", "Home")
            client.group("u-1", "g-1", {"name": "ACME"})
            client.alias("u-0", "u-1")
            client.track(anonymous_id="a-1", event="Product Viewed")
            client.flush()
            client.join()

        await asyncio.to_thread(send)
        events = await edge.events()
    assert errors == []
    assert [event.type for event in events] == ["identify", "track", "page", "screen", "group", "alias", "track"]
    assert {event.trust for event in events} == {trust}
    identify, track, page, screen, group, alias, anonymous = events
    assert [(each.type, each.value) for each in identify.contacts] == [("email", "jane@example.com")]
    assert identify.traits["plan"] == "pro"
    assert (track.event, track.message_id, track.properties["total"]) == ("Order Completed", "m-1", 59.7)
    assert (page.name, page.extra["category"]) == ("Cart", "Shop")
    assert screen.name == "Home"
    assert (group.group_id, group.traits, group.contacts) == ("g-1", {"name": "ACME"}, ())
    assert (alias.previous_id, alias.user_id) == ("u-0", "u-1")
    assert anonymous.anonymous_id == "a-1"
    assert all(event.derived.warnings == () for event in events)
    assert all(event.sent_at and event.original_timestamp == event.timestamp for event in events)
