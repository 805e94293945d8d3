"""What becomes of one event: names, identifiers, times, trust. No server, no clock."""

from typing import Any

import jwt
import msgspec
import pytest

from collector.cookies import NO_COOKIE, DeviceCookie
from collector.event import Contact, Event, from_record, to_record
from collector.raw import RawEvent
from collector.rejection import Rejection
from collector.runtime import clock
from collector.settings import EdgeSettings
from collector.sources import Sender, Source
from collector.validate import arrival, validate

NOW = "2026-11-24T08:00:00.000Z"
NOW_MS = clock.from_text(NOW)
SECRET = "a secret of at least thirty-two characters"
SOURCE = Source(
    name="shop",
    write_key="wk",
    server_key="sk",
    identity_secret=SECRET,
    blocked_ids=("Test-User",),
    server_only_contacts=("loyalty_card",),
    phone_region="FR",
)


def make(
    fields: dict[str, Any], *, server: bool = False, sent_at: Any = None, cookie: DeviceCookie = NO_COOKIE
) -> Event | Rejection:
    at = arrival(Sender(SOURCE, server), cookie, NOW_MS, EdgeSettings(), lambda: "drawn")
    raw = RawEvent(index=0, fields={"type": "page", "anonymousId": "a", **fields}, sent_at=sent_at)
    return validate(raw, at)


def event(fields: dict[str, Any], **how: Any) -> Event:
    made = make(fields, **how)
    assert isinstance(made, Event), made
    assert from_record(to_record(made)) == made
    return made


# Names and identifiers


def test_wire_names_become_ours_and_unknown_fields_survive() -> None:
    made = event(
        {
            "type": "alias",
            "messageId": "m",
            "userId": "u",
            "previousId": "p",
            "groupId": "g",
            "name": "n",
            "event": "e",
            "category": "c",
            "channel": "web",
            "properties": {"a": 1},
            "traits": {"b": 2},
            "context": {"c": 3},
        }
    )
    assert (made.message_id, made.user_id, made.previous_id, made.group_id) == ("m", "u", "p", "g")
    assert (made.name, made.event, made.properties, made.traits, made.context) == (
        "n",
        "e",
        {"a": 1},
        {"b": 2},
        {"c": 3},
    )
    assert made.extra == {"category": "c", "channel": "web"}
    assert (made.source, made.trust, made.received_at) == ("shop", "public", NOW)


def test_unknown_types_are_kept_as_they_came() -> None:
    assert event({"type": "Charge"}).type == "Charge"


def test_a_missing_message_id_is_drawn_and_integer_ids_become_text() -> None:
    assert event({}).message_id == "drawn"
    assert event({"messageId": ""}).message_id == "drawn"
    made = event({"messageId": 1, "anonymousId": 2, "userId": 12345678901234567890123, "groupId": 4})
    assert (made.message_id, made.anonymous_id, made.user_id, made.group_id) == (
        "1",
        "2",
        "12345678901234567890123",
        "4",
    )


@pytest.mark.parametrize(
    "value",
    [
        "null",
        " NULL ",
        '"null"',
        "'undefined'",
        "None",
        "NaN",
        "anonymous",
        "Guest",
        "0",
        0,
        -1,
        "[object Object]",
        "TRUE",
        "false",
        "00000000-0000-0000-0000-000000000000",
        "  ",
        '""',
        "test-user",
        "\u00a0null\u00a0",
    ],
)
def test_values_that_are_no_identifiers_are_dropped_with_a_warning(value: Any) -> None:
    made = event({"userId": value, "previousId": value, "type": "alias"})
    assert (made.user_id, made.previous_id) == (None, None)
    assert made.derived.warnings == ("identifier_blocked:user_id", "identifier_blocked:previous_id")
    assert event({"anonymousId": value, "userId": "u"}).anonymous_id is None
    contact = event({"type": "identify", "traits": {"email": value}})
    assert contact.contacts == ()
    assert contact.derived.warnings == ("identifier_blocked:email",)


@pytest.mark.parametrize("value", ["nullable", "00", "-10", "guest-7", " u 1 "])
def test_values_that_only_look_alike_are_identifiers(value: str) -> None:
    assert event({"userId": value}).user_id == value


# Contacts


def contacts(fields: dict[str, Any], **how: Any) -> list[tuple[str, str]]:
    return [(each.type, each.value) for each in event(fields, **how).contacts]


def test_contacts_are_normalised_and_sorted_by_strength() -> None:
    external = [{"type": "zeta", "id": "Z"}, {"type": "crm", "id": 7}, {"type": "phone", "id": "06 12 34 56 78"}]
    fields = {"type": "identify", "traits": {"email": " Jane@Example.COM "}, "context": {"externalIds": external}}
    assert contacts(fields) == [
        ("email", "jane@example.com"),
        ("phone", "+33612345678"),
        ("crm", "7"),
        ("zeta", "Z"),
    ]


