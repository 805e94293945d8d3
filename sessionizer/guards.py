"""Guards: what implausibly many people use says nothing about who somebody is (docs/identity.md, rule 17).

A *shared device* (a kiosk, a till, an office PC) is one whose events may use more than `MOST_USERS` users. A login on
it claims nothing that stood before it. Pure, and of the set of events: who comes in first changes nothing.
"""

from bisect import insort
from collections.abc import Iterable

from sessionizer.state import Visitor

MOST_USERS = 20
"""Different users of a device that are still plausible: a family, a small office. The same everywhere."""


def note_user(record: Visitor, user: str | None) -> None:
    """Count one of the users its events may use; the device is shared once there are too many."""
    if user is None or record.shared or user in record.users:
        return
    if len(record.users) < MOST_USERS:
        insort(record.users, user)
    else:
        record.shared, record.users = True, []


def note_users(record: Visitor, users: Iterable[str | None]) -> None:
    for user in set(users):
        note_user(record, user)


def makes_shared(record: Visitor, user: str | None) -> bool:
    """Whether this user is the one too many: what logins claimed on the device by then, they claim no more."""
    return user is not None and not record.shared and len(record.users) >= MOST_USERS and user not in record.users


def cuts(label: str | None, named: str | None, shared: bool) -> bool:
    """Whether an event that names a user begins another slice, after a stretch with this label (rules 6 and 17)."""
    return named is not None and named != label and (label is not None or shared)
