"""Slices: how one visitor's events fall into stretches of one person each (docs/identity.md, rules 6 and 7).

`fold()` is the definition: plain, in phases, from all events of a visitor. `append()` is the short way for the event
that comes last and takes nothing back, which is nearly every event; `late.py` has the one for an event that comes late.
Property tests hold all three equal. All are pure.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence, Set
from operator import attrgetter
from typing import TypeVar

from sessionizer import commerce, guards, runs, sessions, summaries
from sessionizer.evidence import Happening, Words, joins, named, proves, words_of
from sessionizer.state import (
    CHUNK,
    Cut,
    Key,
    Refs,
    Root,
    Session,
    Slice,
    Touch,
    Visitor,
    VisitorChange,
    identifier,
    visitor_key,
)

_time = attrgetter("t")
Piece = TypeVar("Piece")
"""An event, or several that are told like one (`stretches.py`)."""


def fold(
    device: str | None,
    happenings: Sequence[Happening],
    retracted: Set[str],
    protected: Set[str],
    cuts: Sequence[Cut] = (),
) -> VisitorChange:
    """Everything about one visitor, from all its events in order. Events with a retracted message id name nobody."""
    told = [(each, words_of(each, retracted, protected)) for each in happenings]
    change = start(device, happenings[0])
    change.record.cuts = list(cuts)
    guards.note_users(change.record, (said.user for _, said in told))
    lay_out(change, told, cut_before(happenings, cuts))
    for each_slice in (*change.slices.values(), *([change.record.slice] if change.record.slice is not None else [])):
        guards.note_carried(change, each_slice)
    refer_all(
        change,
        Refs(
            ids=b"".join([each.id for each in happenings]),
            packed_times=array("q", [each.t for each in happenings]).tobytes(),
            packed_positions=array("q", [each.position for each in happenings]).tobytes(),
        ),
    )
    for each in happenings:
        for name in (*named(each.event), *joins(each.event)):
            change.index.setdefault(name, False)
        index_proofs(change, each, retracted)
        count(change.record, each)
    change.refolded = True
    note_roots(change)
    return change


def lay_out(change: VisitorChange, told: Sequence[tuple[Happening, Words]], cuts: Set[int]) -> None:
    """Part events into slices and sessions, from no open slice on; the last of them stay open."""
    for stretch in cut_by_user(told, cuts, change.record.shared):
        has_user = any(said.user is not None for _, said in stretch)
        parts = [stretch] if has_user else list(cut_by_email(stretch))
        label = None
        for part in parts:
            open_slice(change, part[0][0].key, label=label, cut_by_email=len(parts) > 1)
            for each, said in part:
                _add(change, each, said)
                label = label or said.label
        if stretch[-1][1].reset and change.record.slice is not None:
            change.record.slice.ended = True


def append(change: VisitorChange, happening: Happening, retracted: Set[str], protected: Set[str]) -> bool:
    """Add an event that comes after all of the visitor's others, in place.

    False, and nothing changed, when it would take something back: a login whose slice had been cut by e-mail, or one by
    which the device is shared; or when an erasure left a cut that is still to come.
    """
    current = change.record.slice
    cuts = change.record.cuts
    if cuts and current is not None and current.last[0] <= cuts[-1].t:
        return False
    said = words_of(happening, retracted, protected)
    if guards.makes_shared(change.record, said.user):
        return False
    if current is None or current.ended or guards.cuts(current.label, said.label, change.record.shared):
        open_slice(change, happening.key, label=said.label, cut_by_email=False)
    elif current.user is None:
        if said.user is not None:
            if current.cut_by_email:
                return False
        else:
            email = email_of(said)
            if email is not None and slice_email(current) not in (None, email):
                current.cut_by_email = True
                open_slice(change, happening.key, label=said.label or current.label, cut_by_email=True)
    part = change.record.slice
    if part is None:
        raise ValueError("no open slice")
    index(change, part, happening, retracted)
    guards.note_user(change.record, said.user)
    carries_more = guards.changes_carried(part, said)
    _add(change, happening, said)
    if carries_more:
        guards.note_carried(change, part)
    if said.reset:
        part.ended = True
    _remember(change, happening)
    return True


def start(device: str | None, first: Happening) -> VisitorChange:
    """A visitor nobody has seen yet, ready for its first event."""
    return VisitorChange(
        key=visitor_key(device, first.source, first.server, first.message_id), record=Visitor(device=device)
    )


def cut_before(happenings: Sequence[Happening], cuts: Sequence[Cut]) -> set[int]:
    """The indices of the events before which erasures left a cut."""
    found = set()
    for cut in cuts:
        at = bisect_left(happenings, cut.t, key=_time)
        if cut.after:
            same = range(at, bisect_right(happenings, cut.t, key=_time))
            at = next((index + 1 for index in same if happenings[index].id == cut.after), at)
        found.add(at)
    return found


def cut_by_user(
    told: Sequence[tuple[Piece, Words]], cuts: Set[int], shared: bool
) -> Iterator[list[tuple[Piece, Words]]]:
    """Rule 6: before an event that names another user, and after a reset; and where an erasure left a cut.

    On a shared device before the first that names one, too (rule 17).
    """
    stretch: list[tuple[Piece, Words]] = []
    label: str | None = None
    for index, (each, said) in enumerate(told):
        if stretch and (index in cuts or stretch[-1][1].reset or guards.cuts(label, said.label, shared)):
            yield stretch
            stretch, label = [], None
        stretch.append((each, said))
        label = label or said.label
    yield stretch


def cut_by_email(stretch: Sequence[tuple[Piece, Words]]) -> Iterator[list[tuple[Piece, Words]]]:
    """Rule 7: in a stretch without a user, before an event with another e-mail."""
    part: list[tuple[Piece, Words]] = []
    email: str | None = None
    for each, said in stretch:
        named_email = email_of(said)
        if named_email is not None and email not in (None, named_email):
            yield part
            part, email = [], None
        part.append((each, said))
        email = email or named_email
    yield part


def email_of(said: Words) -> str | None:
    """The e-mail an event may use."""
    if not said.contacts:
        return None
    return next((contact.value for contact in said.contacts if contact.type == "email"), None)


def slice_email(part: Slice) -> str | None:
    """The e-mail of a slice without a user: at most one."""
    return next(iter(part.contacts.get("email", ())), None)


def open_slice(change: VisitorChange, first: Key, *, label: str | None, cut_by_email: bool) -> None:
    """Close the open slice and its session, and begin the next slice with the event that has this place."""
    close(change)
    record = change.record
    record.slice = Slice(number=record.slices, first=first, last=first, label=label, cut_by_email=cut_by_email)
    record.slices += 1


def close(change: VisitorChange) -> None:
    """Make the open slice, its session and its run rows of their own."""
    record = change.record
    runs.close(change)
    if record.slice is not None:
        note_roots(change)
        change.slices[record.slice.number] = record.slice
    if record.session is not None:
        change.sessions[record.session.number] = record.session
    record.slice = record.session = None


def new_session(record: Visitor, within: Slice, first: Key) -> Session:
    """A session that begins with the event that has this place, and is yet to be added to it."""
    session = Session(number=record.sessions, began_in=within.number, first=first, last=first)
    record.sessions += 1
    within.sessions += 1
    return session


def add_but_for_session(
    change: VisitorChange, happening: Happening, said: Words
) -> tuple[Slice, int, commerce.Properties | None]:
    """Add the open slice's next event to it; the slice, and what a session asks of the event."""
    current = change.record.slice
    if current is None:
        raise ValueError("no open slice")
    engaged_ms = summaries.engaged_ms_of(happening)
    bought = summaries.commerce_of(happening)
    change.learned |= summaries.add(current, happening, said, engaged_ms, bought)
    if current.events > runs.LONG:
        runs.grow(change, happening, said, engaged_ms, bought)
    return current, engaged_ms, bought


