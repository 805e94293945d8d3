"""What a slice sums up of its events: counts, traits, orders, cart, devices (docs/identity.md, rule 14).

Pure, and in any order: the sum is of the set of events, whichever came first.
"""

from bisect import insort
from typing import Any

import msgspec

from collector.event import Contact
from sessionizer import commerce, sessions
from sessionizer.evidence import Happening, Words
from sessionizer.state import Alias, Claim, Key, Said, Seen, Slice, Trait

MAX_ENGAGED_MS = 86_400_000  # one report of visible time is at most a day


class _Engaged(msgspec.Struct, frozen=True):
    engaged_ms: Any = None


class _Spoken(msgspec.Struct, frozen=True):
    traits: dict[str, msgspec.Raw] = {}


_read_engaged = msgspec.json.Decoder(_Engaged).decode
_read_spoken = msgspec.json.Decoder(_Spoken).decode
_read_traits = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def add(part: Slice, happening: Happening, said: Words, engaged_ms: int, bought: commerce.Properties | None) -> bool:
    """Add one event to its slice, in place, but for its sessions and touches; whether it told traits."""
    event = happening.event
    key = happening.key
    if key < part.first:
        part.first = key
    if key > part.last:
        part.last = key
    part.events += 1
    part.page_views += event.type in sessions.VIEWS
    part.engaged_ms += engaged_ms
    if bought is not None:
        commerce.add_purchase(part.purchases, happening, bought)
        change = commerce.cart_change(happening, bought)
        if change is not None:
            part.cart = commerce.remember_change(part.cart, change)
    if said.label is not None or said.contacts or said.claims:
        _listen(part, key, said)
    learned = _learn_traits(part, happening, said.lost)
    derived = event.derived
    part.browser = sessions.last_said(part.browser, key, derived.browser)
    part.os = sessions.last_said(part.os, key, derived.os)
    part.device_type = sessions.last_said(part.device_type, key, derived.device_type)
    part.country = sessions.last_said(part.country, key, derived.country)
    return learned


def join(part: Slice, other: Slice) -> None:
    """Add to a slice, in place, what other events of it sum up to; but for its sessions and touches, as `add` does."""
    part.first = min(part.first, other.first)
    part.last = max(part.last, other.last)
    part.label = other.label or part.label
    part.user = other.user or part.user
    part.naming = _both_seen(part.naming, other.naming)
    for kind, values in other.contacts.items():
        known = part.contacts.setdefault(kind, {})
        known.update({value: _both_seen(known.get(value), seen) or seen for value, seen in values.items()})
    part.aliases = sorted([*part.aliases, *other.aliases], key=lambda alias: alias.key)
    if other.claims:
        _join_claims(part, other)
    part.events += other.events
    part.page_views += other.page_views
    part.engaged_ms += other.engaged_ms
    for name, trait in other.traits.items():
        if name not in part.traits or part.traits[name].key <= trait.key:
            part.traits[name] = trait
    part.purchases = commerce.merge_purchases([(None, part.purchases), (None, other.purchases)])
    part.cart = commerce.join_changes(part.cart, other.cart)
    for field in ("browser", "os", "device_type", "country"):
        theirs: Said | None = getattr(other, field)
        if theirs is not None:
            setattr(part, field, sessions.last_said(getattr(part, field), *theirs))


def _both_seen(one: Seen | None, other: Seen | None) -> Seen | None:
    seen = [each for each in (one, other) if each is not None]
    if not seen:
        return None
    return Seen(first=min(each.first for each in seen), last=max(each.last for each in seen))


def _join_claims(part: Slice, other: Slice) -> None:
    earliest: dict[tuple[str, str], Key] = {}
    for claim in (*part.claims, *other.claims):
        name = (claim.type, claim.value)
        earliest[name] = min(earliest.get(name, claim.key), claim.key)
    claims = [Claim(type=kind, value=value, key=key) for (kind, value), key in earliest.items()]
    part.claims = sorted(claims, key=_place_of_claim)


def _place_of_claim(claim: Claim) -> tuple[Key, str, str]:
    return (claim.key, claim.type, claim.value)


def commerce_of(happening: Happening) -> commerce.Properties | None:
    """The properties of an event that buys or fills a cart; None for any other."""
    event = happening.event
    if event.type != "track" or event.event not in commerce.EVENTS:
        return None
    return commerce.read_properties(event.properties)


def engaged_ms_of(happening: Happening) -> int:
    """Visible time an event reports: a number from 0 to a day of ms, else 0."""
    raw = bytes(happening.event.properties)
    if b'"engaged_ms"' not in raw:
        return 0
    value = _read_engaged(raw).engaged_ms
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return 0
    return int(min(value, MAX_ENGAGED_MS))


def _listen(part: Slice, key: Key, said: Words) -> None:
    """Take in what an event says about identity."""
    if said.label is not None:
        part.label = said.label
    if said.user is not None:
        part.user = said.user
        part.naming = _seen(part.naming, key)
    for contact in said.contacts:
        values = part.contacts.setdefault(contact.type, {})
        values[contact.value] = _seen(values.get(contact.value), key)
    if said.alias_of is not None and said.user is not None:
        insort(part.aliases, Alias(user_id=said.user, previous_id=said.alias_of, key=key), key=lambda alias: alias.key)
    for kind, value in said.claims:
        known = next((claim for claim in part.claims if claim.type == kind and claim.value == value), None)
        if known is None:
            part.claims.append(Claim(type=kind, value=value, key=key))
        else:
            known.key = min(known.key, key)
    if said.claims:
        part.claims.sort(key=_place_of_claim)


def _seen(so_far: Seen | None, key: Key) -> Seen:
    if so_far is None:
        return Seen(first=key, last=key)
    so_far.first = min(so_far.first, key)
    so_far.last = max(so_far.last, key)
    return so_far


def _learn_traits(part: Slice, happening: Happening, lost: tuple[str, ...]) -> bool:
    """Per name the value last in order. A contact an event lost, it does not say as a trait either."""
    event = happening.event
    spoken: dict[str, msgspec.Raw] = {}
    context = bytes(event.context)
    if b'"traits"' in context:
        try:
            spoken = _read_spoken(context).traits
        except msgspec.ValidationError:  # context.traits is no object: kept with the event, and no traits
            spoken = {}
    if event.type == "identify":
        spoken = spoken | _read_traits(event.traits)
    for contact in event.contacts:
        if contact.signed and contact.type in spoken and not _says(spoken[contact.type], contact):
            del spoken[contact.type]
    for name, value in spoken.items():
        if name not in lost and (name not in part.traits or part.traits[name].key <= happening.key):
            part.traits[name] = Trait(value=bytes(value), key=happening.key)
    return bool(spoken)


def _says(value: msgspec.Raw, contact: Contact) -> bool:
    """Whether a trait is the contact its proof signed, as far as that can be told from how people write one."""
    said = msgspec.json.decode(value)
    if not isinstance(said, str | int):
        return False
    text = str(said)
    if contact.type == "phone":
        digits = "".join(each for each in text if each.isdecimal()).lstrip("0")
        return bool(digits) and contact.value.endswith(digits)
    return text.strip().lower() == contact.value
