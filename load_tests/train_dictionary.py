"""Makes the dictionaries with which the log packs its records and the store its rows.

    python load_tests/train_dictionary.py           # writes them, and says what they save on other events

`collector/log/records.dict` and `sessionizer/store/rows-1.dict`.

Made from invented events of every kind the protocols speak of: the tracker's, Segment's e-commerce spec, mobile SDKs,
servers; in many languages, from many browsers, of sites whose names are drawn; the rows are what the mind makes of
them. So they hold what events have in common, field names above all, and nothing of anybody. The same release of zstd
gives the same bytes.

A log keeps the dictionaries it was written with, so a better one may replace its at any time. The store does not: a
better one for it is another file, `rows-2.dict`.
"""

import asyncio
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.event import Contact, Derived, Event, Trust, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from collector.runtime.clock import from_text, to_text
from sessionizer.state import encode
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = 12_000
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WEBKIT, GECKO = "AppleWebKit/537.36 (KHTML, like Gecko)", "Gecko/20100101"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS, MAC = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE, ANDROID = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{m} like Mac OS X)", "Mozilla/5.0 (Linux; Android 10; K)"
AGENTS = (
    ("Chrome", "Windows", "desktop", WINDOWS + " {W} Chrome/{v}.0.0.0 Safari/537.36"),
    ("Edge", "Windows", "desktop", WINDOWS + " {W} Chrome/{v}.0.0.0 Safari/537.36 Edg/{v}.0.0.0"),
    ("Chrome", "Mac OS X", "desktop", MAC + " {W} Chrome/{v}.0.0.0 Safari/537.36"),
    ("Safari", "Mac OS X", "desktop", MAC + " {S} Version/18.{m} Safari/605.1.15"),
    ("Firefox", "Windows", "desktop", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) {G} Firefox/{v}.0"),
    ("Firefox", "Linux", "desktop", "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) {G} Firefox/{v}.0"),
    ("Mobile Safari", "iOS", "mobile", IPHONE + " {S} Version/18.{m} Mobile/15E148 Safari/604.1"),
    ("Chrome Mobile", "Android", "mobile", ANDROID + " {W} Chrome/{v}.0.0.0 Mobile Safari/537.36"),
    (
        "Samsung Internet",
        "Android",
        "mobile",
        ANDROID + " {W} SamsungBrowser/28.0 Chrome/{v}.0.0.0 Mobile Safari/537.36",
    ),
    ("Chrome", "Android", "tablet", "Mozilla/5.0 (Linux; Android 13; SM-X{m}00) {W} Chrome/{v}.0.0.0 Safari/537.36"),
)
PLACES = (
    ("en-US", "America/New_York", "US"), ("en-US", "America/Los_Angeles", "US"), ("en-GB", "Europe/London", "GB"),
    ("de-DE", "Europe/Berlin", "DE"), ("fr-FR", "Europe/Paris", "FR"), ("es-ES", "Europe/Madrid", "ES"),
    ("it-IT", "Europe/Rome", "IT"), ("nl-NL", "Europe/Amsterdam", "NL"), ("pl-PL", "Europe/Warsaw", "PL"),
    ("pt-BR", "America/Sao_Paulo", "BR"), ("ja-JP", "Asia/Tokyo", "JP"), ("sv-SE", "Europe/Stockholm", "SE"),
)  # fmt: skip
LIBRARIES = (
    {"name": "ariane.js", "version": "0.1.0"}, {"name": "ariane.js", "version": "0.1.0"},
    {"name": "analytics.js", "version": "next-1.81.0"}, {"name": "RudderLabs JavaScript SDK", "version": "3.20.0"},
    {"name": "analytics-ios", "version": "4.1.8"}, {"name": "analytics-android", "version": "4.11.3"},
    {"name": "analytics-python", "version": "2.3.5"}, {"name": "analytics-node", "version": "2.3.0"},
)  # fmt: skip
CHANNELS = (
    ("direct", None, None, ""),
    ("direct", None, None, ""),
    ("internal", None, None, ""),
    ("internal", None, None, ""),
    ("organic_search", "google", "organic", "https://www.google.com/"),
    ("organic_search", "bing", "organic", "https://www.bing.com/"),
    ("social", "facebook", None, "https://l.facebook.com/"),
    ("paid_search", "google", "cpc", "https://www.google.com/"),
    ("paid_social", "instagram", "paid_social", "https://www.instagram.com/"),
    ("email", "newsletter", "email", ""),
    ("referral", "example.org", "referral", "https://example.org/"),
    ("ai_assistant", "chatgpt", None, "https://chatgpt.com/"),
)
TRACKS = (
    "Page Left", "Page Left", "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started",
    "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered", "Order Completed", "Order Refunded",
    "Products Searched", "Product List Viewed", "Signed Up", "Signed In", "Logged Out", "Button Clicked",
    "Application Opened", "Application Installed", "Email Opened", "Form Submitted",
)  # fmt: skip