def _add(change: VisitorChange, happening: Happening, said: Words) -> None:
    """Add the open slice's next event to it and to its session."""
    current, engaged_ms, bought = add_but_for_session(change, happening, said)
    record = change.record
    if record.device is None:
        return
    session = record.session
    if session is not None and not sessions.near(session.last, happening.key):
        change.sessions[session.number] = session
        session = None
    if session is None:
        session = record.session = new_session(record, current, happening.key)
    sessions.add(session, happening, engaged_ms, bought)
    if session.first_view is not None and session.first_view.key == happening.key:
        touch = Touch(at=session.first, view=session.first_view)
        if session.first == current.first:
            current.first_touch = touch
        if touch.view.channel != sessions.DIRECT:
            current.last_touch = touch


def index(change: VisitorChange, part: Slice, happening: Happening, retracted: Set[str]) -> None:
    """Note every identifier the event names, unless its slice has named it before, for finding the visitor again."""
    event = happening.event
    if event.user_id is None and not event.contacts:
        return
    for name in named(event):
        if not _has_named(part, name):
            change.index.setdefault(name, False)
        elif event.contacts:
            change.spoken.add(name)
    for name in joins(event):
        change.index.setdefault(name, False)
    index_proofs(change, happening, retracted)


def index_proofs(change: VisitorChange, happening: Happening, retracted: Set[str]) -> None:
    """Note what the event proves."""
    if happening.message_id not in retracted:
        for name in proves(happening.event):
            change.index[name] = True


