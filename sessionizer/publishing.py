"""Finds what a commit is to publish, by loading what was so before it. The facts are kept with what they are about.

publish()        what a batch decided
end_silent()     sessions that are over because nothing has come for half an hour
"""

from collections.abc import Collection, Iterable, Mapping

from collector.log import EventLog
from collector.runtime.clock import from_canonical
from sessionizer import belonging, profile_facts, session_facts
from sessionizer.erasures import Erasures
from sessionizer.overlay import laid_over
from sessionizer.session_facts import Told
from sessionizer.sessions import GAP_MS
from sessionizer.state import VisitorChange
from sessionizer.store import Commit, Snapshot

SETTLE_MS = 10_000
"""How long nothing must have come in of a visitor before silence ends its session: what is being imported, or comes
late from a phone in several batches, is not told in pieces."""
NEARBY = 20
"""Times near which a visitor's sessions are looked for; each of them looks through all, so of more all are loaded."""
AT_ONCE = 1000
"""Visitors looked at in one go."""


async def publish(snapshot: Snapshot, log: EventLog, erasures: Erasures, commit: Commit, now_ms: int) -> None:
    """Add to a commit decided from this snapshot what it is to publish."""
    commit.found_ms = now_ms
    changes = list({change.key: change for change in commit.changes}.values())  # of two of one visitor the last is kept
    await _publish_sessions(snapshot, commit, changes, now_ms)
    commit.facts += profile_facts.tell(await belonging.compare(snapshot, log, erasures, commit, changes))


async def _publish_sessions(
    snapshot: Snapshot, commit: Commit, changes: Collection[VisitorChange], now_ms: int
) -> None:
    pending = await snapshot.pending([change.key for change in changes if change.record.device is not None])
    undecided: list[VisitorChange] = []
    for change in changes:
        told = session_facts.tell(change, change.key in pending)
        if told is None:
            undecided.append(change)
        else:
            _take(commit, change, told, pending, now_ms)
    if undecided:
        await _compare(snapshot, commit, undecided, pending, now_ms)


async def _compare(
    snapshot: Snapshot, commit: Commit, changes: Iterable[VisitorChange], pending: Mapping[str, int], now_ms: int
) -> None:
    """Say what came of sessions whose visitor's past changed."""
    by_key = {change.key: change for change in changes}
    records = await snapshot.visitors(by_key)
    late = {key: change.before.late for key, change in by_key.items() if change.before and change.before.late}
    whole = {key for key, change in by_key.items() if change.refolded or len(late.get(key, ())) > NEARBY}
    closed = await snapshot.sessions(whole & records.keys())
    near = {key: times for key, times in late.items() if key not in whole}
    closed |= await snapshot.sessions_near(near) if near else {}
    for key, change in by_key.items():
        ran = closed.get(key, [])
        was, now = records.get(key), change.record
        before = [*ran, *([was.session] if was is not None and was.session is not None else [])]
        after = laid_over([] if change.refolded else ran, change.sessions.values(), change.dropped_sessions)
        after += [now.session] if now.session is not None else []
        told = session_facts.compare(now.device or "", before, key in pending, change, after)
        _take(commit, change, told, pending, now_ms)


def _take(commit: Commit, change: VisitorChange, told: Told, pending: Mapping[str, int], now_ms: int) -> None:
    """Publish it, and note when to look whether the last session is over; a time that is too early will do."""
    commit.facts += told.facts
    if told.pending == (change.key in pending):
        return
    session = change.record.session
    if told.pending and session is not None:
        commit.due[change.key] = max(session.last[0] + GAP_MS + 1, now_ms + SETTLE_MS)
    else:
        commit.due[change.key] = None


async def end_silent(snapshot: Snapshot, now_ms: int) -> Commit | None:
    """End what has been silent for longer than a session may be; None when nothing is due."""
    due = await snapshot.due(now_ms, AT_ONCE)
    if not due:
        return None
    commit = Commit(expected=snapshot.position, position=snapshot.position)
    commit.found_ms = now_ms
    for key, record in (await snapshot.last_sessions(due)).items():
        session = record.session
        if session is None or record.device is None:
            commit.due[key] = None
            continue
        over_ms = max(session.last[0] + GAP_MS + 1, from_canonical(record.received) + SETTLE_MS)
        if over_ms > now_ms:
            commit.due[key] = over_ms
        else:
            commit.due[key] = None
            commit.facts.append(session_facts.end(record.device, session))
    return commit
