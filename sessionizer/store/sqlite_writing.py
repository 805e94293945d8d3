"""Writing the SQLite store: a batch whole or not at all, and an erasure without a trace. On the connection's thread."""

import json
import sqlite3
from array import array
from collections.abc import Callable

import msgspec

from collector.runtime.sqlite import leave_no_trace, transaction
from sessionizer.facts import pack, unpack, without
from sessionizer.state import Packed, VisitorChange
from sessionizer.store import Carried, Commit, Conflict, Erasing
from sessionizer.store.packing import RowPacker
from sessionizer.store.sqlite_reading import HASH_BYTES
from sessionizer.store.sqlite_seals import seal

ROWS = ("chunks", "slices", "sessions", "runs", "naming", "carrying")
"""The tables with rows of a visitor's history."""

Pack = Callable[[Packed], bytes]
_write_root = msgspec.json.Encoder().encode


def keep(db: sqlite3.Connection, commit: Commit, packer: RowPacker) -> None:
    with transaction(db):
        moved = db.execute(
            "/* ProfileStore.commit */ update books set value = ? where name = 'position' and value = ?",
            (commit.position, commit.expected),
        ).rowcount
        if moved != 1:
            raise Conflict(f"the store is no longer at position {commit.expected}")
        if commit.erasing is not None:
            _erase(db, commit.erasing, commit.position)
        db.executemany(
            "/* ProfileStore.commit */ insert into suppressed (position) values (?)",
            [(each,) for each in commit.suppressed],
        )
        _keep_records(db, [change for change in commit.changes if not _has_rows(change)], packer.pack)
        for change in commit.changes:
            if _has_rows(change):
                _keep_visitor(db, change, packer.pack)
        if commit.put_off:
            db.execute(
                """/* ProfileStore.commit */ insert or ignore into waiting (visitor)
                select visitor from visitors where key in (select value from json_each(?))""",
                (json.dumps(list(commit.put_off), ensure_ascii=False),),
            )
        db.executemany(
            """/* ProfileStore.commit */
            delete from waiting where visitor = (select visitor from visitors where key = ?)""",
            [(each,) for each in commit.given_up],
        )
        db.executemany(
            """/* ProfileStore.commit */
            insert into retractions (message_id, retraction, reason, received_at) values (?, ?, ?, ?)
            on conflict (message_id, retraction) do update set received_at = min(received_at, excluded.received_at)""",
            commit.retracted,
        )
        db.executemany(
            "/* ProfileStore.commit */ insert into retraction_events (retraction) values (?)",
            [(each,) for each in commit.retraction_events],
        )
        if commit.arrivals:
            db.execute(
                "/* ProfileStore.commit */ insert into arrivals (first, hashes, positions) values (?, ?, ?)",
                (
                    commit.arrivals[0][0],
                    b"".join(hashed for _, hashed in commit.arrivals),
                    array("q", [position for position, _ in commit.arrivals]).tobytes(),
                ),
            )
        db.executemany(
            "/* ProfileStore.commit */ insert or ignore into profile_ids (profile_id, root) values (?, ?)",
            [(profile_id, _write_root(root).decode()) for profile_id, root in commit.roots.items()],
        )
        db.executemany(
            "/* ProfileStore.commit */ insert or ignore into quarantine (position, reason) values (?, ?)",
            commit.quarantined,
        )
        db.executemany(
            """/* ProfileStore.commit */ insert into books (name, value) values (?, ?)
            on conflict (name) do update set value = value + excluded.value""",
            list(commit.counted.items()),
        )
        _publish(db, commit)


def _publish(db: sqlite3.Connection, commit: Commit) -> None:
    """Number the facts on from the last, and note when visitors are to be looked at."""
    if commit.carried is not None:
        _carry_over(db, commit.carried)
    if commit.facts:
        (last,) = db.execute(
            "/* ProfileStore.commit */ update books set value = value + ? where name = 'facts' returning value",
            (len(commit.facts),),
        ).fetchone()
        db.execute(
            "/* ProfileStore.commit */ insert into facts (first, found, facts) values (?, ?, ?)",
            (last - len(commit.facts) + 1, commit.found_ms, pack(commit.facts)),
        )
    db.executemany(
        """/* ProfileStore.commit */ insert into pending (visitor, due) select visitor, ? from visitors where key = ?
        on conflict (visitor) do update set due = excluded.due""",
        [(at, key) for key, at in commit.due.items() if at is not None],
    )
    db.executemany(
        """/* ProfileStore.commit */
        delete from pending where visitor = (select visitor from visitors where key = ?)""",
        [(key,) for key, at in commit.due.items() if at is None],
    )


