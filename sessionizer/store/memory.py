"""The profile store in memory, for tests and experiments: the same contract, nothing kept after the process."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from collector.runtime.doorbell import Signal
from sessionizer.facts import FactRow, pack, unpack, without
from sessionizer.state import (
    Carrying,
    LastSession,
    Refs,
    Root,
    Run,
    Session,
    Slice,
    Visitor,
    VisitorChange,
    decode_last_session,
    decode_refs,
    decode_run,
    decode_session,
    decode_slice,
    decode_visitor,
    encode,
)
from sessionizer.store import Commit, Conflict, Crowd, Erasing

Row = TypeVar("Row", Slice, Session)


class _Kept:
    """One visitor's rows, encoded, so that nobody changes them by holding on to an object."""

    def __init__(self) -> None:
        self.record = b""
        self.chunks: dict[int, bytes] = {}
        self.slices: dict[int, bytes] = {}
        self.sessions: dict[int, bytes] = {}
        self.runs: dict[int, bytes] = {}
        self.index: dict[str, bool] = {}
        self.due: int | None = None
        self.carrying: dict[int, Carrying] = {}


class MemoryStore:
    """A ProfileStore in dictionaries. Commits are atomic between awaits, so a snapshot is a live view."""

    def __init__(self) -> None:
        self.position_ = 0
        self.visitors: dict[str, _Kept] = {}
        self.naming: dict[str, set[str]] = {}
        self.retractions: dict[str, dict[str, tuple[str, str]]] = {}
        """message id → retraction → (reason, when it was received)."""
        self.retraction_events: set[str] = set()
        self.arrivals: list[tuple[int, bytes]] = []
        self.profile_ids: dict[str, Root] = {}
        self.quarantine: dict[int, str] = {}
        self.suppressed: list[int] = []
        self.waiting: set[str] = set()
        self.facts: list[tuple[int, int, bytes]] = []
        """(number of the first, when they were found, packed facts) of each commit."""
        self.books: dict[str, int] = {"facts": 0, "facts_epoch": 1}
        self._bell = Signal()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["MemorySnapshot"]:
        yield MemorySnapshot(self)

    async def commit(self, commit: Commit) -> None:
        if commit.expected != self.position_:
            raise Conflict(f"the store is no longer at position {commit.expected}")
        self.position_ = commit.position
        if commit.erasing is not None:
            self._erase(commit.erasing)
            self.books["erased"] = commit.position
        self.suppressed += commit.suppressed
        for change in commit.changes:
            self._keep_visitor(change)
        self.waiting -= {change.key for change in commit.changes if change.refolded} | commit.given_up
        self.waiting |= commit.put_off
        for message_id, retraction, reason, received_at in commit.retracted:
            by_retraction = self.retractions.setdefault(message_id, {})
            known = by_retraction.get(retraction, (reason, received_at))
            by_retraction[retraction] = (known[0], min(known[1], received_at))
        self.retraction_events.update(commit.retraction_events)
        self.arrivals += commit.arrivals
        for profile_id, root in commit.roots.items():
            self.profile_ids.setdefault(profile_id, root)
        self.quarantine.update(commit.quarantined)
        for name, count in commit.counted.items():
            self.books[name] = self.books.get(name, 0) + count
        if commit.carried is not None:
            self.books["facts_epoch"] = commit.carried.epoch
            for first, found_ms, facts in commit.carried.rows:
                self.facts.append((first, found_ms, pack(facts)))
                self.books["facts"] = first + len(facts) - 1
        if commit.facts:
            self.facts.append((self.books["facts"] + 1, commit.found_ms, pack(commit.facts)))
            self.books["facts"] += len(commit.facts)
        for key, at in commit.due.items():
            if key in self.visitors:
                self.visitors[key].due = at
        self._bell.ring()

    def _erase(self, erasing: Erasing) -> None:
        for key in erasing.visitors:
            for name in self.visitors.pop(key, _Kept()).index:
                self.naming[name].discard(key)
            self.waiting.discard(key)
        for profile_id in erasing.profile_ids:
            self.profile_ids.pop(profile_id, None)
        for message_id in erasing.message_ids:
            self.retractions.pop(message_id, None)
        self.retraction_events.difference_update(erasing.retraction_events)
        for of_message in self.retractions.values():
            of_message |= {
                each: (reason, of_message[each][1]) for each, reason in erasing.reasons.items() if each in of_message
            }
        self.arrivals = [each for each in self.arrivals if each[0] not in erasing.positions]
        for position in erasing.positions:
            self.quarantine.pop(position, None)
        self.facts = [
            (first, found_ms, pack(without(unpack(packed), first, erasing.facts)))
            for first, found_ms, packed in self.facts
        ]

    async def leave_no_trace(self) -> bool:
        self.books["traceless"] = self.books.get("erased", 0)
        return True

    def _keep_visitor(self, change: VisitorChange) -> None:
        kept = self.visitors.setdefault(change.key, _Kept())
        if change.refolded:
            for name in kept.index:
                self.naming[name].discard(change.key)
            due, kept = kept.due, _Kept()
            kept.due = due
            self.visitors[change.key] = kept
        kept.record = encode(change.record)
        kept.carrying |= change.carrying
        kept.chunks |= {number: encode(each) for number, each in change.chunks.items()}
        kept.slices |= {number: encode(each) for number, each in change.slices.items()}
        kept.sessions |= {number: encode(each) for number, each in change.sessions.items()}
        kept.runs |= {number: encode(each) for number, each in change.runs.items()}
        for number in change.dropped_runs:
            kept.runs.pop(number, None)
        for number in change.dropped_slices:
            kept.slices.pop(number, None)
            kept.carrying.pop(number, None)
        for number in change.dropped_sessions:
            kept.sessions.pop(number, None)
        for name, proves in change.index.items():
            kept.index[name] = proves or kept.index.get(name, False)
            self.naming.setdefault(name, set()).add(change.key)

    async def position(self) -> int:
        return self.position_

    def heard(self) -> int:
        return self._bell.heard()

    async def wait(self, timeout_s: float, heard: int | None = None) -> bool:
        return await self._bell.wait(timeout_s, heard)

    async def close(self) -> None:
        self._bell.ring()


