"""A seeded, replayable history of a shop's visitors, as messages and as the events an edge makes of them.

    python load_tests/visitors.py --events 1000 --seed 7        # canonical events, one a line, in order of arrival

Visitors come back for months, on one to three devices, and log in, some with proofs; couples share a tablet; phones
send batches days late or have wrong clocks; bots page through; newsletters bring e-mails without logins; the shop's
server reports orders; some messages are sent twice; a few accounts are joined, and a few mistakes retracted.
The same seed and number of events give the same bytes.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.cookies import NO_COOKIE
from collector.event import RETRACTION, Derived, Event, Trust, to_record
from collector.proof import sign
from collector.raw import RawEvent
from collector.runtime import clock
from collector.settings import EdgeSettings
from collector.sources import Sender, Source
from collector.validate import arrival, validate

SHOP = Source(name="default", write_key="wk", server_key="sk", identity_secret="s" * 32, phone_region="DE")
START_MS = clock.from_text("2026-01-01T06:00:00Z")
MINUTE_MS, DAY_MS = 60_000, 86_400_000
DAYS = 120
BROWSERS = (("Firefox", "Linux", "desktop"), ("Safari", "iOS", "mobile"), ("Chrome", "Android", "mobile"))
CHANNELS = ("direct", "organic_search", "email", "paid_social", "internal", "payment", None)
Message = dict[str, Any]


class Sent(NamedTuple):
    """A message on its way to the edge, and what the edge would look up for it."""

    received_at_ms: int
    message: Message
    server: bool
    derived: Derived


def history(seed: int, events: int) -> list[Event]:
    """So many events of one shop, as stored, in their order of arrival."""
    sent: list[Sent] = []
    nth = 0
    while len(sent) < events:
        sent += _Household(Random(f"{seed} {nth}"), nth).live()
        nth += 1
    sent = sorted(sent[:events], key=lambda each: each.received_at_ms)
    return [stored(each, nth) for nth, each in enumerate(sent)]


def stored(sent: Sent, nth: int) -> Event:
    """The event the edge makes of a message. Raises ValueError when it would refuse it."""
    if sent.message["type"] == RETRACTION:
        text = clock.to_text(sent.received_at_ms)
        return Event(**sent.message, timestamp=text, received_at=text, source=SHOP.name, trust=Trust.SERVER)
    at = arrival(Sender(SHOP, sent.server), NO_COOKIE, sent.received_at_ms, EdgeSettings(), lambda: f"drawn{nth}")
    made = validate(RawEvent(index=0, fields=sent.message), at)
    if not isinstance(made, Event):
        raise ValueError(f"the edge refuses {sent.message}: {made}")
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    return Event(**{**fields, "derived": sent.derived})


class _Household:
    """One or two people and their devices; or a bot."""

    def __init__(self, chance: Random, nth: int) -> None:
        self.chance = chance
        self.nth = nth
        self.sent: list[Sent] = []
        self.browser = chance.choice(BROWSERS)
        self.proves = chance.random() < 0.3

    def live(self) -> list[Sent]:
        """Everything they ever send."""
        if self.chance.random() < 0.02:
            self._crawl()
            return self.sent
        people = [f"u{self.nth}a", f"u{self.nth}b"][: self.chance.choice((1, 1, 1, 2))]
        shared = f"h{self.nth}-tablet"
        for user in people:
            devices = [f"{user}-laptop", f"{user}-phone", shared][: self.chance.choice((1, 1, 2, 3))]
            for _ in range(self.chance.choice((1, 1, 2, 4, 9))):
                self._visit(user, self.chance.choice(devices), shared)
        if self.chance.random() < 0.01:
            self._say(
                self._when(), {"type": "alias", "userId": people[0], "previousId": f"old-{people[0]}"}, server=True
            )
        if self.chance.random() < 0.01:
            undone = [self.chance.choice(self.sent).message.get("messageId", "none")]
            about = {"message_ids": undone, "reason": "a mistake"}
            retraction = {"type": RETRACTION, "message_id": f"r{self.nth}", "properties": about}
            self.sent.append(Sent(START_MS + DAYS * DAY_MS, retraction, True, Derived()))
        return self.sent

    def _visit(self, user: str, device: str, shared: str) -> None:
        chance, now_ms = self.chance, self._when()
        late_ms = chance.randint(1, 30) * DAY_MS if device.endswith("phone") and chance.random() < 0.1 else 0
        skew_ms = chance.choice((-7_200_000, 180_000, 30 * DAY_MS)) if chance.random() < 0.03 else 0
        about: dict[str, Any] = {"device": device, "late_ms": late_ms, "skew_ms": skew_ms}
        logs_in = chance.random() < 0.35
        for step in range(chance.choice((1, 2, 3, 5, 8, 15))):
            now_ms += chance.choice((1_000, 20_000, MINUTE_MS, 12 * MINUTE_MS, 31 * MINUTE_MS))
            if logs_in and step == 1:
                self._log_in(now_ms, user, about)
            else:
                self._say(now_ms, self._step(user, now_ms), **about)
        if device == shared and chance.random() < 0.7:
            self._say(now_ms + 5000, {"type": "track", "event": "Logged Out"}, **about)

    def _log_in(self, now_ms: int, user: str, about: dict[str, Any]) -> None:
        email = f"{user}@shop.example"
        message = {"type": "identify", "userId": user, "traits": {"email": email, "plan": self.chance.choice("ab")}}
        if self.proves:
            received_s = (now_ms + about["late_ms"]) / 1000
            token = sign(SHOP.identity_secret, user, about["device"], email, now_s=received_s)
            message["context"] = {"identityProof": token}
        self._say(now_ms, message, **about)

    def _step(self, user: str, now_ms: int) -> Message:
        chance = self.chance
        product = {"product_id": f"p{chance.randint(1, 40)}", "quantity": chance.randint(1, 3), "price": "9.90"}
        match chance.randint(0, 19):
            case 0:
                return {"type": "identify", "traits": {"email": f"{user}@shop.example", "newsletter": True}}
            case 1 | 2:
                return {"type": "track", "event": "Product Added", "properties": product}
            case 3:
                return {"type": "track", "event": "Product Removed", "properties": product}
            case 4:
                order = {"order_id": f"o-{user}-{now_ms % 7}", "revenue": "59.70", "currency": "EUR"}
                if chance.random() < 0.5:
                    who = {"userId": user, "context": {"traits": {"email": f"{user}@shop.example"}}}
                    self._say(
                        now_ms + 900,
                        {"type": "track", "event": "Order Completed", "properties": order, **who},
                        server=True,
                    )
                return {"type": "track", "event": "Order Completed", "properties": order}
            case 5 | 6 | 7:
                return {"type": "track", "event": "Page Left", "properties": {"engaged_ms": chance.randint(0, 40_000)}}
            case 8:
                return {"type": "identify", "traits": {"phone": f"0301{self.nth:07}"}}
        return {"type": "page", "properties": {"path": f"/p/{chance.randint(1, 200)}"}}

    def _crawl(self) -> None:
        now_ms = self._when()
        for step in range(self.chance.randint(5, 60)):
            now_ms += 700
            self._say(
                now_ms, {"type": "page", "properties": {"path": f"/p/{step}"}}, device=f"bot{self.nth}-{step % 5}"
            )

    def _when(self) -> int:
        return START_MS + self.chance.randint(0, DAYS) * DAY_MS + self.chance.randint(0, 14 * 60) * MINUTE_MS

    def _say(
        self,
        now_ms: int,
        message: Message,
        *,
        device: str | None = None,
        late_ms: int = 0,
        skew_ms: int = 0,
        server: bool = False,
    ) -> None:
        received_ms = now_ms + late_ms + 200
        stamped = {
            **message,
            "messageId": f"{self.nth}-{len(self.sent)}",
            "timestamp": clock.to_text(now_ms + skew_ms),
            "sentAt": clock.to_text(received_ms + skew_ms),
            **({"anonymousId": device} if device is not None else {}),
        }
        one = Sent(received_ms, stamped, server, self._derived(message["type"]))
        self.sent.append(one)
        if not skew_ms and self.chance.random() < 0.01:  # sent again, to the byte; a wrong clock would change its time
            self.sent.append(one._replace(received_at_ms=received_ms + 3000))

    def _derived(self, kind: str) -> Derived:
        browser, os, device_type = self.browser
        if kind != "page":
            return Derived(browser=browser, os=os, device_type=device_type, country="DE")
        channel = self.chance.choice(CHANNELS)
        return Derived(
            browser=browser,
            os=os,
            device_type=device_type,
            country=self.chance.choice(("DE", "FR")),
            channel=channel,
            channel_source=channel and "somewhere",
            page_url=f"https://shop.example/p/{self.chance.randint(1, 200)}",
        )


def lines(seed: int, events: int) -> Iterator[bytes]:
    return (to_record(event) for event in history(seed, events))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for line in lines(given.seed, given.events):
        sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    main()
