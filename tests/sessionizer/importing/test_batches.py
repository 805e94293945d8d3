"""Events packed for sending, and the names of rows without one."""

import json

from sessionizer.importing.batches import MAX_BATCH_BYTES, to_batches
from sessionizer.importing.mapping import RowMapping, compile_mapping
from sessionizer.importing.naming import Namer
from sessionizer.importing.rows import BadRow, Row

BUILD = compile_mapping(RowMapping({"user_id": "id"}, {"type": "identify"}))


def names(rows: list[dict[str, str]], source: str = "default", kind: str = "identify") -> list[str]:
    namer = Namer(source)
    return [namer.name({"type": kind}, row) for row in rows]


def test_exact_copies_get_names_of_their_own_and_always_the_same() -> None:
    rows = [{"id": "1"}, {"id": "2"}, {"id": "1"}]
    found = names(rows)
    assert len(set(found)) == 3
    assert names(rows) == found
    assert sorted(names(rows[::-1])) == sorted(found)


def test_a_name_depends_on_source_and_kind_of_event() -> None:
    rows = [{"id": "1"}]
    assert len({*names(rows), *names(rows, source="till"), *names(rows, kind="track")}) == 3


def test_history_keeps_its_time_and_a_row_with_an_empty_id_gets_a_name() -> None:
    values = {"messageId": None, "sentAt": "2020-01-01T00:00:00Z", "timestamp": "2020-01-01T00:00:00Z", "userId": "u"}
    (batch,) = to_batches([Row(1, values)], dict, Namer("default"))
    (event,) = json.loads(batch.body)["batch"]
    assert "sentAt" not in event
    assert event["messageId"]


def test_batches_stay_within_their_limits_and_keep_the_order() -> None:
    rows = [Row(n, {"id": str(n)}) for n in range(1, 11)]
    batches = list(to_batches(rows, BUILD, Namer("default"), max_events=3))
    assert [batch.lines for batch in batches] == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]]
    users = [event["userId"] for batch in batches for event in json.loads(batch.body)["batch"]]
    assert users == [str(n) for n in range(1, 11)]
    small = list(to_batches(rows, BUILD, Namer("default"), max_bytes=200))
    assert all(len(batch.body) < 250 for batch in small)
    assert sum(len(batch.lines) for batch in small) == 10


def test_bad_rows_travel_along_and_a_row_too_large_is_one() -> None:
    rows = [BadRow(1, "torn"), Row(2, {"id": "x" * MAX_BATCH_BYTES}), Row(3, {"id": "1"})]
    (batch,) = to_batches(rows, BUILD, Namer("default"))
    assert [bad.line for bad in batch.bad] == [1, 2]
    assert batch.lines == [3]


def test_nothing_but_bad_rows_is_a_batch_without_events() -> None:
    (batch,) = to_batches([BadRow(1, "torn")], BUILD, Namer("default"))
    assert (batch.body, batch.lines) == (b"", [])
