"""Small requests made to cost much: refused before they do, or answered at the usual price."""

import gzip

from collector.rejection import Reason
from tests.running_edge import RunningEdge, compressed


async def test_a_shared_context_that_would_be_copied_into_too_many_events_is_refused_before_it_is(
    edge: RunningEdge,
) -> None:
    context = {f"k{n}": 1 for n in range(3000)}
    status, answer, _ = await edge.post(
        "/v1/batch", compressed({"context": context, "batch": [{"type": "page", "anonymousId": "a"}] * 2500})
    )
    assert (status, answer["reason"]) == (413, Reason.BODY_TOO_LARGE)
    assert await edge.events() == []


async def test_a_small_shared_context_still_reaches_every_event(edge: RunningEdge) -> None:
    batch = [{"type": "page", "anonymousId": "a", "messageId": f"m{n}"} for n in range(200)]
    status, _, _ = await edge.post("/v1/batch", {"context": {"locale": "de-DE"}, "batch": batch})
    assert status == 200
    assert {event.context["locale"] for event in await edge.events()} == {"de-DE"}


async def test_a_hostile_referrer_is_no_place_and_no_trouble(edge: RunningEdge) -> None:
    page = {"url": "https://shop.example/", "referrer": f"https://a.b{'-acs' * 2000}/"}
    status, _, _ = await edge.post("/v1/page", {"anonymousId": "a", "context": {"page": page}})
    assert status == 200
    (event,) = await edge.events()
    assert event.derived.channel == "referral"


async def test_a_contact_type_with_a_colon_is_no_contact(edge: RunningEdge) -> None:
    external = [{"id": "foo", "type": "user_id:x"}, {"id": "L1", "type": " loyalty_card "}]
    await edge.post("/v1/track", {"event": "x", "anonymousId": "a", "context": {"externalIds": external}})
    (event,) = await edge.events()
    assert [(contact.type, contact.value) for contact in event.contacts] == [("loyalty_card", "L1")]
    assert "contact_not_allowed:user_id:x" in event.derived.warnings


async def test_gzip_in_thousands_of_pieces_is_refused(edge: RunningEdge) -> None:
    pieces = gzip.compress(b"") * 20_000 + compressed({"anonymousId": "a"})
    status, answer, _ = await edge.post("/v1/page", pieces)
    assert (status, answer["reason"]) == (400, Reason.UNREADABLE)
    assert "members" in answer["detail"]


async def test_gzip_in_a_few_pieces_is_taken(edge: RunningEdge) -> None:
    assert (await edge.post("/v1/page", gzip.compress(b'{"anonymousId"') + gzip.compress(b': "a"}')))[0] == 200
