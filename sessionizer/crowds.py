"""How many carry a contact, counted slice by slice: for a store as it was, or would be, which keeps no counts."""

from sessionizer.guards import carried_by
from sessionizer.store import Crowd, Readable

PAGE = 500


async def count(readable: Readable, contact: str, users: int, devices: int) -> Crowd:
    """How many carry a contact, as `Readable.crowds` has it: counting stops at so many users or devices."""
    keys = (await readable.naming([contact]))[contact]
    found: tuple[set[str], set[str]] = (set(), set())
    for start in range(0, len(keys), PAGE):
        await _count_page(readable, contact, keys[start : start + PAGE], *found)
        if len(found[0]) >= users or len(found[1]) >= devices:
            break
    return Crowd(len(found[0]), len(found[1]))


async def _count_page(readable: Readable, contact: str, keys: list[str], users: set[str], devices: set[str]) -> None:
    records = await readable.visitors(keys)
    closed = await readable.slices([key for key, record in records.items() if record.slices > 1])
    for key, record in records.items():
        for part in (*closed.get(key, ()), record.slice):
            carried = carried_by(record.device, part) if part is not None else None
            if carried is None or contact not in carried.contacts:
                continue
            if carried.user is not None:
                users.add(carried.user)
            else:
                devices.add(key)
