"""What every ProfileStore promises, held against each backend."""

import asyncio
import itertools
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collector.runtime.folder import Taken
from sessionizer.facts import FactRow, SessionStarted
from sessionizer.state import Carrying, Key, Refs, Run, Session, Slice, Visitor, VisitorChange
from sessionizer.store import Commit, Conflict, Crowd, Erasing, ProfileStore, StoreUnavailable
from sessionizer.store.memory import MemoryStore
from sessionizer.store.sqlite import SqliteStore

AT_7, AT_8 = "2026-03-02T07:00:00.000Z", "2026-03-02T08:00:00.000Z"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ProfileStore]:
    if request.param == "memory":
        opened: ProfileStore = MemoryStore()
    else:
        opened = await SqliteStore.open(tmp_path / "store.db", writer=True, run_dir=tmp_path)
    yield opened
    await opened.close()


def key(t: int) -> Key:
    return (t, f"m{t}", "default", False)


def part(number: int, first: int, last: int | None = None) -> Slice:
    return Slice(number=number, first=key(first), last=key(first if last is None else last))


def run(number: int, first: int) -> Session:
    return Session(number=number, began_in=0, first=key(first), last=key(first))


def sum_of(number: int, first: int) -> Run:
    return Run(number=number, slice=part(0, first), session=run(0, first))


def refs(*positions: int) -> Refs:
    made = Refs()
    for nth, position in enumerate(positions):
        made.put(nth, bytes([position]) * 16, position * 1000, position)
    return made


def change(device: str, **fields: Any) -> VisitorChange:
    return VisitorChange(key=f"d{device}", record=Visitor(device=device, slice=part(9, 90)), **fields)


def commit(expected: int, position: int, *changes: VisitorChange, **fields: Any) -> Commit:
    made = Commit(expected, position)
    made.changes = list(changes)
    for name, value in fields.items():
        assert hasattr(made, name)
        setattr(made, name, value)
    return made


async def test_a_new_store_is_empty_and_at_zero(store: ProfileStore) -> None:
    assert await store.position() == 0
    async with store.snapshot() as snapshot:
        assert snapshot.position == 0
        assert await snapshot.keys("", 10) == []
        assert await snapshot.roots("", 10) == []
        assert await snapshot.quarantined() == []
        assert await snapshot.visitors(["dA"]) == {}
        assert await snapshot.root("nobody") is None
        assert (await snapshot.counts())["position"] == 0


async def test_position_and_state_are_kept_together(store: ProfileStore) -> None:
    await store.commit(commit(0, 7, change("A"), counted={"stored": 3}))
    await store.commit(commit(7, 9, change("B"), counted={"stored": 2, "duplicate": 1}))
    assert await store.position() == 9
    async with store.snapshot() as snapshot:
        assert snapshot.position == 9
        found = await snapshot.visitors(["dA", "dB", "dC"])
        assert {name: record.device for name, record in found.items()} == {"dA": "A", "dB": "B"}
        counts = await snapshot.counts()
        assert {name: counts[name] for name in ("position", "stored", "duplicate")} == {
            "position": 9,
            "stored": 5,
            "duplicate": 1,
        }


async def test_a_commit_from_another_position_is_a_conflict_and_keeps_nothing(store: ProfileStore) -> None:
    await store.commit(commit(0, 5))
    for expected in (0, 4, 6):
        late = commit(expected, 8, change("A", index={"email:a": True}), counted={"stored": 1}, quarantined=[(6, "no")])
        with pytest.raises(Conflict):
            await store.commit(late)
    assert await store.position() == 5
    async with store.snapshot() as snapshot:
        assert await snapshot.keys("", 10) == []
        assert await snapshot.protected(["email:a"]) == set()
        assert await snapshot.quarantined() == []
        assert (await snapshot.counts()).get("stored", 0) == 0


async def test_rows_are_added_and_replaced_by_number_and_come_in_order(store: ProfileStore) -> None:
    await store.commit(
        commit(0, 1, change("A", chunks={0: refs(1, 2)}, slices={1: part(1, 50)}, sessions={2: run(2, 50)}))
    )
    await store.commit(
        commit(
            1,
            2,
            change("A", chunks={1: refs(3)}, slices={0: part(0, 10), 1: part(1, 50, 60)}, sessions={0: run(0, 10)}),
        )
    )
    async with store.snapshot() as snapshot:
        chunks = (await snapshot.chunks(["dA", "dB"]))["dA"]
        assert [list(each.positions) for each in chunks] == [[1, 2], [3]]
        assert (await snapshot.slices(["dA", "dB"])) == {"dA": [part(0, 10), part(1, 50, 60)]}
        assert (await snapshot.sessions(["dA", "dB"])) == {"dA": [run(0, 10), run(2, 50)]}


