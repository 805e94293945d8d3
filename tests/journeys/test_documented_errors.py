"""Reads that cannot be answered are refused with a documented reason, never with a wrong answer."""

import pytest

from sessionizer.api.problems import ProblemReason
from tests.journeys.running import Stack

PERSON = "/v1/profiles/anonymous_id:de-device"


@pytest.fixture
def visited(shop: Stack) -> Stack:
    shop.send({"type": "page", "messageId": "de-0", "anonymousId": "de-device"})
    return shop


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/profiles/user_id:nobody-at-all", 404, ProblemReason.NOT_FOUND),
        ("/v1/profiles/profile_id:00000000-0000-0000-0000-000000000001", 404, ProblemReason.NOT_FOUND),
        ("/v1/profiles/nobody/timeline", 400, ProblemReason.INVALID_WHO),
        (f"{PERSON}/timeline?limit=0", 400, ProblemReason.INVALID_LIMIT),
        (f"{PERSON}/timeline?limit=many", 400, ProblemReason.INVALID_LIMIT),
        (f"{PERSON}/timeline?order=up", 400, ProblemReason.INVALID_ORDER),
        (f"{PERSON}/timeline?cursor=%00", 400, ProblemReason.INVALID_CURSOR),
        (f"{PERSON}/sessions?cursor=AAAA", 400, ProblemReason.INVALID_CURSOR),
        ("/v1/profiles?cursor=w", 400, ProblemReason.INVALID_CURSOR),
        ("/v1/export/everything", 404, ProblemReason.NOT_FOUND),
        ("/v1/nothing/here", 404, ProblemReason.NOT_FOUND),
    ],
)
def test_a_read_that_cannot_be_answered_says_why(visited: Stack, path: str, status: int, reason: ProblemReason) -> None:
    answer = visited.get(path)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (answer.status, answer.json()["reason"]) == (status, reason)


@pytest.mark.parametrize("path", [PERSON, f"{PERSON}/timeline", f"{PERSON}/sessions"])
def test_a_date_before_the_first_event_knows_nobody(visited: Stack, path: str) -> None:
    answer = visited.get(f"{path}?as_of=2026-03-02T08:00:00Z")
    assert (answer.status, answer.json()["reason"]) == (404, ProblemReason.NOT_FOUND)


@pytest.mark.parametrize(
    "path", [f"{PERSON}?as_of=yesterday", f"{PERSON}/identity?as_of=2026-03-02", "/v1/profiles?as_of=2026-03-02"]
)
def test_a_date_that_cannot_be_answered_is_refused_and_not_answered_with_today(visited: Stack, path: str) -> None:
    answer = visited.get(path)
    assert (answer.status, answer.json()["reason"]) == (400, ProblemReason.INVALID_TIME)


def test_a_read_that_waits_for_what_never_comes_gives_up(visited: Stack) -> None:
    answer = visited.get(PERSON, {"After-Position": "999999999"})
    assert (answer.status, answer.json()["reason"]) == (504, ProblemReason.POSITION_NOT_REACHED)


@pytest.mark.parametrize("key", ["write_key", "server_key", "identity_secret"])
def test_no_other_key_reads(visited: Stack, key: str) -> None:
    answer = visited.ask("GET", PERSON, headers={"Authorization": f"Bearer {visited.keys[key]}"})
    assert (answer.status, answer.json()["reason"]) == (401, ProblemReason.UNKNOWN_KEY)
