"""Why is this mine? Every belonging with its rule, the messages that decided it, and a sentence to read out (rule 15).

Pure, but for `explain`, which loads what the rest turns out to need.
"""

from collections.abc import Iterable

from collector.runtime.clock import to_text
from sessionizer import guards, views
from sessionizer.loading import Loader
from sessionizer.owners import (
    Contact,
    Part,
    Person,
    World,
    contact_owner,
    contacts_by_strength,
    marks_on,
    part_owner,
    profile_id,
    telling_contacts,
)
from sessionizer.slices import own_root
from sessionizer.state import Claim, Key, Root, identifier, place
from sessionizer.store import Readable


async def explain(loader: Loader, person: Person) -> views.Identity:
    """One person's identity, as it is today."""
    shared = {part.visitor for part in person.parts if loader.records[part.visitor].shared}
    slices = [await loader.decide(explain_part, part, person.root, part.visitor in shared) for part in person.parts]
    contacts = [await loader.decide(explain_contact, person, contact) for contact in contacts_of(person)]
    return views.Identity(
        profile_id=profile_id(person.root),
        root=":".join(person.root[1:]) if person.root[0] == "contact" else ":".join(person.root),
        users=person.users,
        slices=slices,
        contacts=contacts,
        aliases=[
            views.AliasView(
                user_id=alias.user_id,
                previous_id=alias.previous_id,
                at=to_text(alias.key[0]),
                message_id=alias.key[1],
            )
            for alias, _ in person.aliases
        ],
        earlier_ids=await earlier_ids(loader.snapshot, await loader.decide(held_roots, person)),
        claims=await loader.decide(claims, person),
    )


def contacts_of(person: Person) -> list[Contact]:
    """A person's contacts, strongest first, then by first occurrence."""
    found = [each for part in person.parts for each, _ in contacts_by_strength(part.slice)]
    return list(dict.fromkeys(found))


def explain_part(world: World, part: Part, root: Root, shared: bool) -> views.SliceView:
    """Which rule gave a slice to its person; `shared`: by how many its device is used."""
    return views.SliceView(
        anonymous_id=part.device,
        from_=to_text(part.slice.first[0]),
        to=to_text(part.slice.last[0]),
        events=part.slice.events,
        user_id=part.slice.user,
        evidence=evidence(world, part, root, shared),
        guard=guard_of_device(world, part) if shared else None,
    )


def guard_of_device(world: World, part: Part) -> views.Evidence:
    """What it means for a slice that its device is shared, and the logins that show it is (rule 17)."""
    named: dict[str, Key] = {}
    for each in world.parts[part.visitor]:
        if each.slice.user is not None and each.slice.naming is not None:
            named.setdefault(each.slice.user, each.slice.naming.first)
    stretch = "This stretch begins with a login, and nothing from before it is claimed."
    if part.slice.user is None:
        stretch = "Nobody was logged in during this stretch, so it is given to nobody who logged in later."
    return views.Evidence(
        rule=17,
        message_ids=[message_id for _, message_id, *_ in sorted(named.values())[: guards.MOST_USERS_OF_DEVICE + 1]],
        because=f"More than {guards.MOST_USERS_OF_DEVICE} users were named on this device: a shared one. {stretch}",
    )


def evidence(world: World, part: Part, root: Root, shared: bool) -> views.Evidence:
    """Which rule gave a slice to its person."""
    where = "on this device" if part.device is not None else "in this event"
    if part.slice.user is not None and part.slice.naming is not None:
        before = "" if shared else "what came before, back to the last change of user or logout, and "
        return views.Evidence(
            rule=6,
            message_ids=[part.slice.naming.first[1]],
            because=f"User {part.slice.user} was named {where}; {before}what came after, up to the next change of user "
            "or logout, is theirs.",
        )
    owner = part_owner(world, part)
    contacts = telling_contacts(world, part)
    if owner is not None:
        for (kind, value), seen in contacts:
            at = place(seen.first, part.device)
            if contact_owner(world, (kind, value), at) == owner:
                marks = [mark.first[1] for user, _, mark in marks_on(world, (kind, value)) if user == owner]
                return views.Evidence(
                    rule=9,
                    message_ids=[seen.first[1], *sorted(set(marks))[:5]],
                    because=f"Nobody logged in {where}, but {kind} {value} was given, which was user {owner}'s then.",
                )
    if contacts:
        (kind, value), seen = contacts[0]
        known_by = f"{root[1]} {root[2]}" if root[0] == "contact" else "a contact"
        return views.Evidence(
            rule=10,
            message_ids=[seen.first[1]],
            because=f"Nobody logged in {where}, but {kind} {value} was given; this person is known by {known_by}.",
        )
    given = "".join(
        f", and {kind} {value}, which was given, is shared" for (kind, value), _ in contacts_by_strength(part.slice)
    )
    return views.Evidence(
        rule=11, message_ids=[part.slice.first[1]], because=f"Nobody was named {where}{given}: an anonymous visitor."
    )


