"""A profile: the merge of one person's slices, whoever they belonged to yesterday (docs/identity.md, rule 14). Pure."""

from collections.abc import Iterable

import msgspec

from collector.runtime.clock import to_text
from sessionizer import commerce, views
from sessionizer.owners import Part, Person, profile_id, strength
from sessionizer.sessions import show_touch
from sessionizer.state import Place, Seen, Slice, Touch, Trait, View, place


def show(person: Person) -> views.Profile:
    """One person as readers see them."""
    parts = person.parts
    slices = [part.slice for part in parts]
    purchases = commerce.merge_purchases((part.device, part.slice.purchases) for part in parts)
    known = bool(person.users) or any(each.contacts for each in slices)
    traits = latest_traits(parts)
    return views.Profile(
        profile_id=profile_id(person.root),
        status="known" if known else "anonymous",
        identifiers=identifiers(person),
        traits={name: msgspec.json.decode(trait.value) for name, trait in traits},
        trait_sources={
            name: {"source": trait.key[2], "at": to_text(trait.key[0]), "message_id": trait.key[1]}
            for name, trait in traits
        },
        first_seen=to_text(min(_starts(person))),
        last_seen=to_text(max(_ends(person))),
        totals=views.Totals(
            events=sum(each.events for each in slices),
            page_views=sum(each.page_views for each in slices),
            sessions=sum(each.sessions for each in slices),
            orders=commerce.count_orders(purchases),
            revenue=commerce.revenue(purchases),
            engaged_ms=sum(each.engaged_ms for each in slices),
        ),
        cart=cart(parts),
        first_touch=first_touch(parts),
        last_touch=last_touch(parts),
        devices=devices(parts),
        segments=[],
        scores={},
    )


def _starts(person: Person) -> list[int]:
    return [part.slice.first[0] for part in person.parts] or [alias.key[0] for alias, _ in person.aliases]


def _ends(person: Person) -> list[int]:
    return [part.slice.last[0] for part in person.parts] or [alias.key[0] for alias, _ in person.aliases]


def latest_traits(parts: Iterable[Part]) -> list[tuple[str, Trait]]:
    """Per name the value last in order, by name."""
    latest: dict[str, tuple[Place, Trait]] = {}
    for part in parts:
        for name, trait in part.slice.traits.items():
            at = place(trait.key, part.device)
            if name not in latest or latest[name][0] < at:
                latest[name] = (at, trait)
    return [(name, latest[name][1]) for name in sorted(latest)]


def cart(parts: Iterable[Part]) -> views.Cart | None:
    """One cart a person, over all devices, in the order things happened."""
    changes = [(place(change.key, part.device), change) for part in parts for change in part.slice.cart]
    return commerce.cart_after(change for _, change in sorted(changes, key=lambda each: each[0]))


def first_touch(parts: Iterable[Part]) -> views.Touch | None:
    """Where the first session came from; None for somebody without one."""
    firsts = [part for part in parts if part.slice.sessions]
    if not firsts:
        return None
    earliest = min(firsts, key=lambda part: part.first)
    return show_touch(earliest.slice.first_touch or Touch(at=earliest.slice.first, view=View(key=earliest.slice.first)))


def last_touch(parts: Iterable[Part]) -> views.Touch | None:
    """Where the latest session that was not direct came from."""
    touches = [
        (place(part.slice.last_touch.at, part.device), part.slice.last_touch) for part in parts if part.slice.last_touch
    ]
    return show_touch(max(touches, key=lambda each: each[0])[1]) if touches else None


def identifiers(person: Person) -> list[views.IdentifierView]:
    """Everything this person is known by, strongest kind first, then the oldest."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}

    def span(kind: str, value: str, seen: Seen) -> None:
        first, last = spans.get((kind, value), (seen.first[0], seen.last[0]))
        spans[kind, value] = (min(first, seen.first[0]), max(last, seen.last[0]))

    for part in person.parts:
        if part.slice.user is not None and part.slice.naming is not None:
            span("user_id", part.slice.user, part.slice.naming)
        for kind, values in part.slice.contacts.items():
            for value, seen in values.items():
                span(kind, value, seen)
        if part.device is not None:
            span("anonymous_id", part.device, Seen(first=part.slice.first, last=part.slice.last))
    for alias, _ in person.aliases:
        span("user_id", alias.user_id, Seen(first=alias.key, last=alias.key))
        span("user_id", alias.previous_id, Seen(first=alias.key, last=alias.key))
    order = sorted(spans, key=lambda each: (_rank(each[0]), spans[each][0], each[1]))
    return [
        views.IdentifierView(
            type=kind, value=value, first_seen=to_text(spans[kind, value][0]), last_seen=to_text(spans[kind, value][1])
        )
        for kind, value in order
    ]


def _rank(kind: str) -> tuple[int, tuple[int, str]]:
    if kind == "user_id":
        return (0, (0, ""))
    return (2, (0, "")) if kind == "anonymous_id" else (1, strength(kind))


def devices(parts: Iterable[Part]) -> list[views.Device]:
    """The devices this person was seen on, oldest first; each as it last described itself."""
    by_device: dict[str, list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.first):
        if part.device is not None:
            by_device.setdefault(part.device, []).append(part)
    return [_device(device, its_parts) for device, its_parts in by_device.items()]


def _device(device: str, parts: list[Part]) -> views.Device:
    newest_first = [part.slice for part in reversed(parts)]
    return views.Device(
        anonymous_id=device,
        browser=_latest(newest_first, "browser"),
        os=_latest(newest_first, "os"),
        type=_latest(newest_first, "device_type"),
        country=_latest(newest_first, "country"),
        first_seen=to_text(parts[0].slice.first[0]),
        last_seen=to_text(max(part.slice.last[0] for part in parts)),
    )


def _latest(newest_first: list[Slice], name: str) -> str | None:
    said = (getattr(each, name) for each in newest_first)
    return next((value for _, value in filter(None, said)), None)
