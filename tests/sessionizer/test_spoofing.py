"""A stranger with the public key and an account of her own changes nothing in the profile that proofs protect.

`load_tests/spoofing.py` does the same for as long as one likes.
"""

import msgspec

from collector.event import RETRACTION, Event, Trust
from sessionizer.views import Profile
from tests.folding import compare, fold_in_memory
from tests.histories import as_log
from tests.oracle import recompute
from tests.spoofing import JANE, MALLORY, Judge, Sent, janes_story, sequence, through_the_edge, what_is_said_of_jane

SEQUENCES = 2000


async def test_no_sequence_of_a_strangers_events_changes_a_proven_profile() -> None:
    judge = Judge()
    for nth in range(SEQUENCES):
        tried = sequence(f"ci {nth}")
        if await judge.changed(tried):
            smallest = await judge.smallest(tried)
            left = [each.message for each in smallest.sent if each.mallorys]
            raise AssertionError(f"sequence 'ci {nth}' changed what is said of Jane; enough of it: {left}")


async def test_the_same_stranger_changes_what_no_proof_protects() -> None:
    """So the suite can tell: without proofs, some of these sequences do reach Jane."""

    def unproven(sent: Sent) -> Sent:
        context = {k: v for k, v in sent.message.get("context", {}).items() if k != "identityProof"}
        return sent._replace(message={**sent.message, "context": context})

    reached = 0
    for nth in range(40):
        tried = sequence(f"unproven {nth}")
        told = await what_is_said_of_jane([unproven(each) for each in tried.sent])
        reached += told != await what_is_said_of_jane([unproven(each) for each in tried.sent if not each.mallorys])
    assert reached > 10


def test_the_stranger_is_heard_and_proves_her_own_name() -> None:
    sent = [each for nth in range(300) for each in sequence(f"ci {nth}").sent if each.mallorys]
    stored = [event for nth, each in enumerate(sent) if (event := through_the_edge(each, nth)) is not None]
    assert len(stored) > 0.8 * len(sent)
    proven = {event.user_id for event in stored if event.trust == Trust.PROVEN}
    assert proven == {MALLORY}
    public = {event.user_id for event in stored if event.trust == Trust.PUBLIC}
    assert JANE in public


async def test_janes_stories_show_what_they_tell() -> None:
    said = msgspec.json.decode(await what_is_said_of_jane(janes_story(0)))
    profile = msgspec.convert(said["profile"], Profile)
    assert {"user_id", "email", "phone"} <= {each.type for each in profile.identifiers}
    assert said["timeline"]
    assert said["sessions"]


def test_a_public_event_that_calls_itself_a_retraction_takes_nothing_back() -> None:
    """The edge refuses it; should one ever be in the log, it is an event like any other."""
    login = {"message_id": "j", "anonymous_id": "d1", "user_id": JANE, "type": "identify"}
    undo = {"message_id": "m", "anonymous_id": "d2", "type": RETRACTION, "properties": {"message_ids": ["j"]}}
    about = {"timestamp": "2026-03-02T08:00:00.000Z", "received_at": "", "source": "default", "trust": Trust.PUBLIC}
    history = [Event(**{**each, **about}) for each in (login, undo)]
    found = fold_in_memory(history, [])
    compare(recompute(as_log(history)), found)
    assert [each["status"] for each in found["profiles"] if each["totals"]["events"] == 1].count("known") == 1
