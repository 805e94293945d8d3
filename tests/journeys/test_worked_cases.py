"""The worked cases over HTTP: whatever the order of arrival, the batches and the repeats, their people and sessions.

All copies of all cases live on one server, their requests interleaved at random. A failure names the seed; run again
with JOURNEY_SEED set to it to see the same requests.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from collector.runtime import clock
from tests.cases_over_http import (
    Step,
    apart,
    as_segment_messages,
    expected_people,
    expected_sessions,
    people_in,
    sessions_in,
)
from tests.journeys.running import Row, Stack, rows_of, running
from tests.worked_cases import FOLDER, Case, all_cases

CONTRACT_ORDERS = 20
OTHER_ORDERS = 3
LONG = 20
"""Events."""
MAX_BATCH = 40
MONEY = ("price", "value", "EUR", "USD", "CHF", "GBP", "XXX")
"""Names of what is compared as an amount: "10" is "10.00"."""
CONTRACT = (FOLDER / "1_contract.json").read_text()


class Told(NamedTuple):
    """What the server says after it heard every copy."""

    seed: int
    copies: dict[str, list[Case]]
    """A case's name → its copies."""
    events: dict[str, list[Row]]
    """A copy's mark → its rows of the events export."""
    sessions: dict[str, Row]
    """By session_id."""
    profiles: dict[str, Row]
    """By profile_id."""


def is_contract(case: Case) -> bool:
    return f'"{case["name"]}"' in CONTRACT


def mark_of(case: Case) -> str:
    return str(case["events"][0]["message_id"][:5])


def copies_of_all(cases: Sequence[Case]) -> dict[str, list[Case]]:
    numbers = iter(range(1000))
    return {case["name"]: [apart(case, next(numbers)) for _ in range(orders_of(case))] for case in cases}


def orders_of(case: Case) -> int:
    """In how many orders a case is told: a long one in one, so that all of them are told in seconds."""
    if is_contract(case):
        return CONTRACT_ORDERS
    return OTHER_ORDERS if len(case["events"]) <= LONG else 1


def shuffled(steps: list[Step], chance: random.Random) -> list[Step]:
    """Any other order in which the first of equal keys stays the first (rule 1), with some sent again later."""
    waiting: dict[Any, list[Step]] = defaultdict(list)
    for step in steps:
        waiting[_key(step)].append(step)
    arrived = [waiting[_key(step)].pop(0) for step in chance.sample(steps, len(steps))]
    for step in chance.choices(arrived, k=chance.randint(1, len(arrived))):
        arrived.insert(chance.randint(arrived.index(step) + 1, len(arrived)), step)
    return arrived


def _key(step: Step) -> tuple[Any, ...]:
    return (step.key, step.body.get("anonymousId"), step.body.get("messageId"))


def interleaved(runs: list[list[Step]], chance: random.Random) -> Iterator[Step]:
    """All steps, each run's in its order."""
    turns = [nth for nth, run in enumerate(runs) for _ in run]
    chance.shuffle(turns)
    rest = [iter(run) for run in runs]
    for nth in turns:
        yield next(rest[nth])