class Inventor:
    """Events of a site that does not exist; every text in them that could be somebody's is drawn."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._site = f"https://www.{self._word()}.{self._one('com', 'de', 'fr', 'io', 'co.uk', 'shop')}"
        self._locale, self._zone, self._country = chance.choice(PLACES)
        self._browser, self._os, self._device_type, agent = chance.choice(AGENTS)
        self._version = str(chance.randint(120, 150))
        self._agent = agent.format(W=WEBKIT, G=GECKO, S=SAFARI, v=self._version, m=chance.randint(0, 9))
        self._library = chance.choice(LIBRARIES)
        self._device = self._uuid()
        self._at_ms = from_text("2020-01-01") + chance.randint(0, 12 * 365 * 86_400_000)

    def events(self) -> Iterator[Event]:
        """One visit's."""
        for _ in range(self._chance.choice((1, 2, 3, 5, 8, 15))):
            yield self._event()
            self._at_ms += self._chance.randint(1, 900) * 1000

    def _event(self) -> Event:
        chance = self._chance
        kind = chance.choices(("page", "track", "identify", "screen", "group"), (50, 40, 7, 2, 1))[0]
        at_ms = self._at_ms
        channel, source, medium, referrer = chance.choice(CHANNELS)
        page = self._page(channel, source, medium, referrer)
        is_server = self._library["name"] in ("analytics-python", "analytics-node")
        context = {"library": self._library} if is_server else self._context(page)
        campaign = self._word() if medium not in (None, "organic", "referral") else None
        if campaign is not None and not is_server:
            context["campaign"] = {"source": source, "medium": medium, "name": campaign}
        if chance.random() < 0.4:
            context["userAgent"] = self._agent
        derived = {} if is_server else self._derived(page, channel, source, medium, campaign)
        user = self._one(str(chance.randint(1, 10**7)), self._uuid()) if chance.random() < 0.3 else None
        email = f"{self._word()}.{self._word()}@{self._word()}.com"
        return Event(
            type=kind,
            message_id=self._one(self._uuid(), self._uuid(), f"ajs-next-{at_ms}-{self._uuid()}"),
            timestamp=to_text(at_ms),
            received_at=to_text(at_ms + chance.randint(10, 3000)),
            source=self._one("default", "default", "web", "app", "shop"),
            trust=Trust.SERVER if is_server else Trust.PUBLIC,
            event=chance.choice(TRACKS) if kind == "track" else None,
            name=self._one("Home", "Product", "Category", None, None) if kind in ("page", "screen") else None,
            anonymous_id=None if is_server else self._device,
            user_id=user,
            group_id=self._word() if kind == "group" else None,
            original_timestamp=to_text(at_ms),
            sent_at=to_text(at_ms + 5) if chance.random() < 0.5 else None,
            contacts=(Contact(type="email", value=email),) if kind == "identify" else (),
            properties=dict(page) if kind == "page" else self._properties() if kind == "track" else {},
            traits=self._traits(email) if kind in ("identify", "group") else {},
            context=context,
            derived=Derived(**derived),
            extra={"integrations": {}} if chance.random() < 0.1 else {},
        )

    def _page(self, channel: str, source: str | None, medium: str | None, referrer: str) -> dict[str, Any]:
        path = self._one(
            "/", f"/{self._word()}", f"/{self._word()}/{self._word()}", f"/products/{self._word()}-{self._word()}"
        )
        search = (
            f"?utm_source={source}&utm_medium={medium}&utm_campaign={self._word()}"
            if channel in ("email", "paid_social")
            else ""
        )
        if channel == "paid_search":
            search = f"?gclid={self._uuid()}"
        return {
            "url": f"{self._site}{path}{search}",
            "path": path,
            "title": f"{self._word().title()} {self._word()}",
            "referrer": f"{self._site}/{self._word()}" if channel == "internal" else referrer,
            "search": search,
        }

    def _context(self, page: dict[str, Any]) -> dict[str, Any]:
        chance = self._chance
        width, height = self._one(
            (1920, 1080), (1536, 864), (1440, 900), (2560, 1440), (390, 844), (412, 915), (360, 800)
        )
        context: dict[str, Any] = {
            "library": self._library,
            "page": page,
            "locale": self._locale,
            "screen": {"width": width, "height": height, "density": self._one(1, 2, 3)},
            "consent": {"mode": self._one("granted", "denied", "cookieless")},
            "timezone": self._zone,
        }
        if chance.random() < 0.4:
            brands = [{"brand": "Chromium", "version": self._version}, {"brand": "Not_A Brand", "version": "99"}]
            context["userAgentData"] = {"brands": brands, "mobile": self._device_type == "mobile", "platform": self._os}
        if chance.random() < 0.3:
            context["ariane"] = {"seq": chance.randint(1, 40), "tab": self._uuid()[:8]}
        return context

    def _derived(
        self, page: dict[str, Any], channel: str, source: str | None, medium: str | None, campaign: str | None
    ) -> dict[str, Any]:
        derived = {
            "browser": self._browser,
            "browser_version": self._version,
            "os": self._os,
            "device_type": self._device_type,
            "page_url": page["url"],
            "page_path": page["path"],
            "referrer": page["referrer"] or None,
            "channel": channel,
            "channel_source": source,
            "medium": medium,
            "campaign": campaign,
        }
        if self._chance.random() < 0.5:
            derived |= {"country": self._country, "timezone": self._zone}
        return derived

    def _properties(self) -> dict[str, Any]:
        chance = self._chance
        price = chance.randint(100, 30_000) / 100
        item = {
            "product_id": str(chance.randint(1, 10**6)),
            "sku": self._word(),
            "name": f"{self._word().title()} {self._word()}",
            "price": price,
            "quantity": chance.randint(1, 3),
            "category": self._word(),
            "brand": self._word(),
            "currency": self._one("EUR", "USD", "GBP"),
        }
        order = {
            "order_id": str(chance.randint(1, 10**9)),
            "total": price,
            "revenue": price,
            "shipping": 4.9,
            "tax": 1.9,
            "discount": 0,
            "currency": self._one("EUR", "USD", "GBP"),
            "products": [item],
        }
        return self._one({"engaged_ms": chance.randint(1, 90_000)}, item, order, {"label": self._word()})

    def _traits(self, email: str) -> dict[str, Any]:
        return {
            "email": email,
            "firstName": self._word().title(),
            "lastName": self._word().title(),
            "name": self._word(),
            "plan": self._one("free", "pro"),
            "createdAt": "2024-01-01T00:00:00.000Z",
        }

    def _one(self, *choices: Any) -> Any:
        return self._chance.choice(choices)

    def _word(self) -> str:
        return "".join(self._chance.choices(LETTERS, k=self._chance.randint(4, 9)))

    def _uuid(self) -> str:
        return str(UUID(int=self._chance.getrandbits(128), version=4))