async def test_a_dropped_session_is_gone(store: ProfileStore) -> None:
    await store.commit(commit(0, 1, change("A", sessions={0: run(0, 10), 1: run(1, 20)})))
    await store.commit(commit(1, 2, change("A", sessions={1: run(1, 10)}, dropped_sessions=[0])))
    async with store.snapshot() as snapshot:
        assert (await snapshot.sessions(["dA"]))["dA"] == [run(1, 10)]


async def test_a_dropped_slice_is_gone_with_what_it_carried(store: ProfileStore) -> None:
    jane = Carrying(user="jane", contacts=frozenset(["email:a"]))
    index = {"email:a": False}
    await store.commit(
        commit(0, 1, change("A", slices={0: part(0, 10), 1: part(1, 20)}, carrying={0: jane, 2: jane}, index=index))
    )
    await store.commit(commit(1, 2, change("A", slices={3: part(3, 5)}, dropped_slices=[0, 2])))
    async with store.snapshot() as snapshot:
        assert (await snapshot.slices(["dA"]))["dA"] == [part(3, 5), part(1, 20)]
        assert await snapshot.crowds(["email:a"], 9, 9) == {"email:a": Crowd(users=0, devices=0)}


async def test_of_a_record_the_last_session_can_be_read_alone(store: ProfileStore) -> None:
    record = Visitor(device="A", events=3, tail=refs(1, 2), slice=part(0, 10), session=run(4, 10), received=AT_7)
    await store.commit(commit(0, 1, VisitorChange(key="dA", record=record)))
    async with store.snapshot() as snapshot:
        found = (await snapshot.last_sessions(["dA", "dB"]))["dA"]
    assert (found.device, found.session, found.received) == ("A", run(4, 10), AT_7)


async def test_runs_are_kept_in_order_until_they_are_dropped(store: ProfileStore) -> None:
    await store.commit(commit(0, 1, change("A", runs={0: sum_of(0, 50), 1: sum_of(1, 10)})))
    await store.commit(commit(1, 2, change("A", runs={1: sum_of(1, 20), 2: sum_of(2, 30)}, dropped_runs=[0, 7])))
    async with store.snapshot() as snapshot:
        assert (await snapshot.runs(["dA", "dB"]))["dA"] == [sum_of(1, 20), sum_of(2, 30)]


async def test_a_refold_replaces_every_row_and_every_name(store: ProfileStore) -> None:
    rows: dict[str, Any] = {"chunks": {0: refs(1)}, "slices": {0: part(0, 1)}, "sessions": {0: run(0, 1)}}
    rows["runs"] = {0: sum_of(0, 1)}
    await store.commit(
        commit(0, 1, change("A", index={"email:old": True, "email:both": True}, **rows), change("B", **rows))
    )
    await store.commit(commit(1, 2, change("A", refolded=True, index={"email:both": False, "email:new": False})))
    async with store.snapshot() as snapshot:
        for read in (snapshot.chunks, snapshot.slices, snapshot.sessions, snapshot.runs):
            assert not (await read(["dA"])).get("dA")
        assert await snapshot.naming(["email:old", "email:both", "email:new"]) == {
            "email:old": [],
            "email:both": ["dA"],
            "email:new": ["dA"],
        }
        assert await snapshot.protected(["email:old", "email:both"]) == set()
        assert len((await snapshot.slices(["dB"]))["dB"]) == 1, "nobody else's rows go"


