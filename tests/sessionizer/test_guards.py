"""Guards (docs/identity.md, rule 17): what implausibly many use says nothing about who somebody is."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Collection
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.event import RETRACTION, Contact, Event, Trust, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from collector.runtime.sqlite import migrations, statements
from sessionizer import crowds
from sessionizer.finding import find
from sessionizer.loading import Loader
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.state import Visitor
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemorySnapshot, MemoryStore
from sessionizer.store.opening import open_store
from sessionizer.views import Identity
from sessionizer.worker import Worker
from tests.folding import as_bytes, check, exported, few_are_many, fold, fold_in_memory
from tests.histories import batches, histories, visits
from tests.oracle import Most
from tests.sessionizer import test_as_of, test_dry_run, test_erasure
from tests.sessionizer.test_erasure import House, others
from tests.sessionizer.test_late_events import LOGOUT, event, mail


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
    """The message ids of each profile, which are also what the oracle says."""
    check(history, sizes or [])
    by_profile: dict[str, list[str]] = {}
    for each in fold_in_memory(history, sizes or [])["events"]:
        by_profile.setdefault(each["profile_id"], []).append(each["message_id"])
    return sorted(map(sorted, by_profile.values()))


async def take(log: EventLog, store: ProfileStore, history: list[Event]) -> None:
    """Append a history, and fold it as it comes."""
    await log.append([Record(each.anonymous_id or "", to_record(each)) for each in history])
    await Worker(log, store).catch_up()


async def identity(history: list[Event], who: Who) -> Identity:
    log, store = MemoryLog(), MemoryStore()
    await take(log, store, history)
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


FEW = Most(users_of_device=1, users_of_contact=1, devices_of_contact=1)
"""Two are too many already, so that short histories meet the rule."""


@given(visits(), batches)
@settings(max_examples=100)
def test_with_guards_visits_in_any_order_of_arrival_are_what_the_oracle_says(
    history: list[Event], sizes: tuple[int, ...]
) -> None:
    check(history, sizes, FEW)


@given(st.data(), histories())
@settings(max_examples=30)
def test_with_guards_the_past_is_as_if_nothing_had_been_received_later(
    data: st.DataObject, history: list[Event]
) -> None:
    with few_are_many(FEW):
        test_as_of._check(data, history, "memory")


@given(histories(), test_dry_run.retracting, st.integers(1, 9))
@settings(max_examples=30)
def test_with_guards_a_dry_run_tells_what_happens(history: list[Event], event_: Event, batch: int) -> None:
    with few_are_many(FEW):
        asyncio.run(test_dry_run.check(history, event_, MemoryStore(), batch))


@given(st.data(), histories(), batches)
@settings(max_examples=30)
def test_with_guards_an_erasure_leaves_everybody_else_as_before(
    data: st.DataObject, history: list[Event], sizes: list[int]
) -> None:
    erased = test_erasure.test_an_erased_person_is_gone_and_everybody_else_is_as_before
    with few_are_many(FEW):
        erased.hypothesis.inner_test(data, history, sizes)  # type: ignore[attr-defined]


@given(histories(), batches)
@settings(max_examples=30)
def test_the_store_counts_carriers_as_their_slices_do(history: list[Event], sizes: list[int]) -> None:
    async def run() -> None:
        log = MemoryLog()
        with tempfile.TemporaryDirectory() as folder:
            in_file = await open_store(f"sqlite:{folder}/people.db", writer=True)
            try:
                for store in (MemoryStore(), in_file):
                    await fold(log if store is in_file else MemoryLog(), store, history, sizes)
                    async with store.snapshot() as snapshot:
                        names = {f"{each.type}:{each.value}" for event_ in history for each in event_.contacts}
                        told = await snapshot.crowds(names, 99, 99)
                        assert told == {name: await crowds.count(snapshot, name, 99, 99) for name in names}
            finally:
                await in_file.close()

    asyncio.run(run())


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


# ---- contacts

SHOP = mail("till@shop.example")


def at_the_till(count: int) -> list[Event]:
    """This many customers, each on a device of their own, whose orders were typed in with the shop's own address."""
    return [
        event(f"c{nth:02}", nth, anonymous_id=f"c{nth}", user_id=f"u{nth:02}", contacts=SHOP) for nth in range(count)
    ]


def devices(count: int) -> list[Event]:
    """The same without accounts."""
    return [event(f"d{nth:04}", 0, anonymous_id=f"d{nth}", contacts=SHOP) for nth in range(count)]


VISIT = event("v", 300, anonymous_id="visitor", contacts=SHOP)


def test_twenty_customers_with_one_address_still_give_it_an_owner() -> None:
    assert ["c19", "v"] in people([*at_the_till(20), VISIT])


def test_of_twenty_one_customers_with_one_address_none_owns_it() -> None:
    assert ["v"] in people([*at_the_till(21), VISIT])


