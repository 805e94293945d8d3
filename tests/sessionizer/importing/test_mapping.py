"""Columns into fields."""

from typing import Any

import pytest

from sessionizer.importing.mapping import RowInvalid, RowMapping, WrongMapping, assignments, compile_mapping, path_of


def build(columns: dict[str, str], constants: dict[str, str], values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return compile_mapping(RowMapping(columns, constants, **more))(values)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("user_id", ("userId",)),
        ("userId", ("userId",)),
        ("timestamp", ("timestamp",)),
        ("properties.products.name", ("properties", "products", "name")),
        ("email", ("traits", "email")),
        ("external_ids.loyalty_card", ("context", "externalIds", "loyalty_card")),
    ],
)
def test_a_field_has_a_place(field: str, path: tuple[str, ...]) -> None:
    assert path_of(field) == path


@pytest.mark.parametrize("field", ["", "user", "properties", "properties.", "external_ids", "external_ids.a.b"])
def test_an_unknown_field_is_refused_and_the_known_ones_are_named(field: str) -> None:
    with pytest.raises(WrongMapping, match="user_id"):
        path_of(field)


def test_a_row_becomes_an_event() -> None:
    event = build(
        {"user_id": "customer", "timestamp": "day", "properties.revenue": "sum", "properties.quantity": "n"},
        {"type": "track", "event": "Order Completed", "properties.currency": "USD"},
        {"customer": " 00001 ", "day": "19970101", "sum": "11.70", "n": "2", "unused": "x"},
        numbers=frozenset({"properties.quantity"}),
        timestamp_format="%Y%m%d",
    )
    assert event == {
        "type": "track",
        "event": "Order Completed",
        "userId": "00001",
        "timestamp": "1997-01-01T00:00:00.000Z",
        "properties": {"currency": "USD", "revenue": "11.70", "quantity": 2},
    }


def test_contacts_go_where_the_edge_reads_them() -> None:
    values = {"m": "a@b.c", "card": "L-1"}
    columns = {"email": "m", "external_ids.loyalty_card": "card"}
    identify = build(columns, {"type": "identify"}, values)
    track = build(columns, {"event": "Bought", "type": "track"}, values)
    assert identify["traits"] == {"email": "a@b.c"}
    assert track["context"] == {"traits": {"email": "a@b.c"}, "externalIds": [{"type": "loyalty_card", "id": "L-1"}]}


def test_empty_cells_are_left_out() -> None:
    assert build({"email": "m", "user_id": "u"}, {"type": "identify"}, {"m": " ", "u": "1"}) == {
        "type": "identify",
        "userId": "1",
    }


@pytest.mark.parametrize(
    ("text", "pattern", "timezone", "expected"),
    [
        ("2026-03-01T12:00:00.1234+02:00", None, "UTC", "2026-03-01T10:00:00.123Z"),
        ("2026-03-01", None, "UTC", "2026-03-01T00:00:00.000Z"),
        ("01.07.2026 12:30", "%d.%m.%Y %H:%M", "Europe/Paris", "2026-07-01T10:30:00.000Z"),
        ("2026-01-01 00:30:00", None, "Europe/Paris", "2025-12-31T23:30:00.000Z"),
        ("1950-06-01", "%Y-%m-%d", "UTC", "1950-06-01T00:00:00.000Z"),
    ],
)
def test_times_become_utc(text: str, pattern: str | None, timezone: str, expected: str) -> None:
    event = build({"timestamp": "t"}, {"type": "page"}, {"t": text}, timestamp_format=pattern, timezone=timezone)
    assert event["timestamp"] == expected


@pytest.mark.parametrize(
    ("values", "says"),
    [({"t": "tomorrow", "n": "1"}, "tomorrow"), ({"t": "2026-01-01", "n": "many"}, "many"), ({"n": "1"}, "column")],
)
def test_a_row_that_cannot_become_an_event_says_why(values: dict[str, str], says: str) -> None:
    columns = {"timestamp": "t", "properties.n": "n"}
    with pytest.raises(RowInvalid, match=says):
        build(columns, {"type": "page"}, values, numbers=frozenset({"properties.n"}))


@pytest.mark.parametrize("texts", [["a"], ["=b"], ["a=b", "a=c"]])
def test_an_assignment_that_is_none_is_refused(texts: list[str]) -> None:
    with pytest.raises(WrongMapping, match="--map"):
        assignments(texts, "--map")


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(WrongMapping, match="Paris"):
        compile_mapping(RowMapping({}, {}, timezone="Paris/Europe"))
