"""The pipeline, driven as in production (log → worker → store → exports), says what the oracle says, for any history.

Random histories in random orders of arrival, in batches of random sizes; and every worked case.
"""

from collections import defaultdict
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.event import Event
from tests.folding import as_bytes, check, compare, fold_in_memory
from tests.histories import as_log, batches, crowd, histories, implausible, visits
from tests.oracle import Most, recompute
from tests.worked_cases import Case, all_cases, events_of, log_of


@given(histories(), batches)
def test_the_exports_say_what_the_oracle_says(history: list[Event], sizes: Sequence[int]) -> None:
    check(history, sizes)


@given(st.one_of(histories(), visits()), batches, implausible())
def test_so_they_do_where_few_are_implausibly_many(history: list[Event], sizes: Sequence[int], most: Most) -> None:
    check(history, sizes, most)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("users", "devices"), [(20, 3), (21, 3), (22, 3)])
def test_so_they_do_around_twenty_users(users: int, devices: int, seed: int) -> None:
    check(crowd(Random(seed), users, devices), [40, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("devices", [1000, 1001])
def test_so_they_do_around_a_thousand_devices(devices: int) -> None:
    check(crowd(Random(0), 2, devices), [900, 60, 30, 1, 1])


@given(visits(), st.lists(st.integers(1, 3), min_size=3, max_size=8))
def test_visits_in_any_order_of_arrival_are_the_same_to_the_last_byte(
    history: list[Event], sizes: Sequence[int]
) -> None:
    found = fold_in_memory(history, sizes)
    compare(recompute(as_log(history)), found)
    in_order = sorted(history, key=lambda each: (each.timestamp, each.message_id))
    assert as_bytes(found) == as_bytes(fold_in_memory(in_order, []))


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["name"])
def test_the_mind_gives_what_the_case_says(case: Case, size: int) -> None:
    history = events_of(case)
    found = fold_in_memory(history, [size] * len(history))

    people: dict[str, list[str]] = defaultdict(list)
    for event in found["events"]:
        people[event["profile_id"]].append(event["message_id"])
    assert sorted(map(sorted, people.values())) == sorted(sorted(each["message_ids"]) for each in case["profiles"])
    compare(recompute(log_of(case)), found)
