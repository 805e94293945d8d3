"""Jane, whose user_id, e-mail and phone are proven, and Mallory, with the public write key and an account of her own.

One *sequence* is one of Jane's stories with Mallory's events before, between and after it, both made from a seed. It
goes through the edge's `validate` and the worker, on memory. What the readers then say of Jane must be, byte for byte,
what they say when Mallory never came. Left out are only `position`, a fact of arrival that her events move, and
Mallory herself.

Mallory knows everything but three secrets: the server key, the identity secret, and Jane's anonymous_ids
(docs/proofs.md, "What a proof does not do").
"""

import base64
import json
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any, NamedTuple

import jwt
import msgspec

from collector.cookies import NO_COOKIE
from collector.event import Event, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from collector.raw import RawEvent
from collector.runtime import clock
from collector.settings import EdgeSettings
from collector.sources import Sender, Source
from collector.validate import arrival, validate
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker

Message = dict[str, Any]

SHOP = Source(name="default", write_key="wk", server_key="sk", identity_secret="s" * 32, phone_region="FR")
BLOG = Source(name="blog", write_key="wk_blog", server_key="sk_blog", identity_secret="b" * 32)
SETTINGS = EdgeSettings()
START_MS = clock.from_text("2026-03-02T08:00:00Z")
MINUTE_MS = 60_000
STORIES = 64
"""How many stories of Jane there are; a baseline is worked out once for each."""

JANE, JANE_EMAIL, JANE_PHONE = "jane", "jane@shop.example", "+33612345678"
JANES_EMAILS = (JANE_EMAIL, "JANE@Shop.Example", "  jane@shop.example\n")
JANES_PHONES = (JANE_PHONE, "06 12 34 56 78", "0033612345678")
JANES_NAMES: tuple[Any, ...] = (JANE, JANE, JANE, " jane", "JANE", "joe", 7)
MALLORY, MALLORYS_DEVICES = "mallory", ("m-phone", "m-laptop")
MALLORYS_EMAIL = "mallory@shop.example"
JANE_IS = (Who("user_id", JANE), Who("email", JANE_EMAIL), Who("phone", JANE_PHONE))


class Sent(NamedTuple):
    """One message on its way to the edge."""

    message: Message
    at_ms: int
    source: Source = SHOP
    server: bool = False
    mallorys: bool = False


class Sequence_(NamedTuple):
    """A story of Jane's with Mallory's events in it, in the order of arrival."""

    story: int
    sent: list[Sent]
    folds: frozenset[int]
    """After how many messages the mind catches up."""


# Jane --------------------------------------------------------------------------------------------------------------


@cache
def janes_story(nth: int) -> tuple[Sent, ...]:
    """What really happened: visits, logins with proofs, orders, what the shop's server says; some of it late."""
    chance = Random(f"jane {nth}")
    devices = ("j-laptop", "j-phone")[: chance.choice((1, 2, 2))]
    sent: list[Sent] = []
    now_ms = START_MS

    def say(message: Message, *, late_ms: int = 0, server: bool = False) -> None:
        nonlocal now_ms
        now_ms += chance.choice((1, 5, 20, 31, 300)) * MINUTE_MS
        stamp = {"messageId": f"j{len(sent):02}", "timestamp": clock.to_text(now_ms - late_ms)}
        sent.append(Sent({**stamp, **message}, now_ms, server=server))

    for device in devices:
        for _ in range(chance.randint(0, 2)):
            say({"type": "page", "anonymousId": device, "properties": {"path": "/"}})
        if chance.random() < 0.5:  # an address said before it was ever proven
            say({"type": "identify", "anonymousId": device, "traits": {"email": JANE_EMAIL}})
        proof = proof_for(JANE, device, now_ms, email=JANE_EMAIL, phone=JANE_PHONE)
        login = {"type": "identify", "anonymousId": device, "userId": JANE, "context": {"identityProof": proof}}
        say({**login, "traits": {"name": "Jane", "email": JANE_EMAIL, "phone": JANE_PHONE}})
        for _ in range(chance.randint(1, 3)):
            say(_janes_visit(chance, device), late_ms=chance.choice((0, 0, 0, 45 * MINUTE_MS)))
        if chance.random() < 0.3:
            say({"type": "track", "event": "Logged Out", "anonymousId": device})
    if chance.random() < 0.7:
        order = {"order_id": "O-1", "revenue": 59.7, "currency": "EUR"}
        say({"type": "track", "event": "Order Completed", "userId": JANE, "properties": order}, server=True)
    if chance.random() < 0.5:
        say({"type": "identify", "traits": {"email": JANE_EMAIL, "newsletter": True}}, server=True)
    return tuple(sent)


def _janes_visit(chance: Random, device: str) -> Message:
    shoe = {"product_id": "shoe", "quantity": 1, "price": "59.70"}
    return chance.choice(
        (
            {"type": "page", "anonymousId": device, "properties": {"path": "/shoes"}},
            {"type": "track", "event": "Product Added", "anonymousId": device, "properties": shoe},
            {"type": "track", "event": "Page Left", "anonymousId": device, "properties": {"engaged_ms": 12_000}},
        )
    )


