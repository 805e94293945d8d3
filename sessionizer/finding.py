"""Who is meant by `type:value`: the person who holds that identifier today."""

from sessionizer.evidence import message_hash
from sessionizer.loading import Loader
from sessionizer.owners import (
    Part,
    Person,
    World,
    person_of_contact,
    person_of_part,
    person_of_root,
    person_of_user,
    profile_id,
)
from sessionizer.reading import Who
from sessionizer.state import Root, visitor_key
from sessionizer.store import Damaged


async def find(loader: Loader, who: Who) -> Person | None:
    """The person; None when nobody is called that."""
    match who.type:
        case "user_id":
            return await loader.decide(person_of_user, who.value)
        case "anonymous_id":
            return await _of_device(loader, who.value)
        case "profile_id":
            root = await loader.snapshot.root(who.value.lower())
            if root is not None and profile_id(root) != who.value.lower():
                raise Damaged
            return await of_root(loader, root) if root is not None else None
        case _:
            return await loader.decide(person_of_contact, (who.type, who.value))


async def _of_device(loader: Loader, device: str) -> Person | None:
    """A device means its latest slice."""
    key = visitor_key(device, "", False, "")
    await loader.visitors([key])
    parts = loader.world.parts[key]
    return await loader.decide(person_of_part, parts[-1]) if parts else None


async def of_root(loader: Loader, root: Root) -> Person | None:
    """Who holds a root today; one that named a device's slice or an event means whoever has that event now."""
    match root:
        case ("device", device, message_id):
            part = await _part_with(loader, root, device, message_id)
            return await loader.decide(person_of_part, part) if part is not None else None
        case ("event", source, server, message_id):
            key = visitor_key(None, source, bool(server), message_id)
            await loader.visitors([key])
            parts = loader.world.parts[key]
            return await loader.decide(person_of_part, parts[0]) if parts else None
        case _:
            return await loader.decide(person_of_root, root)


async def _part_with(loader: Loader, root: Root, device: str, message_id: str) -> Part | None:
    """The slice of a device that has this root today, else the one that holds the message now.

    Two slices may begin with one message id, from two senders, and only one of them be on its own.
    """
    key = visitor_key(device, "", False, "")
    await loader.visitors([key])
    parts = loader.world.parts[key]
    own = await loader.decide(World.on_their_own, key, root)
    for part in (*own, *parts):
        if part.slice.first[1] == message_id:
            return part
    await loader.refs([key])
    hashed = message_hash(message_id)
    ids = loader.ids_of(key) if parts else []
    for place_, each in enumerate(ids):
        if each.startswith(hashed):
            for part in parts:
                place_ -= part.slice.events
                if place_ < 0:
                    return part
    return None
