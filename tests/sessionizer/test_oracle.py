"""The oracle agrees with every worked case, and keeps the promises the rules make about themselves."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.event import RETRACTION, Derived, Event, Trust
from tests.histories import arrivals, as_log, histories
from tests.oracle import World, recompute
from tests.oracle_folds import Person
from tests.oracle_identity import first_stored, key
from tests.worked_cases import BASE_MS, Case, all_cases, events_of, log_of


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["name"])
def test_the_oracle_gives_what_the_case_says(case: Case) -> None:
    world = recompute(log_of(case))

    labels = labels_of(world)
    people = {labels[root]: sorted(person.message_ids) for root, person in world.people.items()}
    assert people == {profile["root"]: sorted(profile["message_ids"]) for profile in case["profiles"]}
    sessions = sorted((visit.device, visit.message_ids) for visit in world.visits)
    assert sessions == sorted((session["anonymous_id"], session["message_ids"]) for session in case["sessions"])

    says = {profile["root"]: profile.get("says", {}) for profile in case["profiles"]}
    for root, person in world.people.items():
        expected = says[labels[root]]
        assert {name: said_by(person)[name] for name in expected} == as_numbers(expected, said_by(person))
    for session in case["sessions"]:
        visit = next(
            v for v in world.visits if (v.device, v.message_ids) == (session["anonymous_id"], session["message_ids"])
        )
        assert visit.engaged == session.get("engaged", visit.engaged)


def labels_of(world: World) -> dict[Any, str]:
    """Roots as the cases write them: `type:value`, `device:d#n` for the n-th slice of a device, `event:message_id`."""
    labels: dict[Any, str] = {}
    for root in world.people:
        match root:
            case "user", user:
                labels[root] = f"user:{user}"
            case "contact", type_, value:
                labels[root] = f"{type_}:{value}"
            case "device", device, _:
                of_device = [part for part in world.slices if part.said[0].event.anonymous_id == device]
                labels[root] = f"device:{device}#{[part.root for part in of_device].index(root)}"
            case "event", _, _, message_id:
                labels[root] = f"event:{message_id}"
    return labels


def said_by(person: Person) -> dict[str, Any]:
    """A profile in the words of the cases."""
    cart = person.cart and {
        "items": [
            {"product_id": each.product_id, "quantity": each.quantity, "price": each.price}
            for each in person.cart.items
        ],
        "value": person.cart.value,
        "currency": person.cart.currency,
    }
    return {"known": person.known, "totals": person.totals._asdict(), "traits": person.traits, "cart": cart}


def as_numbers(expected: Any, actual: Any) -> Any:
    """What a case expects, with money as Decimal; in totals, what it leaves out is filled in from what there is."""
    filled = dict(expected)
    if "totals" in expected:
        revenue = {iso: Decimal(text) for iso, text in expected["totals"].get("revenue", {}).items()}
        money = {"revenue": revenue} if "revenue" in expected["totals"] else {}
        filled["totals"] = {**actual["totals"], **expected["totals"], **money}
    if expected.get("cart"):
        items = [{**each, "price": Decimal(each["price"])} for each in expected["cart"]["items"]]
        filled["cart"] = {**expected["cart"], "items": items, "value": Decimal(expected["cart"]["value"])}
    return filled


@given(st.data(), histories())
def test_order_of_arrival_changes_nothing(data: st.DataObject, history: list[Event]) -> None:
    assert recompute(as_log(data.draw(arrivals(history)))) == recompute(as_log(history))


@given(histories())
def test_every_event_belongs_to_one_person_and_every_device_event_to_one_session(history: list[Event]) -> None:
    world = recompute(as_log(history))
    events = {key(event) for event in history if event.type != RETRACTION}

    belonging = [key(each.event) for person in world.people.values() for each in person.said]
    assert len(belonging) == len(events)
    assert set(belonging) == events
    in_sessions = [key(each.event) for visit in world.visits for each in visit.said]
    assert len(in_sessions) == len(set(in_sessions))
    assert set(in_sessions) == {each for each in events if each[2] is not None}


@given(histories())
def test_a_retracted_event_is_as_if_it_had_said_nothing_about_anyone(history: list[Event]) -> None:
    world = recompute(as_log(history))
    retractions = [event for event in first_stored(as_log(history)) if event.type == RETRACTION]
    retracted = {message_id for event in retractions for message_id in event.properties["message_ids"]}

    def silent(event: Event) -> Event:
        if event.message_id not in retracted or event.type == RETRACTION:
            return event
        trust = Trust.SERVER if event.trust == Trust.SERVER else Trust.PUBLIC
        return msgspec.structs.replace(event, user_id=None, previous_id=None, contacts=(), trust=trust)

    without = recompute(as_log([silent(event) for event in history if event.type != RETRACTION]))
    assert world.root_of() == without.root_of()
    assert world.session_of() == without.session_of()


def page(message_id: str, t_s: int, **derived: Any) -> Event:
    case = {"events": [{"message_id": message_id, "t": t_s, "trust": "public", "anonymous_id": "d1"}]}
    return msgspec.structs.replace(events_of(case, BASE_MS)[0], derived=Derived(**derived))


def test_the_first_touch_is_the_first_visits_and_the_last_touch_skips_direct_visits() -> None:
    newsletter = page("a", 0, channel="email", channel_source="news", page_url="https://shop.example/p/A")
    search = page("b", 10_000, channel="organic_search", channel_source="google")
    person = person_of([newsletter, search, page("c", 20_000, channel="direct")])

    assert person.first_touch is not None
    assert person.last_touch is not None
    assert person.first_touch == (
        "email",
        "news",
        None,
        None,
        None,
        "https://shop.example/p/A",
        "2026-03-02T00:00:00.000Z",
    )
    assert (person.last_touch.channel, person.last_touch.at) == ("organic_search", "2026-03-02T02:46:40.000Z")


@pytest.mark.parametrize("channel", ["payment", "internal"])
def test_a_payment_provider_or_the_site_itself_starts_no_channel(channel: str) -> None:
    person = person_of(
        [page("a", 0, channel=channel, channel_source="pay.example", referrer="https://pay.example/done")]
    )

    assert person.first_touch is not None
    assert (person.first_touch.channel, person.first_touch.source, person.first_touch.referrer) == (
        "direct",
        None,
        None,
    )
    assert person.last_touch is None


def test_only_the_first_page_of_a_visit_says_where_it_came_from() -> None:
    person = person_of(
        [page("a", 0, channel="direct"), page("b", 60, channel="social", channel_source="example.social")]
    )

    assert person.first_touch is not None
    assert person.first_touch.channel == "direct"


def person_of(events: list[Event]) -> Person:
    (person,) = recompute(as_log(events)).people.values()
    return person
