"""The oracle agrees with every worked case, and keeps the promises the rules make about themselves."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.event import RETRACTION, Derived, Event, Trust
from tests.histories import arrivals, as_log, histories
from tests.oracle import Root, Slice, key, recompute
from tests.oracle_commerce import Row
from tests.oracle_folds import message_ids, people_in, profiles, sessions
from tests.worked_cases import BASE_MS, Case, all_cases, events_of, log_of


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["name"])
def test_the_oracle_gives_what_the_case_says(case: Case) -> None:
    slices = recompute(log_of(case))

    labels = labels_of(slices)
    people = {labels[root]: ids for root, ids in people_in(slices).items()}
    assert people == {profile["root"]: sorted(profile["message_ids"]) for profile in case["profiles"]}
    visits = {(row["anonymous_id"], *message_ids(said)): row for _, said, row in sessions(slices)}
    assert visits.keys() == {(session["anonymous_id"], *session["message_ids"]) for session in case["sessions"]}

    says = {profile["root"]: profile.get("says", {}) for profile in case["profiles"]}
    for root, profile in profiles(slices).items():
        expected = says[labels[root]]
        assert {name: said_by(profile)[name] for name in expected} == as_numbers(expected, said_by(profile))
    for session in case["sessions"]:
        visit = visits[session["anonymous_id"], *session["message_ids"]]
        assert visit["engaged"] == session.get("engaged", visit["engaged"])


def labels_of(slices: list[Slice]) -> dict[Root, str]:
    """Roots as the cases write them: `type:value`, `device:d#n` for the n-th slice of a device, `event:message_id`."""
    labels: dict[Root, str] = {}
    for root in (part.root for part in slices):
        match root:
            case "user", user:
                labels[root] = f"user:{user}"
            case "contact", type_, value:
                labels[root] = f"{type_}:{value}"
            case "device", device, _:
                of_device = [part for part in slices if part.said[0].event.anonymous_id == device]
                labels[root] = f"device:{device}#{[part.root for part in of_device].index(root)}"
            case "event", _, _, message_id:
                labels[root] = f"event:{message_id}"
    return labels


def said_by(profile: Row) -> dict[str, Any]:
    """A profile in the words of the cases."""
    cart = profile["cart"] and {
        "items": [
            {name: each[name] for name in ("product_id", "quantity", "price")} for each in profile["cart"]["items"]
        ],
        **{name: profile["cart"][name] for name in ("value", "currency")},
    }
    return {**profile, "known": profile["status"] == "known", "cart": cart}


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
    slices = recompute(as_log(history))
    events = {key(event) for event in history if event.type != RETRACTION}

    belonging = [key(each.event) for part in slices for each in part.said]
    assert len(belonging) == len(events)
    assert set(belonging) == events
    in_sessions = [key(each.event) for _, said, _ in sessions(slices) for each in said]
    assert len(in_sessions) == len(set(in_sessions))
    assert set(in_sessions) == {each for each in events if each[2] is not None}


@given(histories())
def test_a_retracted_event_is_as_if_it_had_said_nothing_about_anyone(history: list[Event]) -> None:
    stored = {key(event): event for event in reversed(history)}.values()
    retracted = {each for event in stored if event.type == RETRACTION for each in event.properties["message_ids"]}

    def silent(event: Event) -> Event:
        if event.message_id not in retracted or event.type == RETRACTION:
            return event
        trust = Trust.SERVER if event.trust == Trust.SERVER else Trust.PUBLIC
        return msgspec.structs.replace(event, user_id=None, previous_id=None, contacts=(), trust=trust)

    without = recompute(as_log([silent(event) for event in history if event.type != RETRACTION]))
    assert whose(without) == whose(recompute(as_log(history)))


def whose(slices: list[Slice]) -> list[Any]:
    """Whose every event is, and of which session."""
    of_slice = {key(each.event): part.root for part in slices for each in part.said}
    return [of_slice, [[key(each.event) for each in said] for _, said, _ in sessions(slices)]]


def page(message_id: str, t_s: int, **derived: Any) -> Event:
    case = {"events": [{"message_id": message_id, "t": t_s, "trust": "public", "anonymous_id": "d1"}]}
    return msgspec.structs.replace(events_of(case, BASE_MS)[0], derived=Derived(**derived))


def test_the_first_touch_is_the_first_visits_and_the_last_touch_skips_direct_visits() -> None:
    newsletter = page("a", 0, channel="email", channel_source="news", page_url="https://shop.example/p/A")
    search = page("b", 10_000, channel="organic_search", channel_source="google")
    profile = profile_of([newsletter, search, page("c", 20_000, channel="direct")])

    assert profile["first_touch"] == {
        "channel": "email",
        "source": "news",
        "medium": None,
        "campaign": None,
        "referrer": None,
        "landing_page": "https://shop.example/p/A",
        "at": "2026-03-02T00:00:00.000Z",
    }
    last = profile["last_touch"]
    assert (last["channel"], last["at"]) == ("organic_search", "2026-03-02T02:46:40.000Z")


@pytest.mark.parametrize("channel", ["payment", "internal"])
def test_a_payment_provider_or_the_site_itself_starts_no_channel(channel: str) -> None:
    profile = profile_of(
        [page("a", 0, channel=channel, channel_source="pay.example", referrer="https://pay.example/done")]
    )

    first = profile["first_touch"]
    assert (first["channel"], first["source"], first["referrer"]) == ("direct", None, None)
    assert profile["last_touch"] is None


def test_only_the_first_page_of_a_visit_says_where_it_came_from() -> None:
    profile = profile_of(
        [page("a", 0, channel="direct"), page("b", 60, channel="social", channel_source="example.social")]
    )

    assert profile["first_touch"]["channel"] == "direct"


def profile_of(events: list[Event]) -> Row:
    (profile,) = profiles(recompute(as_log(events))).values()
    return profile
