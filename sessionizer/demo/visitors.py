"""Visitors on request: seeded stories of people who come, look, return, log in and buy, sent as browsers do.

`story` decides what somebody does and is a pure function of its arguments; `simulate` sends it. The same seed tells the
same stories with the same message ids, so sending them twice changes nothing.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import aiohttp
import jwt
import msgspec

from collector.runtime import clock
from collector.runtime.clock import MS_PER_DAY, to_text
from sessionizer.demo import articles, goods

MAX_VISITORS = 10_000
AT_ONCE = 8
TIMEOUT_S = 15.0
PROOF_LIFE_S = 3600
SHOP_URL = "https://shop.example"
_NAMESPACE = uuid.UUID("b6f0b1de-5d7a-5a7e-9f11-2f8a6d0c4e55")
T = TypeVar("T")

FIRST_NAMES = (
    "Ana",
    "Ben",
    "Chloé",
    "Dimitris",
    "Elif",
    "Femi",
    "Greta",
    "Hugo",
    "Inès",
    "Jonas",
    "Kenza",
    "Luca",
    "Mina",
    "Noor",
)
LAST_NAMES = (
    "Alves",
    "Bauer",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fontaine",
    "García",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kaya",
    "Lefèvre",
)
BROWSERS = (
    "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "(X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148",
    "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
)
ARRIVALS = (
    ("", "https://www.google.com/"),
    ("", "https://www.google.com/"),
    ("", ""),
    ("", ""),
    ("?utm_source=letter&utm_medium=email&utm_campaign=november", ""),
    ("?utm_source=instagram&utm_medium=paid_social&utm_campaign=clay", "https://www.instagram.com/"),
    ("?gclid=demo&utm_source=google&utm_medium=cpc&utm_campaign=shoes", "https://www.google.com/"),
    ("", "https://chatgpt.com/"),
    ("", "https://www.duckduckgo.com/"),
)
LANDINGS = ("/", "/", "/running", "/tennis", *(f"/blog/{each.slug}" for each in articles.ARTICLES))


class Counts(msgspec.Struct, kw_only=True):
    """What was sent, and what the collector refused of it."""

    visitors: int = 0
    sessions: int = 0
    events: int = 0
    requests: int = 0
    logins: int = 0
    newsletters: int = 0
    orders: int = 0
    rejected: int = 0


class Session(NamedTuple):
    """One visit by one device: what its browser is, and what it sends (Segment's field names, times in RFC 3339)."""

    user_agent: str
    """What follows `Mozilla/5.0`."""
    events: list[dict[str, Any]]


class Dice:
    """Choices that follow from a name alone, the same on every machine."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._throws = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        self._throws += 1
        digest = hashlib.blake2b(f"{self._name}/{self._throws}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) % limit

    def percent(self, chance: int) -> bool:
        """True this many times in a hundred."""
        return self.below(100) < chance

    def one_of(self, choices: Sequence[T]) -> T:
        """Any of them."""
        return choices[self.below(len(choices))]


class _Device:
    """A browser writing down what it does. Times grow, ids follow from the device's own name."""

    def __init__(self, name: str, user_agent: str, site: str) -> None:
        self._site = site
        self.anonymous_id = str(uuid.uuid5(_NAMESPACE, name))
        self.user_agent = user_agent
        self.user_id: str | None = None
        self.at_ms = 0
        self.events: list[dict[str, Any]] = []
        self._page: dict[str, Any] = {}
        self._sent = 0

    def arrive(self, at_ms: int, path: str, query: str, referrer: str) -> None:
        self.at_ms, self.events = at_ms, []
        self.view(path, query, referrer)

    def view(self, path: str, query: str = "", referrer: str | None = None) -> None:
        before = self._page.get("url", "") if referrer is None else referrer
        self._page = {"path": path, "url": f"{self._site}{path}{query}", "search": query, "referrer": before}
        self.send({"type": "page", "properties": self._page})

    def track(self, event: str, **properties: Any) -> None:
        self.send({"type": "track", "event": event, "properties": properties})

    def leave(self, after_ms: int) -> None:
        """Report attention, as the tracker does when a page is left."""
        self.at_ms += after_ms
        self.track("Page Left", engaged_ms=after_ms)

    def send(self, fields: dict[str, Any]) -> None:
        self._sent += 1
        self.at_ms += 400
        event = {
            **fields,
            "messageId": str(uuid.uuid5(_NAMESPACE, f"{self.anonymous_id}/{self._sent}")),
            "anonymousId": self.anonymous_id,
            "timestamp": to_text(self.at_ms),
            "context": {"page": self._page, "locale": "en-GB"},
        }
        if self.user_id:
            event["userId"] = self.user_id
        self.events.append(event)


def story(visitor: int, *, seed: int, now_ms: int, site: str = SHOP_URL) -> Iterator[Session]:
    """Everything one visitor does on `site` in the thirty days before `now_ms`, visit by visit, oldest first."""
    dice = Dice(f"{seed}/{visitor}")
    name = f"{dice.one_of(FIRST_NAMES)} {dice.one_of(LAST_NAMES)}"
    email = f"visitor-{seed}-{visitor}@example.com"
    member = f"member-{seed}-{visitor}" if dice.percent(35) else None
    devices = [
        _Device(f"{seed}/{visitor}/{each}", dice.one_of(BROWSERS), site) for each in range(2 if dice.percent(20) else 1)
    ]
    visits = 1 + (dice.below(4) if dice.percent(55) else 0)
    starts = sorted(now_ms - MS_PER_DAY // 24 - dice.below(30 * MS_PER_DAY) for _ in range(visits))
    for number, start in enumerate(starts):
        device = dice.one_of(devices)
        query, referrer = dice.one_of(ARRIVALS)
        device.arrive(start, dice.one_of(LANDINGS), query, referrer)
        device.leave(2_000 + dice.below(40_000))
        if not dice.percent(25):
            _visit(device, dice, name, email, member, number)
        yield Session(device.user_agent, device.events)


def _visit(device: _Device, dice: Dice, name: str, email: str, member: str | None, number: int) -> None:
    """Look around; perhaps subscribe, log in, buy. The rest of the visits are bounces."""
    looked_at = [dice.one_of(goods.PRODUCTS) for _ in range(1 + dice.below(4))]
    for product in looked_at:
        device.view(f"/p/{product.product_id}")
        device.track("Product Viewed", **_as_properties(product, 1))
        device.leave(3_000 + dice.below(60_000))
    if member and device.user_id is None and dice.percent(70):
        device.view("/login")
        device.user_id = member
        device.send({"type": "identify", "traits": {"email": email, "name": name}})
    elif not member and dice.percent(15):
        device.send({"type": "identify", "traits": {"email": email}})
    if dice.percent(45):
        _shop(
            device,
            dice,
            {product.product_id: product for product in looked_at[:2]},
            f"{device.anonymous_id[:8]}-{number}",
        )
    if device.user_id and dice.percent(15):
        device.track("Logged Out")
        device.user_id = None


def _shop(device: _Device, dice: Dice, wanted: dict[str, goods.Product], order_id: str) -> None:
    """Fill a cart; half of them are left standing."""
    products = [_as_properties(product, 1 + dice.below(2)) for product in wanted.values()]
    for properties in products:
        device.track("Product Added", **properties)
    device.view("/cart")
    device.track("Cart Viewed", products=products, currency=goods.CURRENCY)
    if not dice.percent(50):
        return
    cents = sum(wanted[each["product_id"]].price_cents * each["quantity"] for each in products)
    device.view("/checkout")
    device.track("Checkout Started", value=cents / 100, currency=goods.CURRENCY, products=products)
    device.leave(20_000 + dice.below(90_000))
    device.view(f"/order/{order_id}")
    shipping = goods.shipping_cents(cents)
    device.track(
        "Order Completed",
        order_id=order_id,
        total=(cents + shipping) / 100,
        revenue=cents / 100,
        shipping=shipping / 100,
        currency=goods.CURRENCY,
        products=products,
    )


def _as_properties(product: goods.Product, quantity: int) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "name": product.name,
        "category": product.category,
        "price": product.price_cents / 100,
        "quantity": quantity,
        "currency": goods.CURRENCY,
    }


async def simulate(
    collector_url: str,
    write_key: str,
    *,
    visitors: int,
    seed: int,
    now_ms: int,
    origin: str = SHOP_URL,
    identity_secret: str | None = None,
) -> Counts:
    """Send the stories of `visitors` people (at most MAX_VISITORS), a few at once, each in its order.

    With `identity_secret`, logins carry the proof that the shop's server would sign; without, they are believed only
    where nobody signs. `origin` is the shop's web origin. Raises aiohttp.ClientError or TimeoutError when
    the collector does not answer, or answers with an error.
    """
    counts = Counts()
    places = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
    ) as http:

        async def live(visitor: int) -> None:
            async with places:
                counts.visitors += 1
                for session in story(visitor, seed=seed, now_ms=now_ms, site=origin):
                    _sign(session.events, identity_secret)
                    answer = await _post(http, collector_url, write_key, origin, session)
                    _count(counts, session, answer)

        try:
            async with asyncio.TaskGroup() as group:
                for visitor in range(min(visitors, MAX_VISITORS)):
                    group.create_task(live(visitor))
        except ExceptionGroup as failed:  # the first to fail ends the others
            raise failed.exceptions[0] from failed
    return counts