async def test_the_neighbours_of_a_time_are_found(store: ProfileStore) -> None:
    starts = (10, 20, 20, 30, 40)
    slices = {number: part(number, t) for number, t in enumerate(starts)}
    sessions = {number: run(number, t) for number, t in enumerate(starts)}
    await store.commit(
        commit(0, 1, change("A", slices=slices, sessions=sessions), change("B", slices={0: part(0, 25)}))
    )
    for t, expected in ((5, {10}), (10, {10, 20}), (15, {10, 20}), (20, {10, 20, 30}), (25, {20, 30}), (99, {40})):
        async with store.snapshot() as snapshot:
            for near in (await snapshot.slices_near({"dA": [t]}), await snapshot.sessions_near({"dA": [t]})):
                firsts = [each.first for each in near["dA"]]
                assert {first[0] for first in firsts} == expected
                assert firsts == sorted(firsts)
                assert near.keys() == {"dA"}
    async with store.snapshot() as snapshot:
        both = await snapshot.slices_near({"dA": [5, 99, 99], "dB": [1]})
        assert {name: [each.first[0] for each in found] for name, found in both.items()} == {"dA": [10, 40], "dB": [25]}


async def test_names_find_their_visitors_sorted_and_a_proof_stays(store: ProfileStore) -> None:
    await store.commit(commit(0, 1, change("é", index={"user_id:u": False}), change("z", index={"user_id:u": True})))
    await store.commit(commit(1, 2, change("Z", index={"user_id:u": False}), change("z", index={"user_id:u": False})))
    async with store.snapshot() as snapshot:
        assert await snapshot.naming(["user_id:u", "user_id:x"]) == {"user_id:u": ["dZ", "dz", "dé"], "user_id:x": []}
        assert await snapshot.provers(["user_id:u", "user_id:x"]) == {"user_id:u": {"dz"}}
        assert await snapshot.protected(["user_id:u", "user_id:x"]) == {"user_id:u"}


async def test_shared_devices_are_found_as_long_as_they_are(store: ProfileStore) -> None:
    shared = Visitor(device="B", slice=part(9, 90), shared=True)
    await store.commit(commit(0, 1, change("A"), VisitorChange(key="dB", record=shared), change("C")))
    async with store.snapshot() as snapshot:
        assert await snapshot.shared_devices() == ["dB"]
    await store.commit(commit(1, 2, change("B"), VisitorChange(key="dC", record=shared, index={"email:a": False})))
    async with store.snapshot() as snapshot:
        assert await snapshot.shared_devices() == ["dC"]


async def test_who_carries_a_contact_is_counted_up_to_a_number(store: ProfileStore) -> None:
    def carries(user: str | None, *contacts: str) -> Carrying:
        return Carrying(user=user, contacts=frozenset(contacts))

    changes = [
        change(f"u{n}", carrying={0: carries(f"u{n}", "email:a"), 1: carries("all", "email:a")}) for n in range(4)
    ]
    changes += [change(f"d{n}", carrying={n: carries(None, "email:a", "phone:b") for n in range(2)}) for n in range(5)]
    changes += [change("x", carrying={0: carries(None, "email:a")})]
    for each in changes:
        each.index = {name: False for carried in each.carrying.values() for name in carried.contacts}
    await store.commit(commit(0, 1, *changes))
    await store.commit(
        commit(
            1,
            2,
            change("x", carrying={0: carries("u0", "email:a", "card:c")}, index={"card:c": False}),
            change("u3", refolded=True, carrying={7: carries("u3", "email:a")}, index={"email:a": False}),
        )
    )
    names = ["email:a", "phone:b", "card:c", "email:none"]
    async with store.snapshot() as snapshot:
        assert await snapshot.crowds(names, 99, 99) == {
            "email:a": Crowd(users=5, devices=5),
            "phone:b": Crowd(users=0, devices=5),
            "card:c": Crowd(users=1, devices=0),
            "email:none": Crowd(users=0, devices=0),
        }
        assert await snapshot.crowds(names[:1], 3, 2) == {"email:a": Crowd(users=3, devices=2)}
        assert await snapshot.crowded(4, 5) == {"email:a": Crowd(users=5, devices=5)}
        assert (await snapshot.crowded(99, 4)).keys() == {"email:a", "phone:b"}
        assert await snapshot.crowded(5, 5) == {}


async def test_retractions_are_found_by_what_they_name_and_by_themselves(store: ProfileStore) -> None:
    first = [("m1", "r1", "a mistake", AT_8), ("m2", "r1", "a mistake", AT_8)]
    await store.commit(commit(0, 1, retracted=first, retraction_events=["default:r1"]))
    await store.commit(commit(1, 2, retracted=[("m1", "r2", "again", AT_8), ("m1", "r1", "other words", AT_8)]))
    async with store.snapshot() as snapshot:
        assert await snapshot.retracted(["m1", "m2", "m3"]) == {"m1", "m2"}
        assert await snapshot.retractions(["m1", "m3"]) == {"m1": [("r1", "a mistake"), ("r2", "again")]}
        assert await snapshot.known_retractions(["default:r1", "default:r2"]) == {"default:r1"}