def _has_named(part: Slice, name: str) -> bool:
    kind, _, value = name.partition(":")
    return part.user == value if kind == "user_id" else value in part.contacts.get(kind, ())


def _remember(change: VisitorChange, happening: Happening) -> None:
    """Note where the event lies."""
    record = change.record
    count(record, happening)
    record.tail.put(len(record.tail), happening.id, happening.t, happening.position)
    if len(record.tail) >= CHUNK:
        change.chunks[record.spilled] = record.tail
        record.spilled += 1
        record.tail = Refs()


def refer_all(change: VisitorChange, refs: Refs) -> None:
    """Note where all events lie, in even chunks."""
    chunks = [
        Refs(
            ids=refs.ids[16 * at : 16 * (at + CHUNK)],
            packed_times=refs.packed_times[8 * at : 8 * (at + CHUNK)],
            packed_positions=refs.packed_positions[8 * at : 8 * (at + CHUNK)],
        )
        for at in range(0, len(refs), CHUNK)
    ]
    change.record.tail = chunks.pop() if len(chunks[-1]) < CHUNK else Refs()
    change.chunks = dict(enumerate(chunks))
    change.record.spilled = len(chunks)


def count(record: Visitor, happening: Happening) -> None:
    """Count one of the visitor's events; they may come in any order."""
    record.events += 1
    if happening.event.received_at > record.received:
        record.received = happening.event.received_at


def note_roots(change: VisitorChange) -> None:
    """Note the roots the open slice may give a profile, so that the ids they make are known for ever."""
    current = change.record.slice
    if current is not None:
        note_roots_of(change, current)


def note_roots_of(change: VisitorChange, part: Slice) -> None:
    """Note the roots one slice may give a profile."""
    change.roots.update(roots_of(change.record.device, part))


def roots_of(device: str | None, part: Slice) -> list[Root]:
    """Every root this slice may give a profile, whoever else there is: its users; else its contacts and itself."""
    if part.user is not None:
        joined = [name for alias in part.aliases for name in (alias.user_id, alias.previous_id)]
        return [("user", name) for name in dict.fromkeys([part.user, *joined])]
    roots: list[Root] = [("contact", kind, value) for kind, values in part.contacts.items() for value in values]
    return [*roots, own_root(device, part)]


def names_of(part: Slice) -> set[str]:
    """Every identifier a slice's events name and did not take back: used, claimed or joined."""
    names = {identifier(kind, value) for kind, values in part.contacts.items() for value in values}
    names |= {identifier(claim.type, claim.value) for claim in part.claims}
    names |= {identifier("user_id", each) for alias in part.aliases for each in (alias.user_id, alias.previous_id)}
    return names if part.label is None else names | {identifier("user_id", part.label)}


def own_root(device: str | None, part: Slice) -> Root:
    """The root of a slice nobody else has a claim to (rule 11)."""
    return root_of_first(device, part.first)


def root_of_first(device: str | None, first: Key) -> Root:
    """The same, from the place of the slice's first event."""
    _, message_id, source, server = first
    if device is not None:
        return ("device", device, message_id)
    return ("event", source, "server" if server else "", message_id)