class Sender:
    """Sends steps in their order (for each key), as singles or in batches of any size."""

    def __init__(self, stack: Stack, chance: random.Random) -> None:
        self._stack = stack
        self._chance = chance
        self._batches: dict[str, list[dict[str, Any]]] = {"write_key": [], "server_key": []}
        self._sizes = dict.fromkeys(self._batches, 1)

    def send(self, step: Step) -> None:
        if step.key == "api_key":
            assert self._stack.post(step.path, step.body, step.key).status == 200
            return
        batch = self._batches[step.key]
        if not batch and self._chance.random() < 0.1:
            answer = self._stack.post(step.path, step.body, step.key)
            assert (answer.status, answer.json()) == (200, {"success": True}), (step, answer)
            return
        batch.append({"type": step.path.rpartition("/")[2], **step.body})
        if len(batch) >= self._sizes[step.key]:
            self.flush(step.key)

    def flush(self, key: str) -> None:
        if self._batches[key]:
            self._stack.send(*self._batches[key], key=key)
        self._batches[key] = []
        self._sizes[key] = self._chance.randint(1, MAX_BATCH)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    seed = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))
    chance = random.Random(seed)
    copies = copies_of_all(all_cases())
    with running(tmp_path_factory.mktemp("cases") / "data") as stack:
        now_s = clock.now_ms() // 1000
        runs = [
            shuffled(as_segment_messages(case, stack.keys["identity_secret"], now_s), chance)
            for cases in copies.values()
            for case in cases
        ]
        sender = Sender(stack, chance)
        for step in interleaved(runs, chance):
            sender.send(step)
        for key in ("write_key", "server_key"):
            sender.flush(key)
        while stack.get("/v1/profiles?limit=1").status == 504:
            pass  # a busy machine takes longer to fold it all than one request waits
        events = defaultdict(list)
        for row in rows_of(stack.export("events")):
            events[row["message_id"][:5]].append(row)
        sessions = {row["session_id"]: row for row in rows_of(stack.export("sessions"))}
        profiles = {row["profile_id"]: row for row in rows_of(stack.export("profiles"))}
    return Told(seed, copies, events, sessions, profiles)


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["name"])
def test_a_case_ends_the_same_in_any_order_of_arrival(told: Told, case: Case) -> None:
    copies = told.copies[case["name"]]
    assert len(copies) == orders_of(case)
    for copy in copies:
        rows = told.events[mark_of(copy)]
        again = f"JOURNEY_SEED={told.seed}, copy {mark_of(copy)}"
        assert people_in(rows, copy) == expected_people(copy), again
        assert sessions_in(rows, copy) == expected_sessions(copy), again
        _compare_sessions(told, copy, rows, again)
        _compare_profiles(told, copy, rows, again)


def test_nobody_is_there_but_the_people_of_the_cases(told: Told) -> None:
    everybody = sum(len(case["profiles"]) for cases in told.copies.values() for case in cases)
    visits = sum(len(case["sessions"]) for cases in told.copies.values() for case in cases)
    assert (len(told.profiles), len(told.sessions)) == (everybody, visits), f"JOURNEY_SEED={told.seed}"


def _compare_sessions(told: Told, case: Case, rows: list[Row], again: str) -> None:
    session_of = {(row["anonymous_id"], row["message_id"]): row["session_id"] for row in rows}
    for expected in case["sessions"]:
        shown = told.sessions[session_of[expected["anonymous_id"], expected["message_ids"][0]]]
        assert shown["events"] == len(expected["message_ids"]), again
        assert shown["engaged"] == expected.get("engaged", shown["engaged"]), again


def _compare_profiles(told: Told, case: Case, rows: list[Row], again: str) -> None:
    owner_of = {row["message_id"]: row["profile_id"] for row in rows}
    for expected in case["profiles"]:
        says, shown = expected.get("says", {}), told.profiles[owner_of[expected["message_ids"][0]]]
        assert shown["totals"]["events"] == len(expected["message_ids"]), again
        if "known" in says:
            assert (shown["status"] == "known") == says["known"], again
        for part in ("totals", "traits", "cart"):
            _agrees(shown[part], says.get(part, shown[part]), again)


def _agrees(shown: Any, says: Any, again: str) -> None:
    """Whether it shows at least what it must say; money by its amount."""
    if isinstance(says, dict):
        for name, value in says.items():
            _agrees(shown[name], value, f"{again}, {name}")
    elif isinstance(says, list):
        assert len(shown) == len(says), again
        for one, other in zip(shown, says, strict=True):
            _agrees(one, other, again)
    elif again.rpartition(", ")[2] in MONEY:
        assert Decimal(shown) == Decimal(says), again
    else:
        assert shown == says, again
