"""Ids that are told: what the standard library makes of the same."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from sessionizer import uuids

OURS = uuids.space("ariane:test")


@given(st.text(st.characters(codec="utf-8")))
def test_an_id_is_the_uuid5_that_everybody_else_makes_of_the_name(name: str) -> None:
    assert uuids.as_text(uuids.uuid5(OURS, name.encode())) == str(uuid.uuid5(uuid.UUID(bytes=OURS), name))


def test_a_namespace_is_told_by_its_name() -> None:
    assert uuid.UUID(bytes=OURS) == uuid.uuid5(uuid.NAMESPACE_URL, "ariane:test")
