"""Plans an erasure: what belongs to one person and to nobody else (docs/identity.md, rule 19).

Reads one snapshot of the store, and decides; changes nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collector.erasure import Order, SharedDevice, joined
from sessionizer import guards
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, named, proves, take_apart
from sessionizer.explaining import contacts_of
from sessionizer.finding import find
from sessionizer.loading import Loader
from sessionizer.owners import Contact, Part, Person, profile_id
from sessionizer.pipeline import key_of
from sessionizer.reading import Who
from sessionizer.slices import cut_before, fold
from sessionizer.state import Cut, Slice, VisitorChange, identifier

PAGE = 500
"""Visitors loaded at once."""
ALWAYS = -(2**62)
"""Before any time there is, in ms."""


class Plan(NamedTuple):
    """Who goes, and what of them is found without reading the log through."""

    profile_id: str
    order: Order
    """Complete but for what only the log can tell: positions, copies, retractions."""
    events: list[Happening]
    devices: frozenset[str]
    """Of the events, whether or not they go altogether."""
    values: frozenset[str]
    """What names this person and nobody else: values of identifiers, whole devices, message ids."""
    sessions: int
    visitors: int


class _Device(NamedTuple):
    """One visitor of the person's: all its events in order, and which of them are theirs."""

    history: list[Happening]
    mine: list[bool]
    parts: list[Part]
    starts: list[int]
    """Where in the history each part begins."""
    gone: list[bool]
    """Which parts go."""
    cuts: list[Cut]
    """What earlier erasures left."""


async def plan(loader: Loader, erasures: Erasures, who: Who, now_ms: int) -> Plan | None:
    """What an erasure of this person at this moment takes; None when nobody is called that."""
    person = await find(loader, who)
    if person is None:
        return None
    await erasures.up_to(loader.snapshot.position)
    visitors = await _visitors(loader, erasures, person)
    gone = [
        each for device in visitors.values() for each, mine in zip(device.history, device.mine, strict=True) if mine
    ]
    left = [
        each for device in visitors.values() for each, mine in zip(device.history, device.mine, strict=True) if not mine
    ]
    whole = [device for device in visitors.values() if all(device.mine)]
    names, crowded = await _names(loader, person)
    hasher = erasures.hasher
    whole_devices = {device for each in whole if (device := each.history[0].device) is not None}
    order = Order(
        check=hasher.check,
        known=loader.snapshot.position,
        events=joined(hasher.event(each.event) for each in gone),
        devices=joined(hasher.device(each) for each in whole_devices),
        names=joined(hasher.name(each) for each in names),
        proofs=joined(hasher.name(each) for each in await _proven(loader, gone)),
        shared=[
            await _shared(loader, erasures, device, now_ms) for device in visitors.values() if not all(device.mine)
        ],
        crowded=joined(hasher.name(each) for each in crowded),
    )
    used_by_others = {name for each in left for name in named(each.event)}
    said = {each.message_id for each in gone} - {each.message_id for each in left}
    return Plan(
        profile_id=profile_id(person.root),
        order=order,
        events=gone,
        devices=frozenset(each.device for each in gone if each.device is not None),
        values=frozenset({name.partition(":")[2] for name in names - used_by_others} | said | whole_devices),
        sessions=sum(part.slice.sessions for part in person.parts),
        visitors=len(whole),
    )


async def _visitors(loader: Loader, erasures: Erasures, person: Person) -> dict[str, _Device]:
    mine = {(part.visitor, part.slice.number) for part in person.parts}
    keys = {part.visitor for part in person.parts}
    await loader.refs(keys)
    histories: dict[str, list[Happening]] = {key: [] for key in keys}
    positions = [position for key in keys for part in loader.world.parts[key] for _, position in loader.events_of(part)]
    found = take_apart(await loader.fetch(positions)).happenings
    erasures.guard(found)
    for each in found:
        histories[key_of(each)].append(each)
    visitors = {}
    for key, history in histories.items():
        history.sort(key=lambda each: each.key)
        parts = loader.world.parts[key]
        gone = [(part.visitor, part.slice.number) in mine for part in parts]
        starts = [sum(part.slice.events for part in parts[:n]) for n in range(len(parts))]
        flags = [goes for part, goes in zip(parts, gone, strict=True) for _ in range(part.slice.events)]
        visitors[key] = _Device(history, flags, parts, starts, gone, loader.records[key].cuts)
    return visitors


async def _names(loader: Loader, person: Person) -> tuple[set[str], set[str]]:
    """The person's users and contacts, as identifiers, but for contacts that somebody else uses too.

    And those of the latter that are shared only with the person's (rule 17).
    """
    names = {identifier("user_id", user) for user in person.users}
    crowded: set[str] = set()
    shared = await loader.shared({identifier(*contact) for contact in contacts_of(person)})
    for contact in contacts_of(person):
        name = identifier(*contact)
        if not await _used_elsewhere(loader, person, contact):
            names.add(name)
        elif name in shared and not await _shared_without(loader, person, contact):
            crowded.add(name)
    return names, crowded


async def _used_elsewhere(loader: Loader, person: Person, contact: Contact) -> bool:
    """Whether a slice of somebody else's carries a contact. Looks no further than the first, however many there are."""
    kind, value = contact
    mine = {(part.visitor, part.slice.number) for part in person.parts}
    keys = (await loader.snapshot.naming([identifier(*contact)]))[identifier(*contact)]
    for start in range(0, len(keys), PAGE):
        await loader.visitors(keys[start : start + PAGE])
        if any(
            value in part.slice.contacts.get(kind, ())
            for key in keys[start : start + PAGE]
            for part in loader.world.parts[key]
            if (part.visitor, part.slice.number) not in mine
        ):
            return True
    return False


