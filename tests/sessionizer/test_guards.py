"""Guards (docs/identity.md, rule 17): what implausibly many use says nothing about who somebody is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.event import RETRACTION, Event, Trust
from collector.log.memory import MemoryLog
from collector.runtime.sqlite import migrations, statements
from sessionizer import guards
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store.memory import MemoryStore
from sessionizer.store.opening import open_store
from sessionizer.views import Identity
from tests.folding import as_bytes, fold, fold_in_memory
from tests.histories import arrivals, histories, visits
from tests.sessionizer.test_erasure import House, others
from tests.sessionizer.test_late_events import LOGOUT, event

batches = st.lists(st.integers(1, 3), min_size=2, max_size=8)


def logins(count: int, minute: float = 0) -> list[Event]:
    """This many customers log in at the kiosk, one after another, each after a look around."""
    made = []
    for nth in range(count):
        made.append(event(f"look{nth:02}", minute + 10 * nth))
        made.append(event(f"in{nth:02}", minute + 10 * nth + 1, user_id=f"u{nth:02}"))
        made.append(event(f"out{nth:02}", minute + 10 * nth + 2, **LOGOUT))
    return made


def takes_back(*message_ids: str) -> Event:
    properties = {"message_ids": list(message_ids)}
    return event("undo", 9999, type=RETRACTION, trust=Trust.SERVER, anonymous_id=None, properties=properties)


def people(history: list[Event], sizes: list[int] | None = None) -> list[list[str]]:
    """The message ids of each profile."""
    by_profile: dict[str, list[str]] = {}
    for each in fold_in_memory(history, sizes or [])["events"]:
        by_profile.setdefault(each["profile_id"], []).append(each["message_id"])
    return sorted(map(sorted, by_profile.values()))


async def identity(history: list[Event], who: Who) -> Identity:
    log, store = MemoryLog(), MemoryStore()
    await fold(log, store, history, [])
    found = await FoldedPeople(store, log).identity(who)
    assert found is not None
    return found


def test_on_a_device_of_twenty_users_a_login_claims_what_came_before_it() -> None:
    assert ["in00", "look00", "out00"] in people(logins(20))


def test_on_a_device_of_twenty_one_users_a_login_claims_nothing() -> None:
    found = people(logins(21))
    assert ["look00"] in found
    assert ["in00", "out00"] in found
    assert len(found) == 42


def test_what_follows_a_login_on_a_shared_device_is_the_users_until_the_next() -> None:
    seen = [*logins(21), event("a", 900, user_id="u00"), event("b", 901), event("c", 902, user_id="u01")]
    found = people(seen)
    assert ["a", "b", "in00", "out00"] in found
    assert ["c", "in01", "out01"] in found


def test_only_used_names_count_not_claimed_ones() -> None:
    proven = event("p", 0, anonymous_id="d2", user_id="u20", trust=Trust.PROVEN)
    assert ["in00", "look00", "out00"] in people([*logins(21), proven])


def test_the_twenty_first_user_parts_what_logins_had_claimed_and_an_undo_joins_it_again() -> None:
    shared = logins(21)
    assert ["look00"] in people(shared, [1] * 63)
    undone = [*shared, takes_back("in20")]
    assert ["in00", "look00", "out00"] in people(undone, [1] * 64)
    assert as_bytes(fold_in_memory(undone, [1] * 64)) == as_bytes(fold_in_memory([undone[-1], *shared], []))


@pytest.mark.parametrize("seed", range(4))
def test_a_shared_device_is_the_same_in_any_order_of_arrival(seed: int) -> None:
    history = [*logins(22), event("a", 900, user_id="u00"), event("b", 901), event("c", 902, user_id="u01")]
    in_time = as_bytes(fold_in_memory(history, []))
    Random(seed).shuffle(history)
    assert as_bytes(fold_in_memory(history, [1] * len(history))) == in_time


@contextmanager
def few_are_many() -> Iterator[None]:
    """A device of two users is shared already, so that short histories meet the rule."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards, "MOST_USERS", 1)
        yield


@given(data=st.data(), history=st.one_of(histories(), visits()), sizes=batches)
def test_with_shared_devices_the_order_of_arrival_changes_nothing(
    data: st.DataObject, history: list[Event], sizes: list[int]
) -> None:
    arrived = data.draw(arrivals(history))
    with few_are_many():
        assert as_bytes(fold_in_memory(arrived, sizes)) == as_bytes(fold_in_memory(history, []))


async def test_identity_says_that_a_device_is_shared_and_by_which_logins() -> None:
    seen = [*logins(21), event("a", 900, user_id="u00")]
    at_the_kiosk = await identity(seen, Who("user_id", "u00"))
    for each in at_the_kiosk.slices:
        assert each.guard is not None
        assert each.guard.rule == 17
        assert each.guard.message_ids == [f"in{nth:02}" for nth in range(21)]
        assert "nothing from before it is claimed" in each.guard.because
        assert "what came before" not in each.evidence.because

    nobody = await identity([*seen, event("out", 901, **LOGOUT), event("b", 902)], Who("anonymous_id", "d1"))
    (alone,) = nobody.slices
    assert alone.guard is not None
    assert "given to nobody" in alone.guard.because


async def test_identity_says_nothing_of_guards_where_there_are_none() -> None:
    found = await identity(logins(20), Who("user_id", "u00"))
    assert [each.guard for each in found.slices] == [None]
    assert msgspec.to_builtins(found)["slices"][0]["guard"] is None


async def test_erasing_one_of_twenty_one_gives_the_others_no_ones_history() -> None:
    house = House()
    await house.take(logins(21))
    before = await house.exports()
    done = await house.erase(Who("user_id", "u03"))
    assert done is not None
    assert await house.exports() == others(before, done.receipt.profile_id)
    assert await (await house.replayed()).exports() == await house.exports()


@pytest.mark.parametrize("database", [False, True])
async def test_a_store_from_before_guards_is_folded_again(database: bool, tmp_path: Path) -> None:
    """Its records do not know their users, so the migration sends the mind back to the log's start."""
    path = tmp_path / "people.db"
    if database:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for number, sql in migrations(files("sessionizer.store") / "migrations" / "sqlite")[:2]:
                for statement in statements(sql):
                    db.execute(statement)
                db.execute(f"pragma user_version = {number}")
            db.execute("insert into visitors (key, record) values ('dd1', x'00')")
            db.execute("insert into profile_ids (profile_id, root) values ('handed-out', '[\"user\",\"u00\"]')")
            db.execute("update books set value = 63 where name = 'position'")
    log, store = MemoryLog(), await open_store(f"sqlite:{path}", writer=True)
    try:
        await fold(log, store, logins(21), [])
        async with store.snapshot() as snapshot:
            assert await snapshot.shared_devices() == ["dd1"]
            assert await snapshot.root("handed-out") == (("user", "u00") if database else None)
    finally:
        await store.close()
