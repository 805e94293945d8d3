"""The requests made from worked cases mean what the cases say."""

import jwt
import pytest

from tests.cases_over_http import apart, as_segment_messages, expected_people, expected_sessions
from tests.oracle import recompute
from tests.oracle_folds import message_ids, people_in, sessions
from tests.worked_cases import Case, all_cases, log_of

SECRET = "a secret of thirty-two characters"


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["name"])
def test_the_same_story_about_other_people_ends_the_same_way(case: Case) -> None:
    other = apart(case, 7)
    slices = recompute(log_of(other))

    assert sorted(people_in(slices).values()) == expected_people(other)
    found = [(row["anonymous_id"], message_ids(said)) for _, said, row in sessions(slices)]
    assert sorted(found) == expected_sessions(other)


def test_two_stories_on_one_server_share_nobody() -> None:
    both = [apart(case, nth) for nth, case in enumerate(all_cases())]
    events = [event for case in both for event in case["events"]]
    slices = recompute(log_of({"events": events}))

    assert sorted(people_in(slices).values()) == sorted(ids for case in both for ids in expected_people(case))


def test_a_proven_event_carries_a_proof_of_exactly_what_it_signs() -> None:
    contacts = {"email": "j@x.org", "phone": "+49301234567", "loyalty_card": "L1"}
    event = {
        "message_id": "a",
        "t": 1.5,
        "trust": "proven",
        "anonymous_id": "d1",
        "user_id": "jane",
        "contacts": contacts,
    }
    (step,) = as_segment_messages({"events": [event | {"signed_contacts": ["email"]}]}, SECRET, now_s=1000, base_ms=0)

    assert (step.path, step.key) == ("/v1/identify", "write_key")
    proof = step.body["context"].pop("identityProof")
    claims = jwt.decode(proof, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"sub": "jane", "anon": "d1", "exp": 4600, "email": "j@x.org"}
    assert step.body == {
        "messageId": "a",
        "timestamp": "1970-01-01T00:00:01.500Z",
        "anonymousId": "d1",
        "userId": "jane",
        "traits": {"email": "j@x.org", "phone": "+49301234567"},
        "context": {"externalIds": [{"id": "L1", "type": "loyalty_card", "collection": "users", "encoding": "none"}]},
    }


def test_retractions_aliases_and_logouts_go_to_their_own_endpoints() -> None:
    events = [
        {"message_id": "a", "t": 0, "trust": "server", "user_id": "jane", "alias_of": "old-7"},
        {"message_id": "b", "t": 0, "trust": "public", "anonymous_id": "d1", "reset": True},
        {"message_id": "r", "t": 0, "trust": "server", "retract": ["a"]},
    ]
    alias, logout, retraction = as_segment_messages({"events": events}, SECRET, now_s=0)

    assert (alias.path, alias.key, alias.body["previousId"]) == ("/v1/alias", "server_key", "old-7")
    assert (logout.path, logout.key, logout.body["event"]) == ("/v1/track", "write_key", "Logged Out")
    assert (retraction.path, retraction.key) == ("/v1/identity/retractions", "api_key")
    assert retraction.body["message_ids"] == ["a"]
