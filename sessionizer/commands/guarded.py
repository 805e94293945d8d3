"""What `ariane doctor` says of shared devices and contacts: how many, the heaviest, and what to do (rule 17)."""

from sessionizer.guards import MOST_DEVICES_OF_CONTACT, MOST_USERS_OF_CONTACT, MOST_USERS_OF_DEVICE
from sessionizer.store import Snapshot

HEAVIEST = 3
PAGE = 500

DEVICES_ADVICE = (
    "What happens there before a login is nobody's (docs/identity.md, rule 17): right for a kiosk, a till or an office "
    "PC. If it is none, one anonymous_id is sent for many people: call reset() at logout, and let every browser draw "
    "its own."
)
CONTACTS_ADVICE = (
    "It tells of nobody (docs/identity.md, rule 17): right for the shop's own address or a test's. If it is none, find "
    "what sends it for many people; a placeholder goes into `blocked_ids` in sources.toml."
)


async def shared_devices(snapshot: Snapshot) -> str | None:
    """How many devices are shared, and the heaviest; None when none is."""
    keys = await snapshot.shared_devices()
    if not keys:
        return None
    events: dict[str, int] = {}
    for start in range(0, len(keys), PAGE):
        records = await snapshot.visitors(keys[start : start + PAGE])
        events |= {key: record.events for key, record in records.items()}
    heaviest = sorted(events, key=lambda key: (-events[key], key))[:HEAVIEST]
    slices = await snapshot.slices(heaviest)
    told = []
    for key, record in (await snapshot.visitors(heaviest)).items():
        users = {each.user for each in (*slices.get(key, ()), record.slice) if each is not None} - {None}
        told.append((-events[key], f"{record.device} ({len(users):,} users, {events[key]:,} events)"))
    counted = "1 device is" if len(keys) == 1 else f"{len(keys):,} devices are"
    most = ", ".join(text for _, text in sorted(told))
    return f"{counted} shared by more than {MOST_USERS_OF_DEVICE} users; the busiest: {most}"


async def shared_contacts(snapshot: Snapshot) -> str | None:
    """How many contacts are shared, and the heaviest; None when none is."""
    crowds = await snapshot.crowded(MOST_USERS_OF_CONTACT, MOST_DEVICES_OF_CONTACT)
    if not crowds:
        return None
    heaviest = sorted(crowds.items(), key=lambda each: (-sum(each[1]), each[0]))[:HEAVIEST]
    counted = "1 contact is" if len(crowds) == 1 else f"{len(crowds):,} contacts are"
    most = ", ".join(
        f"{name} ({crowd.users:,} users, {crowd.devices:,} devices without one)" for name, crowd in heaviest
    )
    limits = f"{MOST_USERS_OF_CONTACT} users or {MOST_DEVICES_OF_CONTACT:,} devices"
    return f"{counted} shared by more than {limits}; the heaviest: {most}"
