"""The state's name: two digests (SHA-256) of everything that is known, so that two machines can compare.

`state` covers every profile and every session as exported, and of every event which one it is, when it happened, and
whose and in which session it is. It leaves out facts of arrival (`received_at`, `position`, what the edge derived), so
that the same events in any order of arrival give the same. `log` covers the exports byte by byte.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from collector.log import EventLog
from sessionizer import exporting
from sessionizer.commands.progress import Show
from sessionizer.store import Snapshot

EXPORTS = ("profiles", "sessions", "events")


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What `ariane verify --digest` says."""

    state: str
    log: str
    position: int
    """The log position up to which events are folded in."""
    profiles: int
    sessions: int
    events: int


class _Belonging(msgspec.Struct, frozen=True, kw_only=True):
    """Of an exported event, what does not depend on its arrival and is not in profiles or sessions."""

    source: str
    trust: str
    anonymous_id: str | None
    timestamp: str
    message_id: str
    profile_id: str | None
    session_id: str | None


_read_belonging = msgspec.json.Decoder(_Belonging).decode
_encode = msgspec.json.Encoder().encode


async def digest_of(snapshot: Snapshot, log: EventLog, show: Show) -> Digest:
    """Digest everything known at one moment."""
    of_state, of_log = hashlib.sha256(), hashlib.sha256()
    rows = dict.fromkeys(EXPORTS, 0)
    sizes = await snapshot.sizes()
    total = sum(sizes[what] for what in EXPORTS)
    for what in EXPORTS:
        for each in (of_state, of_log):
            each.update(f"{what}\n".encode())
        async for chunk in exporting.lines(what, snapshot, log):
            of_log.update(chunk)
            of_state.update(chunk if what != "events" else _belongings(chunk))
            rows[what] += chunk.count(b"\n")
            show(sum(rows.values()), total)
    return Digest(state=of_state.hexdigest(), log=of_log.hexdigest(), position=snapshot.position, **rows)


def _belongings(chunk: bytes) -> bytes:
    return b"\n".join(_rows(chunk.splitlines())) + b"\n"


def _rows(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Each event as one array; of its trust only whether it came with a server key, as in rule 1."""
    for line in lines:
        said = _read_belonging(line)
        yield _encode(
            (
                said.source,
                said.trust == "server",
                said.anonymous_id,
                said.timestamp,
                said.message_id,
                said.profile_id,
                said.session_id,
            )
        )