async def test_a_message_is_retracted_since_its_first_retraction_was_received(store: ProfileStore) -> None:
    told = [("m1", "r1", "", AT_8), ("m1", "r2", "", AT_7), ("m2", "r1", "", AT_8), ("m3", "r1", "", AT_8)]
    await store.commit(commit(0, 1, retracted=told))
    await store.commit(commit(1, 2, retracted=[("m3", "r1", "of another source", AT_7)]))
    async with store.snapshot() as snapshot:
        assert await snapshot.retracted_after("2026-03-02T06:59:59.999Z") == {"m1", "m2", "m3"}
        assert await snapshot.retracted_after(AT_7) == {"m2"}
        assert await snapshot.retracted_after(AT_8) == set()


async def test_where_a_message_id_may_lie_is_found_by_its_hash(store: ProfileStore) -> None:
    def hashed(nth: int) -> bytes:
        return nth.to_bytes(8, "big")

    await store.commit(commit(0, 10, arrivals=[(nth, hashed(nth)) for nth in range(1, 11)]))
    await store.commit(commit(10, 12, arrivals=[(11, hashed(3)), (12, hashed(2**40))]))
    async with store.snapshot() as snapshot:
        assert await snapshot.positions_of([hashed(3)]) == [3, 11]
        assert await snapshot.positions_of([hashed(9), hashed(2**40), hashed(77)]) == [9, 12]
        assert await snapshot.positions_of([hashed(nth) for nth in range(100)]) == [*range(1, 11), 11]
        assert await snapshot.positions_of([hashed(1)[4:] + hashed(2)[:4]]) == [], "not across two of them"
        assert await snapshot.positions_of([]) == []


async def test_profile_ids_keep_their_first_root_and_come_in_order(store: ProfileStore) -> None:
    await store.commit(commit(0, 1, roots={"b": ("user", "u"), "a": ("device", "d", "m")}))
    await store.commit(commit(1, 2, roots={"b": ("user", "other"), "c": ("contact", "email", "e@x")}))
    async with store.snapshot() as snapshot:
        assert await snapshot.root("b") == ("user", "u")
        assert await snapshot.roots("", 2) == [("a", ("device", "d", "m")), ("b", ("user", "u"))]
        assert await snapshot.roots("b", 2) == [("c", ("contact", "email", "e@x"))]
        assert await snapshot.known_ids(["a", "c", "x"]) == {"a", "c"}


async def test_keys_come_by_their_utf8_bytes_a_page_at_a_time(store: ProfileStore) -> None:
    names = ["a", "B", "é", "～", "😀", "", "a b", "a\tb", '"']
    await store.commit(commit(0, 1, *map(change, names)))
    expected = sorted((f"d{name}" for name in names), key=str.encode)
    found: list[str] = []
    async with store.snapshot() as snapshot:
        while page := await snapshot.keys(found[-1] if found else "", 2):
            found += page
        assert found == expected
        assert set(await snapshot.visitors(found)) == set(found)


async def test_what_was_set_aside_is_told_with_its_reason(store: ProfileStore) -> None:
    await store.commit(commit(0, 4, quarantined=[(4, "late"), (2, "bad")]))
    async with store.snapshot() as snapshot:
        assert await snapshot.quarantined() == [(2, "bad"), (4, "late")]


async def test_who_is_put_off_waits_until_folded_again_given_up_or_erased(store: ProfileStore) -> None:
    changes = [change(name) for name in "ABCDE"]
    await store.commit(commit(0, 1, *changes, put_off={"dA", "dB", "dC", "dD", "dUnknown"}))
    await store.commit(commit(1, 1, change("A", refolded=True), put_off={"dB"}))
    await store.commit(commit(1, 2, change("B"), given_up={"dC", "dUnknown"}))
    async with store.snapshot() as snapshot:
        assert await snapshot.waiting(["dA", "dB", "dD", "dUnknown"]) == {"dB", "dD"}
        assert sorted(await snapshot.next_waiting(10)) == ["dB", "dD"]
        assert len(await snapshot.next_waiting(1)) == 1
        assert (await snapshot.sizes())["waiting"] == 2
    erasing = Erasing(
        visitors=["dD"],
        profile_ids=set(),
        message_ids=set(),
        retraction_events=[],
        reasons={},
        positions=set(),
        facts=set(),
    )
    await store.commit(commit(2, 3, erasing=erasing))
    async with store.snapshot() as snapshot:
        assert await snapshot.next_waiting(10) == ["dB"]