def test_of_each_type_the_first_that_is_an_identifier_counts() -> None:
    context = {"traits": {"email": "b@x.example"}, "externalIds": [{"type": "email", "id": "c@x.example"}]}
    assert contacts({"type": "identify", "traits": {"email": "a@x.example"}, "context": context}) == [
        ("email", "a@x.example")
    ]
    assert contacts({"type": "identify", "traits": {"email": "null"}, "context": context}) == [("email", "b@x.example")]
    assert contacts({"context": {"externalIds": [{"type": "t", "id": "1"}, {"type": "t", "id": "2"}]}}) == [("t", "1")]


def test_traits_name_contacts_on_identify_only() -> None:
    assert contacts({"type": "group", "traits": {"email": "office@x.example"}}) == []
    assert contacts({"type": "track", "event": "e", "context": {"traits": {"email": "a@x.example"}}}) != []


@pytest.mark.parametrize("kind", ["user_id", "anonymous_id", "profile_id"])
def test_names_of_our_own_are_no_contacts(kind: str) -> None:
    made = event({"context": {"externalIds": [{"type": kind, "id": "x"}]}})
    assert made.contacts == ()
    assert made.derived.warnings == (f"contact_not_allowed:{kind}",)


@pytest.mark.parametrize(
    "external", [7, "x", {"type": "x"}, [7], [{"id": "x"}], [{"type": 7, "id": "x"}], [{"type": " ", "id": "x"}]]
)
def test_malformed_external_ids_are_ignored_with_a_warning(external: Any) -> None:
    assert event({"context": {"externalIds": external}}).derived.warnings == ("external_ids_ignored",)


def test_contacts_of_the_wrong_type_are_ignored_with_a_warning() -> None:
    made = event({"type": "identify", "traits": {"email": {"x": 1}, "phone": True}})
    assert made.derived.warnings == ("contact_ignored:email", "contact_ignored:phone")
    assert made.traits == {"email": {"x": 1}, "phone": True}


def test_contact_types_for_servers_only_are_stripped_from_others() -> None:
    fields = {"context": {"externalIds": [{"type": "loyalty_card", "id": "L1"}]}}
    assert contacts(fields) == []
    assert event(fields).derived.warnings == ("contact_not_allowed:loyalty_card",)
    assert contacts(fields, server=True) == [("loyalty_card", "L1")]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+33 6 12 34 56 78", "+33612345678"),
        ("0033 6 12 34 56 78", "+33612345678"),
        ("(06) 12-34-56-78", "+33612345678"),
        ("+49 (0) 30 901820", "+4930901820"),
        ("+999 12", "+99912"),
        ("12", "12"),
        ("ext. 5", "5"),
        (33612345678, "+33612345678"),
    ],
)
def test_phones_become_e164_or_keep_their_digits(written: Any, stored: str) -> None:
    assert contacts({"type": "identify", "traits": {"phone": written}}) == [("phone", stored)]


# Who: cookie and missing identifiers


def test_a_contact_alone_is_enough_and_nothing_is_not() -> None:
    assert event({"anonymousId": None, "context": {"traits": {"email": "a@x.example"}}}).anonymous_id is None
    made = make({"anonymousId": None}, server=True)
    assert isinstance(made, Rejection)
    assert made.reason == "missing_identifier"


def test_a_cookie_names_only_who_names_nobody() -> None:
    cookie = DeviceCookie(current="c", names_devices=True, joins_users=False, settable=True)
    assert event({"anonymousId": None}, cookie=cookie).anonymous_id == "c"
    assert event({"anonymousId": None, "userId": "u"}, cookie=cookie).anonymous_id is None


# Times


@pytest.mark.parametrize(
    ("claimed", "timestamp"),
    [
        (None, NOW),
        ("", NOW),
        ("2026-11-24T07:59:59.999Z", "2026-11-24T07:59:59.999Z"),
        ("2026-11-24T07:59:59.999999Z", "2026-11-24T07:59:59.999Z"),
        ("2026-11-24T09:30:00+01:30", "2026-11-24T08:00:00.000Z"),
        ("2026-11-24", "2026-11-24T00:00:00.000Z"),
        ("1066-10-14T09:00:00Z", "1066-10-14T09:00:00.000Z"),
        ("2026-11-25T08:00:00.000Z", "2026-11-25T08:00:00.000Z"),
    ],
)
def test_a_time_is_kept_in_utc_with_milliseconds(claimed: str | None, timestamp: str) -> None:
    made = event({"timestamp": claimed})
    assert made.timestamp == timestamp
    assert made.derived.warnings == ()
    assert made.original_timestamp == (timestamp if claimed else None)


def test_a_time_more_than_a_day_ahead_becomes_the_time_of_arrival() -> None:
    made = event({"timestamp": "2026-11-25T08:00:00.001Z"})
    assert (made.timestamp, made.original_timestamp) == (NOW, "2026-11-25T08:00:00.001Z")
    assert made.derived.warnings == ("timestamp_in_future",)