def _sign(events: list[dict[str, Any]], identity_secret: str | None) -> None:
    """Give each event that names a user the proof that the tracker would send along."""
    if identity_secret is None:
        return
    for event in events:
        if "userId" in event:
            claims = {
                "sub": event["userId"],
                "anon": event["anonymousId"],
                "exp": clock.now_ms() // 1000 + PROOF_LIFE_S,
            }
            if email := event.get("traits", {}).get("email"):
                claims["email"] = email
            event["context"] = event["context"] | {
                "identityProof": jwt.encode(claims, identity_secret, algorithm="HS256")
            }


async def _post(
    http: aiohttp.ClientSession, collector_url: str, write_key: str, origin: str, session: Session
) -> dict[str, Any]:
    # text/plain is what a browser may send to another origin without asking first.
    headers = {
        "User-Agent": f"Mozilla/5.0 {session.user_agent}",
        "Origin": origin,
        "Referer": f"{origin}/",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
        "Accept-Language": "en-GB,en;q=0.8",
        "Content-Type": "text/plain",
    }
    body = msgspec.json.encode({"writeKey": write_key, "batch": session.events, "sentAt": to_text(clock.now_ms())})
    async with http.post(f"{collector_url.rstrip('/')}/v1/batch", data=body, headers=headers) as response:
        response.raise_for_status()
        answer: dict[str, Any] = await response.json()
        return answer


def _count(counts: Counts, session: Session, answer: dict[str, Any]) -> None:
    counts.sessions += 1
    counts.requests += 1
    counts.events += len(session.events)
    counts.rejected += len(answer.get("rejected", ()))
    for event in session.events:
        counts.orders += event.get("event") == "Order Completed"
        if event["type"] == "identify":
            counts.logins += "userId" in event
            counts.newsletters += "userId" not in event
