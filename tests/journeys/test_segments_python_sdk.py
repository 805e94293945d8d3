"""Segment's own Python SDK, unmodified, pointed here: afterwards the profile is right."""

import pytest
from segment.analytics.client import Client

from tests.journeys.running import Stack


@pytest.mark.parametrize("gzip", [False, True])
def test_what_segments_python_sdk_says_is_on_the_profile(shop: Stack, gzip: bool) -> None:
    errors: list[object] = []
    mark = f"sdk{int(gzip)}"
    client = Client(
        shop.keys["server_key"],
        host=f"http://{shop.host}",
        gzip=gzip,
        max_retries=1,
        on_error=lambda error, items: errors.append((error, items)),
    )
    client.page(anonymous_id=f"{mark}-browser", name="Pricing", properties={"url": "https://shop.example/pricing"})
    client.identify(
        f"{mark}-jane", {"email": f"Jane.{mark}@Example.com", "plan": "pro"}, anonymous_id=f"{mark}-browser"
    )
    client.track(
        f"{mark}-jane",
        "Order Completed",
        {"order_id": f"{mark}-1", "total": 59.7, "currency": "EUR"},
        anonymous_id=f"{mark}-browser",
    )
    client.screen(f"{mark}-jane", "App", "Home")
    client.group(f"{mark}-jane", f"{mark}-acme", {"name": "ACME"})
    client.track(f"{mark}-old", "Song Played")
    client.alias(f"{mark}-old", f"{mark}-jane")
    client.flush()
    client.join()
    assert errors == []

    shop.send({"type": "page", "messageId": f"{mark}-last", "anonymousId": f"{mark}-other"})  # a position to wait for
    jane = shop.profile(f"user_id:{mark}-jane")
    assert jane == shop.profile(f"email:jane.{mark}@example.com") == shop.profile(f"anonymous_id:{mark}-browser")
    assert jane == shop.profile(f"user_id:{mark}-old")
    assert jane["traits"]["plan"] == "pro"
    assert "name" not in jane["traits"], "a group's traits are the group's"
    assert jane["totals"]["revenue"] == {"EUR": "59.70"}
    assert {name: jane["totals"][name] for name in ("events", "page_views", "sessions", "orders")} == {
        "events": 7,
        "page_views": 2,
        "sessions": 1,
        "orders": 1,
    }
    timeline = shop.timeline(f"user_id:{mark}-jane")
    assert {event["type"] for event in timeline} == {"page", "identify", "track", "screen", "group", "alias"}
    assert {event["trust"] for event in timeline} == {"server"}
    assert [event["group_id"] for event in timeline if event["type"] == "group"] == [f"{mark}-acme"]
    (session,) = shop.sessions(f"user_id:{mark}-jane")
    assert (session["anonymous_id"], session["events"], session["entry_page"]) == (
        f"{mark}-browser",
        3,
        "https://shop.example/pricing",
    )
