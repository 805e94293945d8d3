"""What `ariane verify --completeness` says of the numbers that the tracker gives a tab's events."""

from pathlib import Path

import msgspec
import pytest

from sessionizer.commands.completeness import Completeness, Day
from tests.running_ariane import ariane, serving


def days_of(*events: tuple[str, str, int]) -> dict[str, Day]:
    completeness = Completeness()
    for day, tab, seq in events:
        context = msgspec.Raw(msgspec.json.encode({"ariane": {"tab": tab, "seq": seq}}))
        completeness.add("default", f"{day}T12:00:00.000Z", context)
    return completeness.by_day()


def test_a_number_left_out_is_missing_on_the_day_of_the_next() -> None:
    found = days_of(("2026-01-01", "a", 0), ("2026-01-02", "a", 3), ("2026-01-02", "b", 1))
    assert found == {"2026-01-01": Day(arrived=1), "2026-01-02": Day(arrived=2, missing=3)}
    assert found["2026-01-02"].share == pytest.approx(0.4)


def test_order_and_copies_change_nothing() -> None:
    events = [("2026-01-01", "a", seq) for seq in (2, 0, 1, 1, 0)]
    assert days_of(*events) == days_of(*sorted(events)) == {"2026-01-01": Day(arrived=3)}


def test_other_senders_numbers_and_none_at_all_count_nowhere() -> None:
    completeness = Completeness()
    for context in (
        {},
        {"ariane": None},
        {"ariane": "x"},
        {"ariane": {"tab": 1, "seq": "0"}},
        {"ariane": {"tab": "a", "seq": -1}},
    ):
        completeness.add("default", "2026-01-01T12:00:00.000Z", msgspec.Raw(msgspec.json.encode(context)))
    assert completeness.by_day() == {}


def test_the_command_counts_what_is_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert "No event carries a number" in ariane("verify", "--completeness", "--data", tmp_path).out
        event = {"type": "track", "event": "Seen", "anonymousId": "a", "timestamp": "2026-01-01T12:00:00Z"}
        batch = [{**event, "context": {"ariane": {"tab": "t", "seq": seq}}} for seq in (0, 1, 3)]
        server.post("/v1/batch", {"batch": batch})
        assert ariane("verify", "--completeness", "--json", "--data", tmp_path).json() == {
            "2026-01-01": {"arrived": 3, "missing": 1}
        }
        assert "75.00%" in ariane("verify", "--completeness", "--data", tmp_path).out
    failed = ariane("verify", "--completeness", "--deep", "--data", tmp_path)
    assert failed.status == 2
