"""The oracle: the rules of docs/identity.md a second time, worked out from the whole set of events at once.

It exists to be compared with. It is slow, keeps nothing between calls and shares no code with the sessionizer. What
must not live here, nor in its two halves `oracle_identity.py` (rules 1 to 12) and `oracle_folds.py` (13 and 14):
anything for speed, and anything the edge decides (normalising and blocking identifiers, checking proofs); it starts
from canonical events.

    world = recompute([(position, event), ...])     # any order; position is the event's place in the log
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from collector.event import Event
from tests.oracle_folds import Person, Visit, fold_profile, fold_session
from tests.oracle_identity import (
    Key,
    Root,
    Said,
    Slice,
    cut_into_slices,
    first_stored,
    joined_users,
    key,
    own,
    runs,
    strip,
)

GAP_MS = 30 * 60 * 1000


@dataclass(frozen=True)
class World:
    """Everything the rules say about a set of events."""

    slices: list[Slice]
    visits: list[Visit]
    """All sessions, by device and time."""
    people: dict[Root, Person]

    def root_of(self) -> dict[Key, Root]:
        """Whom each event belongs to. Retractions belong to nobody."""
        return {key(each.event): part.root for part in self.slices for each in part.said}

    def session_of(self) -> dict[Key, tuple[str, str]]:
        """The (device, first message_id) that names each event's session. Device-less events have none."""
        return {key(each.event): (visit.device, visit.first_message_id) for visit in self.visits for each in visit.said}


def recompute(log: Sequence[tuple[int, Event]], gap_ms: int = GAP_MS) -> World:
    """Who everyone is, and what their profiles say, from (log position, event) pairs in any order."""
    said = strip(first_stored(log))
    slices = cut_into_slices(said)
    own(slices, joined_users(said))
    visits: list[Visit] = []
    events_of: dict[Root, list[Said]] = defaultdict(list)
    visits_of: dict[Root, list[Visit]] = defaultdict(list)
    for part in slices:
        sessions = [fold_session(run) for run in runs(part, gap_ms)]
        visits += sessions
        visits_of[part.root] += sessions
        events_of[part.root] += part.said
    return World(slices, visits, {root: fold_profile(root, events_of[root], visits_of[root]) for root in events_of})