async def test_waiting_wakes_at_a_commit_and_gives_up_without_one(store: ProfileStore) -> None:
    assert not await store.wait(0.02, store.heard())
    heard = store.heard()
    waiting = asyncio.create_task(store.wait(10, heard))
    await asyncio.sleep(0.01)
    await store.commit(commit(0, 1))
    async with asyncio.timeout(1):
        assert await waiting
        assert await store.wait(10, heard), "what was committed meanwhile is not missed"


async def test_what_a_reader_holds_does_not_change_the_store(store: ProfileStore) -> None:
    await store.commit(commit(0, 1, change("A")))
    async with store.snapshot() as snapshot:
        record = (await snapshot.visitors(["dA"]))["dA"]
        record.events = 99
        assert (await snapshot.visitors(["dA"]))["dA"].events == 0


async def test_in_a_file_a_snapshot_does_not_see_a_later_commit(tmp_path: Path) -> None:
    writing = await SqliteStore.open(tmp_path / "store.db", writer=True)
    reading = await SqliteStore.open(tmp_path / "store.db", writer=False)
    async with reading.snapshot() as snapshot:
        await writing.commit(commit(0, 5, change("A"), quarantined=[(1, "bad")]))
        assert (snapshot.position, await snapshot.keys("", 9), await snapshot.quarantined()) == (0, [], [])
        assert (await snapshot.counts())["position"] == 0
        async with reading.snapshot() as later:
            assert (later.position, await later.keys("", 9)) == (5, ["dA"])
    await reading.close()
    await writing.close()


async def test_in_a_file_a_commit_that_breaks_off_anywhere_keeps_nothing(tmp_path: Path) -> None:
    """Broken off after one step of SQLite's machine, after seven, and so on, until it gets through."""
    store = await SqliteStore.open(tmp_path / "store.db", writer=True)
    assert store._writer is not None
    full = change("A", chunks={0: refs(1)}, slices={0: part(0, 1)}, sessions={0: run(0, 1)}, index={"email:a": True})
    for steps in itertools.count(1, 6):
        broken_off = itertools.chain(itertools.repeat(0, steps), [1], itertools.repeat(0))
        await store._writer.run(lambda db, when=broken_off: db.set_progress_handler(lambda: next(when), 1))
        try:
            await store.commit(commit(0, 5, full, counted={"stored": 1}, quarantined=[(3, "bad")]))
        except StoreUnavailable:
            async with store.snapshot() as snapshot:
                assert (snapshot.position, await snapshot.keys("", 9), await snapshot.quarantined()) == (0, [], []), (
                    steps
                )
                assert (await snapshot.counts()).get("stored", 0) == 0
        else:
            break
    assert steps > 100
    assert await store.position() == 5
    await store._writer.run(lambda db: db.set_progress_handler(None, 0))
    await store.close()


async def test_in_a_file_everything_is_there_again_after_reopening(tmp_path: Path) -> None:
    writing = await SqliteStore.open(tmp_path / "store.db", writer=True)
    full = change("A", chunks={0: refs(1)}, slices={0: part(0, 1)}, sessions={0: run(0, 1)}, index={"email:a": True})
    await writing.commit(commit(0, 5, full, roots={"a": ("user", "u")}, retracted=[("m1", "r1", "why", AT_8)]))
    await writing.close()
    again = await SqliteStore.open(tmp_path / "store.db", writer=True)
    async with again.snapshot() as snapshot:
        assert snapshot.position == 5
        assert (await snapshot.visitors(["dA"]))["dA"] == full.record
        assert await snapshot.slices(["dA"]) == {"dA": [part(0, 1)]}
        assert await snapshot.protected(["email:a"]) == {"email:a"}
        assert await snapshot.root("a") == ("user", "u")
        assert await snapshot.retracted(["m1"]) == {"m1"}
    await again.commit(commit(5, 6))
    await again.close()