def _carry_over(db: sqlite3.Connection, carried: Carried) -> None:
    db.executemany(
        "/* ProfileStore.commit */ insert into facts (first, found, facts) values (?, ?, ?)",
        [(first, found_ms, pack(facts)) for first, found_ms, facts in carried.rows],
    )
    _note(db, "facts_epoch", carried.epoch)
    for first, _, facts in carried.rows[-1:]:
        _note(db, "facts", first + len(facts) - 1)


def _erase(db: sqlite3.Connection, erasing: Erasing, position: int) -> None:
    for key in erasing.visitors:
        row = db.execute(
            "/* ProfileStore.commit */ delete from visitors where key = ? returning visitor", (key,)
        ).fetchone()
        if row is not None:
            for table in (*ROWS, "waiting", "pending"):
                db.execute(f"/* ProfileStore.commit */ delete from {table} where visitor = ?", row)  # noqa: S608
    for table, column, values in (
        ("profile_ids", "profile_id", erasing.profile_ids),
        ("retractions", "message_id", erasing.message_ids),
        ("retraction_events", "retraction", erasing.retraction_events),
        ("quarantine", "position", erasing.positions),
    ):
        db.executemany(
            f"/* ProfileStore.commit */ delete from {table} where {column} = ?",  # noqa: S608
            [(each,) for each in values],
        )
    db.executemany(
        "/* ProfileStore.commit */ update retractions set reason = ? where retraction = ?",
        [(reason, each) for each, reason in erasing.reasons.items()],
    )
    _forget_arrivals(db, erasing.positions)
    _forget_facts(db, erasing.facts)
    _note(db, "erased", position)


def _forget_arrivals(db: sqlite3.Connection, positions: set[int]) -> None:
    """Take events out of the arrivals, batch by batch."""
    left = sorted(positions, reverse=True)
    while left:
        row = db.execute(
            "/* ProfileStore.commit */ select first, hashes, positions from arrivals where first <= ? "
            "order by first desc limit 1",
            (left[0],),
        ).fetchone()
        if row is None:
            return
        first, hashes, packed = row
        kept = [(n, each) for n, each in enumerate(array("q", packed)) if each not in positions]
        if len(kept) < len(packed) // 8:
            db.execute(
                "/* ProfileStore.commit */ update arrivals set hashes = ?, positions = ? where first = ?",
                (
                    b"".join(hashes[n * HASH_BYTES : (n + 1) * HASH_BYTES] for n, _ in kept),
                    array("q", [each for _, each in kept]).tobytes(),
                    first,
                ),
            )
        left = [each for each in left if each < first]


def _forget_facts(db: sqlite3.Connection, numbers: set[int]) -> None:
    """Take facts out of their rows, which keep the places of the others."""
    left = sorted(numbers, reverse=True)
    while left:
        row = db.execute(
            "/* ProfileStore.commit */ select first, facts from facts where first <= ? order by first desc limit 1",
            (left[0],),
        ).fetchone()
        if row is None:
            return
        first, packed = row
        db.execute(
            "/* ProfileStore.commit */ update facts set facts = ? where first = ?",
            (pack(without(unpack(packed), first, numbers)), first),
        )
        left = [each for each in left if each < first]


def leave_nothing(db: sqlite3.Connection) -> tuple[bool, bool]:
    """Whether no trace is left, and whether that is news.

    The file is written anew: SQLite overwrites deleted rows, but not the copies of them that it leaves in the free
    space of pages it once split.
    """
    found = dict(db.execute("/* ProfileStore.leave_no_trace */ select name, value from books"))
    erased = found.get("erased", 0)
    if found.get("traceless", 0) >= erased:
        return True, False
    if found.get("rewritten", 0) < erased:
        db.execute("/* ProfileStore.leave_no_trace */ vacuum")
        _note(db, "rewritten", erased)
    if not leave_no_trace(db):
        return False, False
    _note(db, "traceless", erased)
    return True, True