def test_the_next_contact_decides_where_the_first_is_shared() -> None:
    phone = (Contact(type="phone", value="+4930111"),)
    seen = [*at_the_till(21), event("p", 0, anonymous_id="hers", user_id="jane", contacts=phone)]
    found = people([*seen, event("v", 300, anonymous_id="visitor", contacts=(*SHOP, *phone))])
    assert ["p", "v"] in found


async def test_a_thousand_devices_with_one_address_are_one_person_and_one_more_is_a_thousand_and_one() -> None:
    log, store = MemoryLog(), MemoryStore()
    *thousand, one_more = devices(1001)
    await take(log, store, thousand)
    assert len(await exported(FoldedPeople(store, log), "profiles")) == 1
    await take(log, store, [one_more])
    profiles = await exported(FoldedPeople(store, log), "profiles")
    assert [each["totals"]["events"] for each in profiles] == [1] * 1001


def test_a_shared_address_joins_no_two_of_those_who_carry_it_but_another_does() -> None:
    card = (Contact(type="loyalty_card", value="L1"),)
    seen = [event(each, 0, anonymous_id=each, contacts=(*SHOP, *card)) for each in ("a", "b")]
    assert ["a", "b"] in people([*at_the_till(21), *seen, VISIT])


async def test_a_shared_address_names_nobody_and_stays_on_the_profiles_that_have_it() -> None:
    log, store = MemoryLog(), MemoryStore()
    await fold(log, store, [*at_the_till(21), VISIT], [1] * 22)
    readers = FoldedPeople(store, log)
    assert await readers.profile(Who("email", "till@shop.example")) is None
    visitor = await readers.profile(Who("anonymous_id", "visitor"))
    assert visitor is not None
    assert (visitor.status, visitor.totals.events) == ("known", 1)
    assert [each.type for each in visitor.identifiers] == ["email", "anonymous_id"]
    assert await readers.profile(Who("profile_id", visitor.profile_id)) == visitor


def test_an_address_is_shared_in_any_order_of_arrival_and_no_more_once_undone() -> None:
    seen = [*at_the_till(21), VISIT]
    for undo, alone in ([], True), ([takes_back("c03")], False):
        in_time = fold_in_memory([*seen, *undo], [])
        late = [*undo, *seen]
        Random(len(undo)).shuffle(late)
        assert as_bytes(fold_in_memory(late, [1] * len(late))) == as_bytes(in_time)
        assert (["v"] in people([*seen, *undo])) == alone


async def test_erasing_one_of_twenty_one_customers_gives_the_others_nothing() -> None:
    house = House()
    await house.take([*at_the_till(21), VISIT])
    before = await house.exports()
    done = await house.erase(Who("user_id", "u03"))
    assert done is not None
    assert await house.exports() == others(before, done.receipt.profile_id)
    assert await (await house.replayed()).exports() == await house.exports()
    await house.take([event("later", 400, anonymous_id="visitor", contacts=SHOP)])
    profile = await house.people.profile(Who("anonymous_id", "visitor"))
    assert profile is not None
    assert profile.totals.events == 2


async def test_identity_says_that_a_contact_is_shared() -> None:
    found = await identity([*at_the_till(21), VISIT], Who("anonymous_id", "visitor"))
    (slice_,), (contact,) = found.slices, found.contacts
    assert slice_.evidence.rule == 11
    assert "email till@shop.example, which was given, is shared" in slice_.evidence.because
    assert contact.guard is not None
    assert contact.guard.because.startswith("More than 20 users gave email till@shop.example")
    found = await identity(devices(1001), Who("anonymous_id", "d7"))
    assert found.contacts[0].guard is not None
    assert found.contacts[0].guard.because.startswith("More than 1,000 devices without a login gave")
    found = await identity([*at_the_till(20), VISIT], Who("anonymous_id", "visitor"))
    assert {each.guard for each in found.contacts} == {None}


class Counting(MemorySnapshot):
    """A snapshot that notes which visitors were loaded."""

    loaded: ClassVar[set[str]] = set()

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        self.loaded.update(keys)
        return await super().visitors(keys)


async def test_nobody_elses_visitors_are_loaded_for_a_shared_address() -> None:
    log, store = MemoryLog(), MemoryStore()
    await take(log, store, [*devices(1001), VISIT])
    Counting.loaded.clear()
    person = await find(Loader(Counting(store), log), Who("anonymous_id", "visitor"))
    assert person is not None
    assert Counting.loaded == {"dvisitor"}


@pytest.mark.parametrize("history", [[*logins(21)], [*at_the_till(21), VISIT]], ids=["device", "contact"])
def test_a_dry_run_tells_what_an_undo_gives_back(history: list[Event]) -> None:
    undo = takes_back("in03", "c03")
    asyncio.run(test_dry_run.check(history, undo, MemoryStore(), 100))