def proof_for(user: str, device: str, now_ms: int, secret: str = SHOP.identity_secret, **more: Any) -> str:
    """What the shop's server hands to whoever is logged in."""
    return jwt.encode({"sub": user, "anon": device, "exp": now_ms // 1000 + 6 * 86400, **more}, secret, "HS256")


# Mallory -----------------------------------------------------------------------------------------------------------


def sequence(seed: str) -> Sequence_:
    """The sequence of a seed."""
    chance = Random(seed)
    story = chance.randrange(STORIES)
    sent = list(janes_story(story))
    for _ in range(chance.randint(1, 10)):
        at = chance.randint(0, len(sent))
        at_ms = sent[at - 1].at_ms + 1000 if at else START_MS - chance.choice((1, 90, 40_000)) * MINUTE_MS
        source = chance.choice((SHOP, SHOP, SHOP, BLOG))
        sent.insert(at, Sent(attack(chance, at_ms, janes_story(story)), at_ms, source, mallorys=True))
    return Sequence_(story, sent, frozenset(chance.sample(range(len(sent)), chance.randint(0, min(4, len(sent))))))


def attack(chance: Random, at_ms: int, story: Sequence[Sent]) -> Message:
    """One thing Mallory may try: any kind of event, with any of Jane's names, times and message ids in it."""
    device = chance.choice((*MALLORYS_DEVICES, *MALLORYS_DEVICES, None))
    message: Message = {"messageId": _message_id(chance), "timestamp": _timestamp(chance, at_ms)}
    if device is not None:
        message["anonymousId"] = device
    if chance.random() < 0.7:
        message["userId"] = chance.choice((*JANES_NAMES, MALLORY, MALLORY, MALLORY))
    context: Message = {}
    if chance.random() < 0.3:
        context["traits"] = _traits(chance)
    if chance.random() < 0.3:
        context["externalIds"] = _external_ids(chance)
    if chance.random() < 0.5:
        context["identityProof"] = _proof(chance, device, at_ms, story)
    if chance.random() < 0.2:  # as herself, with her own proof and whatever else she likes beside it
        device = message["anonymousId"] = chance.choice(MALLORYS_DEVICES)
        message["userId"] = MALLORY
        context["identityProof"] = proof_for(MALLORY, device, at_ms)
    if chance.random() < 0.2:
        message["sentAt"] = clock.to_text(at_ms + chance.choice((-1, 0, 1, 600, 100_000)) * MINUTE_MS)
    return {**message, "context": context, **_deed(chance)}


def _deed(chance: Random) -> Message:
    order = {"order_id": chance.choice(("O-1", "O-2")), "revenue": chance.choice((-500, 0, 10**6)), "currency": "EUR"}
    shoe = {"product_id": "shoe", "quantity": 9, "price": "0.01"}
    undone = {"message_ids": [f"j{n:02}" for n in range(20)], "reason": "hers"}
    match chance.choice(("identify", "identify", "identify", "alias", "page", "track", "logout", "odd")):
        case "identify":
            return {"type": chance.choice(("identify", "identify", "group")), "traits": _traits(chance)}
        case "alias":
            return {"type": "alias", "previousId": chance.choice((JANE, MALLORY, "joe", *MALLORYS_DEVICES))}
        case "page":
            return {"type": chance.choice(("page", "screen")), "properties": {"path": "/?utm_source=mallory"}}
        case "logout":
            return {"type": "track", "event": "Logged Out"}
        case "odd":
            return {"type": chance.choice(("retraction", "merge", "delete")), "properties": undone}
    name, about = chance.choice(
        (
            ("Order Completed", order),
            ("Order Refunded", {"order_id": "O-1"}),
            ("Product Added", shoe),
            ("Cart Viewed", {"products": []}),
            ("Page Left", {"engaged_ms": 86_400_000}),
        )
    )
    return {"type": "track", "event": name, "properties": about}


def _traits(chance: Random) -> Message:
    traits: Message = {"name": "Mallory", "vip": True}
    if chance.random() < 0.7:
        traits["email"] = chance.choice((*JANES_EMAILS, MALLORYS_EMAIL))
    if chance.random() < 0.5:
        traits["phone"] = chance.choice((*JANES_PHONES, 33612345678))
    return traits


def _external_ids(chance: Random) -> list[Message]:
    ids = [
        *({"type": "email", "id": each} for each in JANES_EMAILS),
        *({"type": "phone", "id": each} for each in JANES_PHONES),
        *({"type": each, "id": JANE} for each in ("user_id", "anonymous_id", "profile_id", "loyalty_card", "user_id:")),
        {"type": "email:jane@shop.example", "id": ""},
        {"type": "Email", "id": JANE_EMAIL},
        {"type": "user_id:jane", "id": "x"},
    ]
    return chance.sample(ids, chance.randint(1, 3))


def _message_id(chance: Random) -> str:
    return chance.choice((f"j{chance.randint(0, 14):02}", f"m{chance.randint(0, 5)}", f"x{chance.getrandbits(40):x}"))


def _timestamp(chance: Random, at_ms: int) -> str | None:
    near = START_MS + chance.randint(-60, 900) * MINUTE_MS
    far = START_MS + chance.choice((-400, -1, 1, 30)) * 86_400_000
    when = chance.choice((None, at_ms, near, near, far, at_ms + 23 * 3_600_000))
    return None if when is None else clock.to_text(when)


def _proof(chance: Random, device: str | None, at_ms: int, story: Sequence[Sent]) -> Any:
    """Mallory's own proofs, in and out of place; Jane's, overheard; and forgeries."""
    own_device = device or MALLORYS_DEVICES[0]
    janes = [each.message["context"]["identityProof"] for each in story if "context" in each.message]
    claims = {"sub": JANE, "anon": own_device, "exp": at_ms // 1000 + 3600, "email": JANE_EMAIL, "phone": JANE_PHONE}
    match chance.choice(("own", "own", "own", "signed", "stale", "copied", "copied", "edited", "none", "key", "blog")):
        case "own":
            return proof_for(MALLORY, chance.choice((own_device, *MALLORYS_DEVICES)), at_ms)
        case "signed":
            return proof_for(MALLORY, own_device, at_ms, email=MALLORYS_EMAIL)
        case "stale":
            return proof_for(MALLORY, own_device, at_ms - 30 * 86_400_000)
        case "copied":
            return chance.choice(janes)
        case "edited":
            header, _, signature = chance.choice(janes).split(".")
            body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
            return f"{header}.{body}.{signature}"
        case "none":
            return jwt.encode(claims, "", algorithm="none")
        case "key":
            return jwt.encode(claims, "wk_public".ljust(32, "\0"), algorithm="HS256", headers={"kid": "/dev/null"})
    return proof_for(MALLORY, own_device, at_ms, BLOG.identity_secret, email=MALLORYS_EMAIL)


# What becomes of it ------------------------------------------------------------------------------------------------


def through_the_edge(sent: Sent, nth: int) -> Event | None:
    """The event the edge makes of a message; None when it refuses it."""
    at = arrival(Sender(sent.source, sent.server), NO_COOKIE, sent.at_ms, SETTINGS, lambda: f"drawn{nth}")
    made = validate(RawEvent(index=0, fields=sent.message), at)
    return made if isinstance(made, Event) else None


async def what_is_said_of_jane(sent: Sequence[Sent], folds: frozenset[int] = frozenset()) -> bytes:
    """Her profile, timeline and sessions, and who her identifiers and devices lead to, as JSON."""
    log, store = MemoryLog(), MemoryStore()
    worker = Worker(log, store)
    devices: dict[str, None] = {}
    for nth, each in enumerate(sent):
        event = through_the_edge(each, nth)
        if event is not None:
            await log.append([Record(event.anonymous_id or "", to_record(event))])
        if nth in folds:
            await worker.catch_up()
        if not each.mallorys and "anonymousId" in each.message:
            devices[each.message["anonymousId"]] = None
    await worker.catch_up()
    people = FoldedPeople(store, log)
    says: dict[str, Any] = {}
    for who in (*JANE_IS, *(Who("anonymous_id", device) for device in devices)):
        profile = await people.profile(who)
        says[who.value] = profile and profile.profile_id
    says["profile"] = await people.profile(JANE_IS[0])
    timeline = await people.timeline(JANE_IS[0], limit=1000)
    sessions = await people.sessions(JANE_IS[0], limit=1000)
    events = timeline.events if timeline is not None else []
    says["timeline"] = [msgspec.structs.replace(each, position=0) for each in events]
    says["sessions"] = sessions.sessions if sessions is not None else []
    return msgspec.json.encode(says)


class Judge:
    """Compares sequences with Jane's stories as they are without Mallory."""

    def __init__(self) -> None:
        self._untouched: dict[int, bytes] = {}

    async def changed(self, tried: Sequence_) -> bool:
        """Whether Mallory changed anything that is said of Jane."""
        if tried.story not in self._untouched:
            self._untouched[tried.story] = await what_is_said_of_jane(janes_story(tried.story))
        return await what_is_said_of_jane(tried.sent, tried.folds) != self._untouched[tried.story]

    async def smallest(self, tried: Sequence_) -> Sequence_:
        """A sequence that changes something, with everything left out that need not be in it."""
        for at in reversed(range(len(tried.sent))):
            less = tried._replace(sent=tried.sent[:at] + tried.sent[at + 1 :], folds=frozenset())
            if tried.sent[at].mallorys and await self.changed(less):
                return await self.smallest(less)
        return tried
