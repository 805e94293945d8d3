"""Guards: what implausibly many people use says nothing about who somebody is (docs/identity.md, rule 17).

A *shared device* (a kiosk, a till, an office PC) is one whose events may use too many users. A login on it claims
nothing that stood before it. A *shared contact* (the shop's own address, typed in at the till) is one that slices of
too many users carry, or too many devices without a user. It gives nobody anything and joins nobody. Pure, and of the
set of events: who comes in first changes nothing.
"""

from bisect import insort
from collections.abc import Iterable

from sessionizer.evidence import Words
from sessionizer.state import Carrying, Slice, Visitor, VisitorChange, identifier
from sessionizer.store import Crowd

MOST_USERS_OF_DEVICE = 20
"""Different users that are still plausible: a family, a small office. The same everywhere, so that digests compare."""
MOST_USERS_OF_CONTACT = 20
MOST_DEVICES_OF_CONTACT = 1000
"""Different devices with one contact and no user that are still plausible: somebody whose browser forgets."""


def note_user(record: Visitor, user: str | None) -> None:
    """Count one of the users its events may use; the device is shared once there are too many."""
    if user is None or record.shared or user in record.users:
        return
    if len(record.users) < MOST_USERS_OF_DEVICE:
        insort(record.users, user)
    else:
        record.shared, record.users = True, []


def note_users(record: Visitor, users: Iterable[str | None]) -> None:
    for user in set(users):
        note_user(record, user)


def makes_shared(record: Visitor, user: str | None) -> bool:
    """Whether this user is the one too many: what logins claimed on the device by then, they claim no more."""
    if user is None or record.shared:
        return False
    return len(record.users) >= MOST_USERS_OF_DEVICE and user not in record.users


def cuts(label: str | None, named: str | None, shared: bool) -> bool:
    """Whether an event that names a user begins another slice, after a stretch with this label (rules 6 and 17)."""
    return named is not None and named != label and (label is not None or shared)


def carried_by(device: str | None, part: Slice) -> Carrying | None:
    """What a slice counts for; None when it carries no contact, or can be told neither by a user nor by a device."""
    contacts = frozenset(identifier(kind, value) for kind, values in part.contacts.items() for value in values)
    if not contacts or (part.user is None and device is None):
        return None
    return Carrying(user=part.user, contacts=contacts)


def note_carried(change: VisitorChange, part: Slice) -> None:
    """Keep what a slice counts for."""
    carried = carried_by(change.record.device, part)
    if carried is not None:
        change.carrying[part.number] = carried


def changes_carried(part: Slice, said: Words) -> bool:
    """Whether an event that is to be added to a slice changes what that counts for."""
    return (said.user is not None and part.user is None) or any(
        contact.value not in part.contacts.get(contact.type, ()) for contact in said.contacts
    )


def is_shared(crowd: Crowd) -> bool:
    """Whether a contact that so many carry is shared."""
    return crowd.users > MOST_USERS_OF_CONTACT or crowd.devices > MOST_DEVICES_OF_CONTACT
