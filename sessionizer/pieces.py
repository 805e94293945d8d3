"""Pieces: a visitor's past in as few as will do, single events and runs, and where it is cut into slices.

A run may be told like one event as long as no cut falls before it or within it (`unsure`); else its events must be told
one by one. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence, Set

from collector.event import Contact
from sessionizer import slices
from sessionizer.evidence import Happening, Words
from sessionizer.state import Key, Run

Piece = Happening | Run
Told = tuple[Piece, Words]


def first_of(piece: Piece) -> Key:
    return piece.slice.first if isinstance(piece, Run) else piece.key


def last_of(piece: Piece) -> Key:
    return piece.slice.last if isinstance(piece, Run) else piece.key


def count_of(piece: Piece) -> int:
    """How many events it is."""
    return piece.slice.events if isinstance(piece, Run) else 1


def words_of_run(run: Run) -> Words:
    """What a run says, as far as that may cut."""
    emails = run.slice.contacts.get("email", ())
    contacts = tuple(Contact(type="email", value=value) for value in emails)
    return Words(label=run.slice.label, user=run.slice.user, contacts=contacts)


def cut(told: Sequence[Told], shared: bool) -> Iterator[list[list[Told]]]:
    """The stretches of rule 6, each in its parts by rule 7."""
    for stretch in slices.cut_by_user(told, frozenset(), shared):
        yield [stretch] if _has_user(stretch) else list(slices.cut_by_email(stretch))


def unsure(told: Sequence[Told], shared: bool) -> set[int]:
    """The runs before or within which a cut may fall.

    Before one: the cut may as well be at a later event of it. Within one: only a change of e-mail, where a run was of a
    user's slice and is of nobody's now; for all events that name a user in one slice name the same.
    """
    found: set[int] = set()
    for parts in cut(told, shared):
        for part in parts:
            first = part[0][0]
            if isinstance(first, Run):
                found.add(first.number)
        if not any(map(_has_user, parts)):
            found |= {run.number for run in runs_of(each for part in parts for each in part) if _says_two(run)}
    return found


def runs_of(told: Iterable[Told]) -> Iterator[Run]:
    return (piece for piece, _ in told if isinstance(piece, Run))


def goes_on(told: Sequence[Told], following: Told, shared: bool) -> bool:
    """Whether what follows belongs to the last of these stretches."""
    *_, last = slices.cut_by_user([*told, following], frozenset(), shared)
    return len(last) > 1


def fresh_among(told: Iterable[Told], fresh: Set[bytes], start: int) -> Iterator[tuple[int, Happening, Words]]:
    """The new events, each with its place among all the visitor's, when the first piece's is `start`."""
    at = start
    for piece, said in told:
        if isinstance(piece, Happening) and piece.id in fresh:
            yield at, piece, said
        at += count_of(piece)


def _has_user(stretch: Iterable[Told]) -> bool:
    return any(said.user is not None for _, said in stretch)


def _says_two(run: Run) -> bool:
    return len(run.slice.contacts.get("email", ())) > 1
