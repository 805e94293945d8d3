"""The worked cases as HTTP requests, and what the exports must then show: for journeys on a running server.

case = apart(case, nth)                                # so that many cases can live on one server
for step in as_segment_messages(case, secret, now_s):  # in order; POST step.body to step.path,
    ...                                                # with keys[step.key] as HTTP Basic user
assert people_in(rows_of_export_events, case) == expected_people(case)
assert sessions_in(rows_of_export_events, case) == expected_sessions(case)
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jwt

from collector.runtime import clock
from tests.worked_cases import BASE_MS, Case, is_nobody, kind_of, traits_of

PROOF_LIFE_S = 3600

Row = Mapping[str, Any]
"""One line of an events export."""


class Step(NamedTuple):
    """One request to make."""

    path: str
    key: str
    """Which key signs it, by its name in `ariane keys --json`: `write_key`, `server_key` or `api_key`."""
    body: dict[str, Any]


def as_segment_messages(case: Case, identity_secret: str, now_s: int, base_ms: int = BASE_MS) -> list[Step]:
    """The case's events as requests, in their order of arrival.

    `t` = 0 is `base_ms`, which must lie in the past; proofs expire an hour after `now_s` (seconds since 1970).
    """
    return [_step(event, identity_secret, now_s + PROOF_LIFE_S, base_ms) for event in case["events"]]


def apart(case: Case, nth: int) -> Case:
    """The same case about other people: every id with the case's number in front, phone numbers with it behind.

    Orders and equalities between ids stay what they are; `nth` is from 0 to 999.
    """
    mark = f"c{nth:03}-"

    def renamed(value: str) -> str:
        blanks = value[: len(value) - len(value.lstrip())]
        return value if is_nobody(value) else f"{blanks}{mark}{value.lstrip()}"

    def contact(type_: str, value: str) -> str:
        return f"{value}{nth:03}" if type_ == "phone" else renamed(value)

    def event(old: dict[str, Any]) -> dict[str, Any]:
        new = old | {"message_id": mark + old["message_id"]}
        new |= {name: renamed(old[name]) for name in ("anonymous_id", "user_id", "alias_of") if name in old}
        new |= {"retract": [mark + each for each in old["retract"]]} if "retract" in old else {}
        contacts = {type_: contact(type_, value) for type_, value in old.get("contacts", {}).items()}
        return new | ({"contacts": contacts} if contacts else {})

    def profile(old: dict[str, Any]) -> dict[str, Any]:
        new = old | {"message_ids": [mark + each for each in old["message_ids"]]}
        if "traits" in old.get("says", {}):
            traits = old["says"]["traits"]
            in_person = {type_: contact(type_, traits[type_]) for type_ in ("email", "phone") if type_ in traits}
            new["says"] = old["says"] | {"traits": traits | in_person}
        return new

    sessions = [
        session
        | {
            "anonymous_id": mark + session["anonymous_id"],
            "message_ids": [mark + each for each in session["message_ids"]],
        }
        for session in case["sessions"]
    ]
    profiles = [profile(each) for each in case["profiles"]]
    return case | {"events": [event(each) for each in case["events"]], "profiles": profiles, "sessions": sessions}


def expected_people(case: Case) -> list[list[str]]:
    """The message ids of each profile, sorted."""
    return sorted(sorted(profile["message_ids"]) for profile in case["profiles"])


def expected_sessions(case: Case) -> list[tuple[str, list[str]]]:
    """The device and the message ids of each session, sorted by device and first message id."""
    return sorted((session["anonymous_id"], session["message_ids"]) for session in case["sessions"])


def people_in(rows: Iterable[Row], case: Case) -> list[list[str]]:
    """The same out of an events export; rows of other cases are left out."""
    people: dict[str, list[str]] = defaultdict(list)
    for row in _rows_of(rows, case):
        people[row["profile_id"]].append(row["message_id"])
    return sorted(map(sorted, people.values()))


def sessions_in(rows: Iterable[Row], case: Case) -> list[tuple[str, list[str]]]:
    """The same out of an events export; rows of other cases are left out."""
    sessions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in _rows_of(rows, case):
        if row["session_id"] is not None:
            sessions[row["anonymous_id"], row["session_id"]].append(row["message_id"])
    return sorted((device, message_ids) for (device, _), message_ids in sessions.items())


def _rows_of(rows: Iterable[Row], case: Case) -> Iterable[Row]:
    message_ids = {event["message_id"] for event in case["events"]}
    return (row for row in rows if row["message_id"] in message_ids)


def _step(event: dict[str, Any], identity_secret: str, expires_s: int, base_ms: int) -> Step:
    if "retract" in event:
        body = {"message_ids": event["retract"], "reason": "a worked case says so"}
        return Step("/v1/identity/retractions", "api_key", body)
    type_, name = kind_of(event)
    traits, around = traits_of(event)
    external_ids = [
        {"id": value, "type": contact_type, "collection": "users", "encoding": "none"}
        for contact_type, value in event.get("contacts", {}).items()
        if contact_type not in ("email", "phone")
    ]
    context = {
        "traits": around,
        "externalIds": external_ids,
        "identityProof": _proof(event, identity_secret, expires_s) if event["trust"] == "proven" else None,
    }
    message = {
        "messageId": event["message_id"],
        "timestamp": clock.to_text(base_ms + round(event["t"] * 1000)),
        "anonymousId": event.get("anonymous_id"),
        "userId": event.get("user_id"),
        "previousId": event.get("alias_of"),
        "groupId": "a-group" if type_ == "group" else None,
        "event": name,
        "properties": event.get("properties"),
        "traits": traits,
        "context": {field: value for field, value in context.items() if value},
    }
    key = "server_key" if event["trust"] == "server" else "write_key"
    return Step(f"/v1/{type_}", key, {field: value for field, value in message.items() if value is not None})


def _proof(event: dict[str, Any], identity_secret: str, expires_s: int) -> str:
    signed = {type_: event["contacts"][type_] for type_ in event.get("signed_contacts", ())}
    claims = {"sub": event["user_id"], "anon": event["anonymous_id"], "exp": expires_s, **signed}
    return jwt.encode(claims, identity_secret, algorithm="HS256")