class MemorySnapshot:
    """The store as it is between two commits."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.position = store.position_

    def _kept(self, keys: Collection[str]) -> dict[str, _Kept]:
        return {key: self._store.visitors[key] for key in keys if key in self._store.visitors}

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        return {key: decode_visitor(kept.record) for key, kept in self._kept(keys).items()}

    async def last_sessions(self, keys: Collection[str]) -> dict[str, LastSession]:
        return {key: decode_last_session(kept.record) for key, kept in self._kept(keys).items()}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        return {
            key: [decode_refs(kept.chunks[n]) for n in sorted(kept.chunks)] for key, kept in self._kept(keys).items()
        }

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        return {key: _in_order(map(decode_slice, kept.slices.values())) for key, kept in self._kept(keys).items()}

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        return {key: _in_order(map(decode_session, kept.sessions.values())) for key, kept in self._kept(keys).items()}

    async def runs(self, keys: Collection[str]) -> dict[str, list[Run]]:
        return {
            key: sorted(map(decode_run, kept.runs.values()), key=lambda run: run.slice.first)
            for key, kept in self._kept(keys).items()
        }

    async def slices_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Slice]]:
        return {key: _near(found, times[key]) for key, found in (await self.slices(times)).items()}

    async def sessions_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Session]]:
        return {key: _near(found, times[key]) for key, found in (await self.sessions(times)).items()}

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        return {name: sorted(self._store.naming.get(name, ())) for name in identifiers}

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        full = {contact: self._crowd(contact) for contact in contacts}
        return {name: Crowd(min(crowd.users, users), min(crowd.devices, devices)) for name, crowd in full.items()}

    def _crowd(self, contact: str) -> Crowd:
        carried = [
            (key, each.user)
            for key in self._store.naming.get(contact, ())
            for each in self._store.visitors[key].carrying.values()
            if contact in each.contacts
        ]
        return Crowd(
            len({user for _, user in carried if user is not None}), len({key for key, user in carried if user is None})
        )

    async def provers(self, identifiers: Collection[str]) -> dict[str, set[str]]:
        found = {
            name: {key for key in self._store.naming.get(name, ()) if self._store.visitors[key].index[name]}
            for name in identifiers
        }
        return {name: keys for name, keys in found.items() if keys}

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        return set(await self.provers(identifiers))

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        return {each for each in message_ids if each in self._store.retractions}

    async def retractions(self, message_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        known = self._store.retractions
        return {
            each: [(retraction, reason) for retraction, (reason, _) in sorted(known[each].items())]
            for each in message_ids
            if each in known
        }

    async def retracted_after(self, received_at: str) -> set[str]:
        known = self._store.retractions
        return {each for each, by in known.items() if min(received for _, received in by.values()) > received_at}

    async def positions_of(self, hashes: Collection[bytes]) -> list[int]:
        wanted = set(hashes)
        return [position for position, hashed in self._store.arrivals if hashed in wanted]

    async def root(self, profile_id: str) -> Root | None:
        return self._store.profile_ids.get(profile_id)

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        ids = sorted(self._store.profile_ids)
        start = bisect_right(ids, after)
        return [(each, self._store.profile_ids[each]) for each in ids[start : start + limit]]

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        return {each for each in profile_ids if each in self._store.profile_ids}

    async def keys(self, after: str, limit: int) -> list[str]:
        keys = sorted(self._store.visitors)
        start = bisect_right(keys, after)
        return keys[start : start + limit]

    async def examine(self) -> list[str]:
        return []

    async def counts(self) -> dict[str, int]:
        return {**self._store.books, "position": self._store.position_}

    async def facts(self, after: int, limit: int) -> list[FactRow]:
        kept = self._store.facts
        begin = max(bisect_right(kept, after + 1, key=lambda row: row[0]) - 1, 0)
        rows: list[FactRow] = []
        for first, found_ms, packed in kept[begin:]:
            if rows and rows[-1].first + len(rows[-1].facts) > after + limit:
                break
            rows.append(FactRow(first, found_ms, unpack(packed)))
        return rows

    async def pending(self, keys: Collection[str]) -> dict[str, int]:
        return {key: kept.due for key, kept in self._kept(keys).items() if kept.due is not None}

    async def due(self, now_ms: int, limit: int) -> list[str]:
        found = [(kept.due, key) for key, kept in self._store.visitors.items() if kept.due is not None]
        return [key for at, key in sorted(found) if at <= now_ms][:limit]

    async def sizes(self) -> dict[str, int]:
        visitors = self._store.visitors
        closed = sum(len(kept.sessions) for kept in visitors.values())
        return {
            "profiles": len(self._store.profile_ids),
            "sessions": closed + len(visitors),
            "visitors": len(visitors),
            "events": self._store.books.get("stored", 0),
            "waiting": len(self._store.waiting),
        }

    async def shared_devices(self) -> list[str]:
        visitors = self._store.visitors
        return sorted(key for key, kept in visitors.items() if decode_visitor(kept.record).shared)

    async def waiting(self, keys: Collection[str]) -> set[str]:
        return self._store.waiting.intersection(keys)

    async def next_waiting(self, limit: int) -> list[str]:
        return sorted(self._store.waiting)[:limit]

    async def crowded(self, users: int, devices: int) -> dict[str, Crowd]:
        crowds = {name: self._crowd(name) for name in sorted(self._store.naming)}
        return {name: crowd for name, crowd in crowds.items() if crowd.users > users or crowd.devices > devices}

    async def known_retractions(self, retractions: Collection[str]) -> set[str]:
        return self._store.retraction_events.intersection(retractions)

    async def suppressed(self) -> list[int]:
        return self._store.suppressed

    async def quarantined(self) -> list[tuple[int, str]]:
        return sorted(self._store.quarantine.items())


def _in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.first)


def _near(rows: list[Row], times: Collection[int]) -> list[Row]:
    """Those that begin last before, at, or first after one of the times, and no others, so that tests miss none."""
    starts = [row.first[0] for row in rows]
    wanted = {max((s for s in starts if s < t), default=None) for t in times} | set(times)
    wanted |= {min((s for s in starts if s > t), default=None) for t in times}
    return [row for row in rows if row.first[0] in wanted]