async def test_in_a_file_only_one_process_writes(tmp_path: Path) -> None:
    writing = await SqliteStore.open(tmp_path / "store.db", writer=True)
    with pytest.raises(Taken):
        await SqliteStore.open(tmp_path / "store.db", writer=True)
    reading = await SqliteStore.open(tmp_path / "store.db", writer=False)
    with pytest.raises(RuntimeError):
        await reading.commit(commit(0, 1))
    await reading.close()
    await writing.close()


COMMITTING = """
import asyncio, sys
from pathlib import Path
from sessionizer.store import Commit
from sessionizer.store.sqlite import SqliteStore

async def main(folder):
    store = await SqliteStore.open(folder / "store.db", writer=True, run_dir=folder)
    print("open", flush=True)
    sys.stdin.readline()
    await store.commit(Commit(0, 3))
    sys.stdin.readline()
    await store.close()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_in_a_file_a_commit_of_another_process_wakes_who_waits(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMITTING, str(tmp_path), stdin=pipe, stdout=pipe
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        assert await other.stdout.readline() == b"open\n"
        reading = await SqliteStore.open(tmp_path / "store.db", writer=False, run_dir=tmp_path)
        heard = reading.heard()
        assert await reading.position() == 0
        waiting = asyncio.create_task(reading.wait(20, heard))
        await asyncio.sleep(0.01)
        other.stdin.write(b"go\n")
        async with asyncio.timeout(5):
            while await reading.position() < 3:
                assert await waiting
                waiting = asyncio.create_task(reading.wait(20))
        waiting.cancel()
        await asyncio.wait([waiting])
        await reading.close()
    finally:
        other.stdin.write(b"end\n")
        other.stdin.close()
        assert await asyncio.wait_for(other.wait(), 10) == 0


async def test_in_a_file_a_reader_waits_for_the_tables(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    with pytest.raises(sqlite3.Error):
        await SqliteStore.open(tmp_path / "store.db", writer=False)


def started(nth: int) -> SessionStarted:
    return SessionStarted(device=f"d{nth}", id=bytes([nth]) * 16, first=nth)


async def test_facts_are_numbered_on_from_commit_to_commit(store: ProfileStore) -> None:
    async with store.snapshot() as snapshot:
        assert await snapshot.facts(0, 10) == []
        assert (await snapshot.counts())["facts"] == 0
    await store.commit(commit(0, 1, facts=[started(1), started(2)], found_ms=7))
    await store.commit(commit(1, 2))
    await store.commit(commit(2, 2, facts=[started(3)], found_ms=8))
    rows = [FactRow(1, 7, [started(1), started(2)]), FactRow(3, 8, [started(3)])]
    async with store.snapshot() as snapshot:
        assert (await snapshot.counts())["facts"] == 3
        assert await snapshot.facts(0, 10) == rows
        assert await snapshot.facts(0, 2) == rows[:1]
        assert await snapshot.facts(0, 3) == rows
        assert await snapshot.facts(1, 1) == rows[:1]
        assert await snapshot.facts(1, 2) == rows
        assert await snapshot.facts(2, 1) == rows[1:]
        assert [row for row in await snapshot.facts(3, 1) if row.first > 3] == []


async def test_the_facts_of_a_commit_that_conflicts_are_not_published(store: ProfileStore) -> None:
    with pytest.raises(Conflict):
        await store.commit(commit(4, 5, change("A"), facts=[started(1)], due={"dA": 5}))
    async with store.snapshot() as snapshot:
        assert await snapshot.facts(0, 10) == []
        assert await snapshot.due(9, 10) == []


async def test_visitors_are_due_when_it_was_said_until_something_else_is(store: ProfileStore) -> None:
    await store.commit(commit(0, 1, change("A"), change("B"), change("C"), due={"dA": 5, "dB": 3, "dX": 1}))
    async with store.snapshot() as snapshot:
        assert await snapshot.pending(["dA", "dB", "dC", "dX"]) == {"dA": 5, "dB": 3}
        assert await snapshot.due(2, 10) == []
        assert await snapshot.due(5, 10) == ["dB", "dA"]
        assert await snapshot.due(5, 1) == ["dB"]
    again = [change("A"), change("B", refolded=True)]
    await store.commit(commit(1, 2, *again, due={"dA": None}))
    async with store.snapshot() as snapshot:
        assert await snapshot.pending(["dA", "dB"]) == {"dB": 3}
        assert await snapshot.due(5, 10) == ["dB"]