def invented(seed: int) -> Iterator[bytes]:
    """Records of such events, for ever."""
    chance = Random(seed)
    while True:
        yield from (to_record(event) for event in Inventor(chance).events())


async def folded(seed: int) -> list[bytes]:
    """The rows a store keeps of them, unpacked."""
    log, store = MemoryLog(), MemoryStore()
    await log.append([Record("", each) for each in islice(invented(seed), SAMPLES)])
    await Worker(log, store).catch_up()
    async with store.snapshot() as snapshot:
        keys = await snapshot.keys("", SAMPLES)
        visitors, slices = await snapshot.visitors(keys), await snapshot.slices(keys)
        sessions = await snapshot.sessions(keys)
    closed = [each for of in (slices, sessions) for rows in of.values() for each in rows]
    return [encode(each) for each in (*visitors.values(), *closed)]


def train(target: Path, size: int, samples: list[bytes], others: list[bytes]) -> None:
    """Write a dictionary made from samples, and say what it saves on others."""
    dictionary = zstandard.train_dictionary(size, samples, level=3)
    target.write_bytes(dictionary.as_bytes())
    pack = zstandard.ZstdCompressor(level=1, dict_data=dictionary).compress
    before, after = (sum(map(len, each)) / len(others) for each in (others, map(pack, others)))
    print(f"{target.name}: {size:,} bytes, id {dictionary.dict_id()}: {before:.0f} bytes become {after:.0f}")


def main() -> None:
    records, others = list(islice(invented(1), SAMPLES)), list(islice(invented(2), SAMPLES))
    train(ROOT / "collector" / "log" / "records.dict", 16 * 1024, records, others)
    train(ROOT / "sessionizer" / "store" / "rows-1.dict", 8 * 1024, asyncio.run(folded(1)), asyncio.run(folded(2)))


if __name__ == "__main__":
    main()
