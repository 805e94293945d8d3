"""A shop's visitors as they come over the wire, endlessly: seeded, and the same to the byte each time.

    python load_tests/traffic.py --events 10 --seed 7        # what is sent, one request a line

Where `visitors.py` tells months of history as stored events, this tells live traffic as requests: people who come back
(a few often, most seldom), on one or two devices, some logged in, couples on a shared tablet; page views with the
context our tracker sends; phones that were offline and send a batch hours or days late; crawlers; orders that the
shop's server reports too; one request in a hundred sent twice.
"""

import argparse
import sys
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.runtime import clock

EVENTS_PER_VISIT = 10.4
"""About so many events a visit has; only how fast people come depends on it."""
SKEW = 1.5
"""Person n of N comes with a density of n ** (1 / SKEW - 1)."""
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DEVICES = UUID("7d1f4ad8-3a2e-4b46-9a0e-6d3f0c1a5b77")
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
BROWSERS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)
PHONES = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_WEBKIT} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",
)
BOT = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
SERVER = "analytics-python/2.3.5"
SHOP = "https://shop.example"
ARRIVALS = (
    ("", "https://www.google.com/"),
    ("", "https://www.google.com/"),
    ("", ""),
    ("", ""),
    ("", ""),
    ("?utm_source=letter&utm_medium=email&utm_campaign=november", ""),
    ("?utm_source=instagram&utm_medium=paid_social&utm_campaign=clay", "https://www.instagram.com/"),
    ("?gclid=Cj0KCQiA5rGuBhCnARIsAN11vgR&utm_source=google&utm_medium=cpc", "https://www.google.com/"),
    ("", "https://chatgpt.com/"),
    ("", "https://blog.example/what-to-wear-in-november"),
)
Message = dict[str, Any]
_encode = msgspec.json.encode


class Sending(NamedTuple):
    """One request."""

    at_s: float
    """When it is sent, in seconds from the start."""
    key: str
    """`write_key` or `server_key`."""
    user_agent: str
    messages: list[Message]

    def body(self) -> bytes:
        """For `/v1/batch`."""
        return _encode({"batch": self.messages})


def traffic(seed: int, *, people: int, events_per_s: float, start_ms: int) -> Iterator[Sending]:
    """Requests for ever, in the order in which they are sent. The same arguments give the same requests."""
    chance = Random(seed)
    waiting: list[tuple[float, int, Iterator[Sending], Sending]] = []
    serial, next_visit_s = 0, 0.0
    while True:
        while not waiting or next_visit_s <= waiting[0][0]:
            visit = _Visit(Random(f"{seed} {serial}"), people, next_visit_s, start_ms).requests()
            first = next(visit)
            heappush(waiting, (first.at_s, serial, visit, first))
            serial += 1
            next_visit_s += chance.expovariate(events_per_s / EVENTS_PER_VISIT)
        _, number, visit, sending = heappop(waiting)
        yield sending
        if (following := next(visit, None)) is not None:
            heappush(waiting, (following.at_s, number, visit, following))


def batches(sendings: Iterator[Sending], size: int) -> Iterator[Sending]:
    """The same events in batches of this many, as a relay or an SDK on a server sends them.

    Each says its browser; what the shop's server says itself is left out.
    """
    held: list[Message] = []
    for sending in sendings:
        if sending.key != "write_key":
            continue
        for message in sending.messages:
            context = {**message["context"], "userAgent": sending.user_agent}
            held.append({**message, "context": context})
            if len(held) == size:
                yield Sending(sending.at_s, "write_key", SERVER, held)
                held = []


def device_of(person: int, which: str) -> str:
    """The anonymous id of a person's device."""
    return str(uuid5(DEVICES, f"{which} {person}"))


