"""The worked cases in tests/cases/*.json: loading them, and the canonical events they stand for.

A file is {"gap_s", "note", "cases": [case]}; a case is {"name", "why", "events", "profiles", "sessions"}.

- An event has `message_id`, `t` (seconds, from any origin) and `trust`, and may have `anonymous_id`, `user_id`,
  `contacts` {type: value}, `signed_contacts` [type] (those in the proof), `reset` (a logout), `alias_of` (an alias's
  previous id), `retract` [message_id], `type`, `event`, `properties` and `traits`.
- A profile is {"root", "message_ids"}, and may have `says`: some of what it must say.
- A session is {"anonymous_id", "message_ids"}, and may have `engaged`.

Events are written in the order of their arrival.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from collector.event import RETRACTION, Contact, Event, Trust
from collector.runtime import clock

FOLDER = Path(__file__).parent / "cases"
BASE_MS = clock.from_text("2026-03-02T00:00:00Z")
"""A Monday's midnight: `t` = 0."""
SOURCE = "default"
NOBODY = {
    *("", "null", "undefined", "none", "nan", "anonymous", "guest", "0", "-1", "[object object]", "true", "false"),
    "00000000-0000-0000-0000-000000000000",
}
"""Values that are no identifiers (rule 2), in lower case, without quotes."""

Case = dict[str, Any]


@cache
def all_cases() -> list[Case]:
    """Every case of every file, by file name."""
    return [case for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text())["cases"]]


def kind_of(event: dict[str, Any]) -> tuple[str, str | None]:
    """The event's type, and a track's name, where the case does not say them."""
    if "retract" in event:
        return RETRACTION, None
    if "alias_of" in event:
        return "alias", None
    if event.get("reset"):
        return "track", "Logged Out"
    speaks_of_someone = "user_id" in event or "contacts" in event
    return event.get("type", "identify" if speaks_of_someone else "page"), event.get("event")


def traits_of(event: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event's `traits` and its `context.traits`; e-mail and phone go where the kind of event may carry them."""
    traits = event.get("traits", {})
    in_person = {type_: value for type_, value in event.get("contacts", {}).items() if type_ in ("email", "phone")}
    return ({**traits, **in_person}, {}) if kind_of(event)[0] == "identify" else (traits, in_person)


def events_of(case: Case, base_ms: int = BASE_MS) -> list[Event]:
    """The case's canonical events, as an edge would store them, in their order of arrival."""
    return [_event(event, base_ms, nth) for nth, event in enumerate(case["events"])]


def log_of(case: Case) -> list[tuple[int, Event]]:
    """The same with log positions."""
    return list(enumerate(events_of(case), start=1))


def is_nobody(value: str) -> bool:
    return value.strip().strip("\"'").strip().lower() in NOBODY


def _event(event: dict[str, Any], base_ms: int, nth: int) -> Event:
    type_, name = kind_of(event)
    properties = {"message_ids": event["retract"]} if "retract" in event else event.get("properties", {})
    traits, around = traits_of(event)
    return Event(
        type=type_,
        event=name,
        message_id=event["message_id"],
        timestamp=clock.to_text(base_ms + round(event["t"] * 1000)),
        received_at=clock.to_text(base_ms + 86_400_000 + nth),
        source=SOURCE,
        trust=Trust(event["trust"]),
        anonymous_id=_somebody(event.get("anonymous_id")),
        user_id=_somebody(event.get("user_id")),
        previous_id=_somebody(event.get("alias_of")),
        contacts=_contacts(event),
        properties=properties,
        traits=traits,
        context={"traits": around} if around else {},
    )


def _contacts(event: dict[str, Any]) -> tuple[Contact, ...]:
    signed = event.get("signed_contacts", ())
    normal = [
        Contact(type=type_, value=_normal(type_, value), signed=type_ in signed)
        for type_, value in event.get("contacts", {}).items()
        if not is_nobody(value)
    ]
    strongest_first = {"email": 0, "phone": 1}
    return tuple(sorted(normal, key=lambda contact: (strongest_first.get(contact.type, 2), contact.type.encode())))


def _normal(type_: str, value: str) -> str:
    """As the edge normalises. The cases write phones with their country, so E.164 only takes leaving out blanks."""
    if type_ == "email":
        return value.strip().lower()
    return "+" + "".join(filter(str.isdigit, value)) if type_ == "phone" else value


def _somebody(value: str | None) -> str | None:
    return None if value is None or is_nobody(value) else value
