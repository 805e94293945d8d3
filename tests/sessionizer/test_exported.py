"""An exported event is written from its record as it lies there; it must say what the published shape says."""

import msgspec
import pytest

from collector.event import Contact, Derived, Event, Trust, to_record
from sessionizer.exported import ExportedRow, exported
from sessionizer.timelines import shown_fields
from sessionizer.views import ExportedEvent

AT = "2026-03-02T08:00:00.000Z"
BARE = Event(type="page", message_id="m1", timestamp=AT, received_at=AT, source="shop", trust=Trust.PUBLIC)
FULL = Event(
    type="track",
    message_id='m"2\u00e9',
    timestamp=AT,
    received_at=AT,
    source="shop",
    trust=Trust.PROVEN,
    event="Order Completed",
    name="a name",
    anonymous_id="d1",
    user_id="u1",
    previous_id="u0",
    group_id="g1",
    original_timestamp=AT,
    sent_at=AT,
    contacts=(Contact(type="email", value="a@example.com", signed=True), Contact(type="phone", value="+491")),
    properties={
        "total": 1e22,
        "small": 5e-324,
        "n": 2**53 + 1,
        "text": "\u2028 \U0001f600 \\",
        "list": [None, True, {}],
    },
    traits={"name": "Ada", "nested": {"a": [1, 2.50]}},
    context={"page": {"url": "https://shop.example/?a=1&b=\u00fc"}},
    extra={"integrations": {"All": True}},
    derived=Derived(browser="Firefox", channel="direct", warnings=("clock_skew_corrected",)),
)


@pytest.mark.parametrize("event", [BARE, FULL])
def test_the_row_is_what_the_published_shape_would_give(event: Event) -> None:
    shape = ExportedEvent(**shown_fields(event), position=7, session_id="s", profile_id=None)
    row = exported(to_record(event), 7, "s", None)
    assert msgspec.json.encode(row) == msgspec.json.encode(shape)


def test_the_row_has_every_field_of_the_shape_in_its_order() -> None:
    assert ExportedRow.__struct_fields__ == ExportedEvent.__struct_fields__