def _note(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("/* ProfileStore.note */ insert or replace into books (name, value) values (?, ?)", (name, value))


def _has_rows(change: VisitorChange) -> bool:
    return bool(
        change.refolded
        or change.chunks
        or change.slices
        or change.sessions
        or change.runs
        or change.dropped_runs
        or change.dropped_slices
        or change.dropped_sessions
        or change.index
        or change.carrying
    )


def _keep_records(db: sqlite3.Connection, changes: list[VisitorChange], pack: Pack) -> None:
    """Keep visitors that closed nothing and named nobody new: nearly all, in one go."""
    db.executemany(
        """/* ProfileStore.commit */ insert into visitors (key, record, shared) values (?, ?, ?)
        on conflict (key) do update set record = excluded.record, shared = excluded.shared""",
        [(change.key, seal(pack(change.record), change.key), change.record.shared) for change in changes],
    )


def _keep_visitor(db: sqlite3.Connection, change: VisitorChange, pack: Pack) -> None:
    (visitor,) = db.execute(
        """/* ProfileStore.commit */ insert into visitors (key, record, shared) values (?, ?, ?)
        on conflict (key) do update set record = excluded.record, shared = excluded.shared returning visitor""",
        (change.key, seal(pack(change.record), change.key), change.record.shared),
    ).fetchone()
    if change.refolded:
        for table in (*ROWS, "waiting"):
            db.execute(f"/* ProfileStore.commit */ delete from {table} where visitor = ?", (visitor,))  # noqa: S608
    if change.chunks:
        db.executemany(
            "/* ProfileStore.commit */ insert or replace into chunks (visitor, number, refs) values (?, ?, ?)",
            [(visitor, number, seal(pack(each), change.key, number)) for number, each in change.chunks.items()],
        )
    if change.slices:
        db.executemany(
            """/* ProfileStore.commit */
            insert or replace into slices (visitor, number, started, slice) values (?, ?, ?, ?)""",
            [
                (visitor, number, each.first[0], seal(pack(each), change.key, number))
                for number, each in change.slices.items()
            ],
        )
    if change.sessions:
        db.executemany(
            """/* ProfileStore.commit */
            insert or replace into sessions (visitor, number, started, session) values (?, ?, ?, ?)""",
            [
                (visitor, number, each.first[0], seal(pack(each), change.key, number))
                for number, each in change.sessions.items()
            ],
        )
    if change.runs:
        db.executemany(
            "/* ProfileStore.commit */ insert or replace into runs (visitor, number, run) values (?, ?, ?)",
            [(visitor, number, seal(pack(each), change.key, number)) for number, each in change.runs.items()],
        )
    if change.dropped_runs:
        db.executemany(
            "/* ProfileStore.commit */ delete from runs where visitor = ? and number = ?",
            [(visitor, number) for number in change.dropped_runs],
        )
    for table, column in (("slices", "number"), ("carrying", "slice")) if change.dropped_slices else ():
        db.executemany(
            f"/* ProfileStore.commit */ delete from {table} where visitor = ? and {column} = ?",  # noqa: S608
            [(visitor, number) for number in change.dropped_slices],
        )
    if change.dropped_sessions:
        db.executemany(
            "/* ProfileStore.commit */ delete from sessions where visitor = ? and number = ?",
            [(visitor, number) for number in change.dropped_sessions],
        )
    if change.index:
        db.executemany(
            """/* ProfileStore.commit */ insert into naming (identifier, visitor, proves) values (?, ?, ?)
            on conflict (identifier, visitor) do update set proves = max(proves, excluded.proves)""",
            [(name, visitor, proves) for name, proves in change.index.items()],
        )
    if change.carrying:
        db.executemany(
            """/* ProfileStore.commit */
            insert or replace into carrying (visitor, slice, contact, user) values (?, ?, ?, ?)""",
            [
                (visitor, number, contact, each.user)
                for number, each in change.carrying.items()
                for contact in sorted(each.contacts)
            ],
        )