def explain_contact(world: World, person: Person, contact: Contact) -> views.ContactView:
    """Which rule makes a contact this person's, or lets them share it."""
    kind, value = contact
    marks = [(user, mark) for user, _, mark in marks_on(world, contact)]
    owner = contact_owner(world, contact, None)
    firsts = sorted(
        part.slice.contacts[kind][value].first for part in person.parts if value in part.slice.contacts.get(kind, ())
    )
    guard = guard_of_contact(world, contact)
    if guard is not None:
        evidence_ = views.Evidence(rule=17, message_ids=[firsts[0][1]], because=f"{kind} {value} was given here.")
    elif owner is not None:
        mine = sorted({mark.first[1] for user, mark in marks if user in person.users})[:5]
        now = "who has it now" if owner in person.users else f"before user {owner} did, who has it now"
        evidence_ = views.Evidence(
            rule=8,
            message_ids=mine or [firsts[0][1]],
            because=f"User {', '.join(person.users)} used {kind} {value}, {now}.",
        )
    else:
        evidence_ = views.Evidence(
            rule=10, message_ids=[firsts[0][1]], because=f"{kind} {value} was given without a login."
        )
    return views.ContactView(type=kind, value=value, evidence=evidence_, guard=guard)


def guard_of_contact(world: World, contact: Contact) -> views.Evidence | None:
    """What it means that a contact is shared; None when it is not (rule 17)."""
    crowd = world.shared.get(identifier(*contact))
    if crowd is None:
        return None
    many = "Implausibly many"
    if crowd.users > guards.MOST_USERS_OF_CONTACT:
        many = f"More than {guards.MOST_USERS_OF_CONTACT} users"
    elif crowd.devices > guards.MOST_DEVICES_OF_CONTACT:
        many = f"More than {guards.MOST_DEVICES_OF_CONTACT:,} devices without a login"
    kind, value = contact
    return views.Evidence(
        rule=17,
        message_ids=[],
        because=f"{many} gave {kind} {value}: a shared one. It gives nothing to anybody, and joins nobody.",
    )


def claims(world: World, person: Person) -> list[views.Claim]:
    """What was said without proof: on this person's devices about others, and elsewhere about this person."""
    own = {("user_id", user) for user in person.users} | set(contacts_of(person))
    world.require(identifier(*name) for name in own)
    mine = {(part.visitor, part.slice.number) for part in person.parts}
    said = [(part, claim) for part in person.parts for claim in part.slice.claims if _name(claim) not in own]
    said += [
        (part, claim)
        for name in own
        for part in world.parts_naming(identifier(*name))
        if (part.visitor, part.slice.number) not in mine
        for claim in part.slice.claims
        if _name(claim) == name
    ]
    return _shown(said)


def _name(claim: Claim) -> tuple[str, str]:
    return (claim.type, claim.value)


def _shown(said: Iterable[tuple[Part, Claim]]) -> list[views.Claim]:
    ordered = sorted(said, key=lambda each: (place(each[1].key, each[0].device), _name(each[1])))
    return [
        views.Claim(
            type=claim.type,
            value=claim.value,
            anonymous_id=part.device,
            message_id=claim.key[1],
            at=to_text(claim.key[0]),
        )
        for part, claim in ordered
    ]


def held_roots(world: World, person: Person) -> list[Root]:
    """Every root that means this person today, their own first: users, contacts they hold, slices on their own."""
    contacts = contacts_of(person)
    world.require(identifier(*contact) for contact in contacts)
    held = [
        contact
        for contact in contacts
        if identifier(*contact) not in world.shared and contact_owner(world, contact, None) in (*person.users, None)
    ]
    return [
        person.root,
        *(("user", user) for user in person.users),
        *(("contact", *contact) for contact in held),
        *(own_root(part.device, part.slice) for part in person.parts),
    ]


async def earlier_ids(snapshot: Readable, roots: list[Root]) -> list[str]:
    """Profile ids handed out before that mean today's person, whose roots these are."""
    today, *others = (profile_id(root) for root in roots)
    return sorted(await snapshot.known_ids(set(others) - {today}))