class _Visit:
    """One person's visit, from the landing page to the last."""

    def __init__(self, chance: Random, people: int, at_s: float, start_ms: int) -> None:
        self._chance = chance
        self._person = int(people * chance.random() ** SKEW)
        self._at_s = at_s
        self._start_ms = start_ms
        self._late_ms = 0
        self._page: Message = {}
        self._campaign: Message = {}
        self._device = ""
        self._agent = BOT

    def requests(self) -> Iterator[Sending]:
        """What it sends, in order: one request at least."""
        chance = self._chance
        if chance.random() < 0.02:
            yield from self._crawl()
            return
        kind = chance.choices(("laptop", "phone", "tablet"), (5, 4, 1))[0]
        self._device = device_of(self._person // 2 * 2 if kind == "tablet" else self._person, kind)
        self._agent = (PHONES if kind == "phone" else BROWSERS)[self._person % (2 if kind == "phone" else 3)]
        if kind == "phone" and chance.random() < 0.1:
            self._late_ms = chance.choice((HOUR_MS, DAY_MS, 30 * DAY_MS)) * chance.randint(1, 9) // 9
        held: list[Message] = []
        for sending in self._shop(kind):
            if not self._late_ms:
                yield sending
                if chance.random() < 0.01:
                    yield sending  # sent again, to the byte
            elif sending.key == "write_key":
                held += sending.messages
        if held:
            yield Sending(self._at_s, "write_key", self._agent, held[:90])

    def _shop(self, kind: str) -> Iterator[Sending]:
        chance = self._chance
        logs_in = chance.random() < 0.2
        buys = chance.random() < 0.04
        query, referrer = chance.choice(ARRIVALS)
        pages = chance.choice((1, 1, 2, 3, 4, 6, 9, 14))
        for nth in range(pages):
            product = chance.randint(1, 2000)
            path = f"/p/{product}" if nth % 3 else f"/c/{product % 40}"
            url = f"{SHOP}{path}{query}"
            left = [self._track("Page Left", {"engaged_ms": chance.randint(500, 40_000)})] if nth else []
            self._turn_to(url, path, query, referrer)
            messages = [*left, self._message("page", properties=dict(self._page))]
            if nth == 1 and logs_in:
                messages.append(self._login())
            if nth % 3 and chance.random() < 0.15:
                item = {"product_id": f"p{product}", "name": "A shoe", "price": 49.9, "quantity": 1}
                messages.append(self._track("Product Added", item))
            yield self._sending(messages)
            query, referrer = "", url
            self._at_s += chance.expovariate(1 / 20)
        if buys:
            yield from self._order()
        if kind == "tablet" and logs_in:
            yield self._sending([self._track("Logged Out", {})])
        if chance.random() < 0.6:
            yield self._sending([self._track("Page Left", {"engaged_ms": chance.randint(500, 40_000)})])

    def _order(self) -> Iterator[Sending]:
        order = {"order_id": f"o{self._chance.getrandbits(48):x}", "revenue": 99.8, "currency": "EUR"}
        yield self._sending([self._track("Order Completed", order)])
        told = self._track("Order Completed", order) | {"userId": f"u{self._person}"}
        del told["anonymousId"], told["context"]
        yield Sending(self._at_s + 1, "server_key", SERVER, [told])

    def _crawl(self) -> Iterator[Sending]:
        for _ in range(self._chance.randint(3, 20)):
            self._device = str(UUID(int=self._chance.getrandbits(128), version=4))
            path = f"/p/{self._chance.randint(1, 2000)}"
            self._turn_to(f"{SHOP}{path}", path, "", "")
            yield self._sending([self._message("page", properties=dict(self._page))])
            self._at_s += 2

    def _turn_to(self, url: str, path: str, query: str, referrer: str) -> None:
        self._page = {"url": url, "path": path, "title": f"Shoes for {path}", "referrer": referrer, "search": query}
        tags = dict(pair.split("=") for pair in query[1:].split("&")) if query else {}
        names = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "name"}
        self._campaign = {names[tag]: value for tag, value in tags.items() if tag in names}

    def _login(self) -> Message:
        user = f"u{self._person}"
        traits = {"email": f"{user}@mail.example", "plan": "ab"[self._person % 2]}
        return self._message("identify", userId=user, traits=traits)

    def _track(self, event: str, properties: Message) -> Message:
        return self._message("track", event=event, properties=properties)

    def _message(self, kind: str, **fields: Any) -> Message:
        context: Message = {
            "library": {"name": "ariane.js", "version": "0.1.0"},
            "page": self._page,
            "locale": "de-DE",
            "screen": {"width": 1920, "height": 1080, "density": 1},
            "consent": {"mode": "granted"},
            "timezone": "Europe/Berlin",
        }
        if self._campaign:
            context["campaign"] = self._campaign
        return {
            "type": kind,
            "messageId": str(UUID(int=self._chance.getrandbits(128), version=4)),
            "anonymousId": self._device,
            "timestamp": clock.to_text(self._start_ms + int(self._at_s * 1000) - self._late_ms),
            "context": context,
            **fields,
        }

    def _sending(self, messages: list[Message]) -> Sending:
        return Sending(self._at_s, "write_key", self._agent, messages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=100_000)
    given = parser.parse_args()
    count = 0
    start_ms = clock.from_text("2026-01-01T06:00:00Z")
    for sending in traffic(given.seed, people=given.people, events_per_s=1000, start_ms=start_ms):
        sys.stdout.buffer.write(_encode([sending.at_s, sending.key, sending.user_agent, sending.messages]) + b"\n")
        count += len(sending.messages)
        if count >= given.events:
            break


if __name__ == "__main__":
    main()
