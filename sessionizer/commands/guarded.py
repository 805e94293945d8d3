"""What `ariane doctor` says of shared devices: how many there are, the heaviest, and what to do (rule 17)."""

from sessionizer.guards import MOST_USERS
from sessionizer.store import Snapshot

HEAVIEST = 3
PAGE = 500

DEVICES_ADVICE = (
    "What happens there before a login is nobody's (docs/identity.md, rule 17): right for a kiosk, a till or an office "
    "PC. If it is none, one anonymous_id is sent for many people: call reset() at logout, and let every browser draw "
    "its own."
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
    return f"{counted} shared by more than {MOST_USERS} users; the busiest: {most}"