@pytest.mark.parametrize(
    ("sent_at", "timestamp", "warnings"),
    [
        ("2026-11-24T07:59:00.001Z", "2026-11-24T07:00:00.000Z", ()),
        ("2026-11-24T07:59:00.000Z", "2026-11-24T07:01:00.000Z", ("clock_skew_corrected",)),
        ("2026-11-24T08:01:00.000Z", "2026-11-24T06:59:00.000Z", ("clock_skew_corrected",)),
        ("2026-11-20T07:30:00.000Z", "2026-11-24T08:00:00.000Z", ("timestamp_in_future",)),
        ("nonsense", "2026-11-24T07:00:00.000Z", ("sent_at_ignored",)),
        (7, "2026-11-24T07:00:00.000Z", ("sent_at_ignored",)),
    ],
)
def test_a_clock_off_by_a_minute_is_corrected(sent_at: Any, timestamp: str, warnings: tuple[str, ...]) -> None:
    for how in ({"fields": {"sentAt": sent_at}}, {"sent_at": sent_at}):
        made = event({"timestamp": "2026-11-24T07:00:00Z", **how.pop("fields", {})}, **how)
        assert (made.timestamp, made.derived.warnings) == (timestamp, warnings)


def test_a_clock_set_to_tomorrow_is_no_event_from_the_future() -> None:
    made = event({"timestamp": "2026-11-27T08:00:00Z", "sentAt": "2026-11-27T08:00:01Z"})
    assert (made.timestamp, made.original_timestamp) == ("2026-11-24T07:59:59.000Z", "2026-11-27T08:00:00.000Z")


def test_original_timestamp_stands_in_for_timestamp() -> None:
    assert event({"originalTimestamp": "2026-11-24T07:00:00Z"}).timestamp == "2026-11-24T07:00:00.000Z"


def test_a_correction_out_of_all_bounds_is_an_invalid_timestamp() -> None:
    made = make({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "2026-11-27T08:00:01Z"})
    assert isinstance(made, Rejection)
    assert made.reason == "invalid_timestamp"


# Proofs


def proof(**claims: Any) -> str:
    standard = {"sub": "u", "anon": "a", "exp": NOW_MS // 1000 + 3600}
    given = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    return jwt.encode(given, SECRET, algorithm="HS256")


def identify(token: Any, **more: Any) -> Event:
    return event({"type": "identify", "userId": "u", "context": {"identityProof": token, "locale": "fr"}, **more})


def test_a_good_proof_makes_an_event_proven_and_is_not_stored() -> None:
    made = identify(proof())
    assert (made.trust, made.derived.warnings, made.context) == ("proven", (), {"locale": "fr"})


def test_signed_contacts_count_and_win() -> None:
    made = identify(proof(email=" Signed@X.example", phone="0612345678"), traits={"email": "said@x.example"})
    assert made.contacts == (
        Contact(type="email", value="signed@x.example", signed=True),
        Contact(type="phone", value="+33612345678", signed=True),
    )
    assert made.traits == {"email": "said@x.example"}


UNSIGNED = jwt.encode({"sub": "u", "anon": "a", "exp": NOW_MS // 1000 + 60}, "", algorithm="none")
OTHER_ALGORITHM = jwt.encode({"sub": "u", "anon": "a", "exp": NOW_MS // 1000 + 60}, SECRET * 2, algorithm="HS512")
WEEK_S = 7 * 24 * 3600


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (7, "malformed"),
        ("", "malformed"),
        ("a.b.c", "malformed"),
        ("é" * 50, "malformed"),
        ("x" * 5000, "malformed"),
        (UNSIGNED, "malformed"),
        (OTHER_ALGORITHM, "malformed"),
        (proof()[:-4] + "AAAA", "signature"),
        (proof(exp=None), "malformed"),
        (proof(exp="tomorrow"), "malformed"),
        (proof(exp=NOW_MS // 1000 - 60), "expired"),
        (proof(exp=NOW_MS // 1000 + WEEK_S + 61), "lifetime"),
        (proof(nbf=NOW_MS // 1000 + 61), "not_yet_valid"),
        (proof(sub="other"), "user_mismatch"),
        (proof(sub=None), "user_mismatch"),
        (proof(anon="other"), "device_mismatch"),
        (proof(anon=None), "device_mismatch"),
    ],
)
def test_a_failed_proof_leaves_its_event_public(token: Any, why: str) -> None:
    made = identify(token)
    assert (made.trust, made.derived.warnings, made.context) == ("public", (f"proof_rejected:{why}",), {"locale": "fr"})


@pytest.mark.parametrize("exp", [NOW_MS // 1000 - 59, NOW_MS // 1000 + WEEK_S + 60])
def test_a_minute_of_leeway_is_given(exp: int) -> None:
    assert identify(proof(exp=exp)).trust == "proven"


def test_a_server_needs_no_proof() -> None:
    made = event({"userId": "u", "context": {"identityProof": "junk"}}, server=True)
    assert (made.trust, made.derived.warnings, made.context) == ("server", (), {})


def test_what_was_sent_is_not_changed_by_judging_it() -> None:
    fields = {"type": "identify", "anonymousId": "a", "context": {"identityProof": "x", "ip": "1.2.3.4"}}
    before = msgspec.json.encode(fields)
    at = arrival(Sender(SOURCE, False), NO_COOKIE, NOW_MS, EdgeSettings(), lambda: "drawn")
    validate(RawEvent(index=0, fields=fields), at)
    assert msgspec.json.encode(fields) == before