async def _shared_without(loader: Loader, person: Person, contact: Contact) -> bool:
    """Whether others are enough for a contact to be shared."""
    kind, value = contact
    carriers = [part for part in person.parts if value in part.slice.contacts.get(kind, ())]
    users = len({part.slice.user for part in carriers if part.slice.user is not None})
    devices = len({part.visitor for part in carriers if part.slice.user is None and part.device is not None})
    most = (guards.MOST_USERS_OF_CONTACT + users, guards.MOST_DEVICES_OF_CONTACT + devices)
    name = identifier(*contact)
    crowd = (await loader.snapshot.crowds([name], most[0] + 1, most[1] + 1))[name]
    return crowd.users > most[0] or crowd.devices > most[1]


async def _proven(loader: Loader, gone: Iterable[Happening]) -> set[str]:
    """What the erased events protect (rule 4)."""
    provers = [each for each in gone if proves(each.event)]
    retracted = await loader.snapshot.retracted({each.message_id for each in provers})
    return {name for each in provers if each.message_id not in retracted for name in proves(each.event)}


# Devices that others' events stay on ---------------------------------------------------------------------------------


async def _shared(loader: Loader, erasures: Erasures, device: _Device, now_ms: int) -> SharedDevice:
    left = [each for each, mine in zip(device.history, device.mine, strict=True) if not mine]
    anonymous_id = device.history[0].device
    if anonymous_id is None:
        raise ValueError("an event without a device is a visitor of its own")
    cuts = await _cuts(loader, device, left)
    by_id = {each.id: each for each in left}
    hasher = erasures.hasher
    return SharedDevice(
        device=hasher.device(anonymous_id).hex(),
        hint=left[0].position,
        cuts=[(cut.t, hasher.event(by_id[cut.after].event).hex() if cut.after else "") for cut in cuts],
        gaps=gaps(device, now_ms),
    )


async def _cuts(loader: Loader, device: _Device, left: Sequence[Happening]) -> list[Cut]:
    """Where cuts must stay so that what is left stays apart as it is.

    Nearly always where something erased stood. Where that is not enough, because what was erased had a say in the cuts
    further on, all of them stay for good.
    """
    snapshot = loader.snapshot
    retracted = await snapshot.retracted({each.message_id for each in left})
    protected = await snapshot.protected({name for each in left for name in named(each.event)})
    wanted = [_shape(part.slice) for part, gone in zip(device.parts, device.gone, strict=True) if not gone]
    few, all_ = needed_cuts(device), every_cut(device)
    for cuts in (few, all_):
        if _shapes(fold(left[0].device, left, retracted, protected, cuts)) == wanted:
            return cuts
    raise ValueError(f"what would be left of device {left[0].device!r} cannot be kept apart as it is")


def _shapes(change: VisitorChange) -> list[tuple[object, ...]]:
    found = [*change.slices.values(), *([change.record.slice] if change.record.slice is not None else [])]
    return [_shape(part) for part in sorted(found, key=lambda part: part.first)]


def _shape(part: Slice) -> tuple[object, ...]:
    """What makes a slice whose it is."""
    return (part.first, part.last, part.events, part.user, part.contacts, part.sessions)


def needed_cuts(device: _Device) -> list[Cut]:
    """Where erased stretches stood, and where earlier erasures left cuts."""
    at = {start: device.history[start].t for start, _ in _runs(device)}
    for cut in device.cuts:
        at |= dict.fromkeys(cut_before(device.history, [cut]), cut.t)
    return [_cut(device, index, t) for index, t in sorted(at.items()) if index > 0]


def every_cut(device: _Device) -> list[Cut]:
    """The same, and where any slice begins that stays."""
    at = {start: device.history[start].t for start in device.starts}
    for cut in device.cuts:
        at |= dict.fromkeys(cut_before(device.history, [cut]), cut.t)
    return [_cut(device, index, t) for index, t in sorted(at.items()) if index > 0]


def _cut(device: _Device, index: int, t: int) -> Cut:
    """The cut before this event of the history, in terms of what is left."""
    before = next((each for each in range(index - 1, -1, -1) if not device.mine[each]), None)
    if before is None or device.history[before].t != t:
        return Cut(t=t)
    return Cut(t=t, after=device.history[before].id)


def _runs(device: _Device) -> list[tuple[int, int]]:
    """Runs of parts that go: where in the history each begins, and which part is its last."""
    runs: list[tuple[int, int]] = []
    for number, gone in enumerate(device.gone):
        if gone and number and device.gone[number - 1]:
            runs[-1] = (runs[-1][0], number)
        elif gone:
            runs.append((device.starts[number], number))
    return runs


def gaps(device: _Device, now_ms: int) -> list[tuple[int, int]]:
    """Times between which whatever comes late on the device was the erased person's; neither end is included."""
    found = []
    for start, last in _runs(device):
        ended = device.parts[last].slice.ended
        after = device.parts[last + 1].slice.first[0] if last + 1 < len(device.parts) else now_ms
        end = min(device.parts[last].slice.last[0] + 1, after) if ended else after
        begin = device.history[start].t if start else ALWAYS
        if begin < end:
            found.append((begin, end))
    return found
