"""The oracle's half about what a session and a profile say: rules 13 and 14 of docs/identity.md. Start at `oracle.py`.

Every function is a fold over events in order, and knows nothing of how they came to belong together.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeGuard

from collector.runtime import clock
from tests.oracle_identity import Root, Said, place_of

Properties = Mapping[str, Any]
VIEWS = ("page", "screen")
DAY_MS = 86_400_000


class Item(NamedTuple):
    product_id: str
    quantity: int
    price: Decimal | None
    name: str | None


class Cart(NamedTuple):
    items: list[Item]
    """By product_id."""
    value: Decimal
    currency: str | None
    updated_at: str


class Touch(NamedTuple):
    channel: str
    source: str | None
    medium: str | None
    campaign: str | None
    referrer: str | None
    landing_page: str | None
    at: str


class Totals(NamedTuple):
    events: int
    page_views: int
    sessions: int
    orders: int
    revenue: dict[str, Decimal]
    engaged_ms: int


@dataclass(frozen=True)
class Visit:
    """One session."""

    device: str
    first_message_id: str
    said: list[Said]
    engaged_ms: int
    page_views: int
    engaged: bool
    orders: int
    revenue: dict[str, Decimal]
    touch: Touch

    @property
    def message_ids(self) -> list[str]:
        return [each.event.message_id for each in self.said]


@dataclass(frozen=True)
class Person:
    """One profile."""

    said: list[Said]
    """In order."""
    visits: list[Visit]
    """Earliest first."""
    known: bool
    totals: Totals
    traits: dict[str, Any]
    cart: Cart | None
    first_touch: Touch | None
    last_touch: Touch | None
    first_seen: str
    last_seen: str

    @property
    def message_ids(self) -> list[str]:
        return [each.event.message_id for each in self.said]


def fold_session(said: list[Said]) -> Visit:  # rule 13
    first = said[0].event
    engaged_ms, views = total_engaged_ms(said), page_views(said)
    orders, revenue = sales(said)
    engaged = engaged_ms >= 10_000 or views >= 2 or any(name_of(each) == "Order Completed" for each in said)
    device = first.anonymous_id or ""
    return Visit(device, first.message_id, said, engaged_ms, views, engaged, orders, revenue, touch(said))


def fold_profile(root: Root, events: list[Said], sessions: list[Visit]) -> Person:  # rule 14
    said = sorted(events, key=place_of)
    visits = sorted(sessions, key=lambda visit: visit.said[0].place)
    orders, revenue = sales(said)
    touches = [visit.touch for visit in visits]
    return Person(
        said=said,
        visits=visits,
        known=root[0] in ("user", "contact"),
        totals=Totals(len(said), page_views(said), len(visits), orders, revenue, total_engaged_ms(said)),
        traits=traits(said),
        cart=cart(said),
        first_touch=touches[0] if touches else None,
        last_touch=next((each for each in reversed(touches) if each.channel != "direct"), None),
        first_seen=clock.to_text(said[0].place[0]),
        last_seen=clock.to_text(said[-1].place[0]),
    )


def name_of(said: Said) -> str | None:
    return said.event.event if said.event.type == "track" else None


def page_views(said: Iterable[Said]) -> int:
    return sum(each.event.type in VIEWS for each in said)


def total_engaged_ms(said: Iterable[Said]) -> int:
    reported = [each.event.properties.get("engaged_ms") for each in said]
    return sum(int(min(ms, DAY_MS)) for ms in reported if is_number(ms) and ms >= 0)


def touch(said: list[Said]) -> Touch:
    """Where the visit came from: what its first page or screen says."""
    at = clock.to_text(said[0].place[0])
    event = next((each.event for each in said if each.event.type in VIEWS), None)
    if event is None:
        return Touch("direct", None, None, None, None, None, at)
    view = event.derived
    landing_page = view.page_url or view.page_path or event.name
    if view.channel in (None, "internal", "payment"):
        return Touch("direct", None, None, None, None, landing_page, at)
    return Touch(view.channel, view.channel_source, view.medium, view.campaign, view.referrer, landing_page, at)


def traits(said: Iterable[Said]) -> dict[str, Any]:
    """Per name the value last in order. The trait that carried a lost contact is lost with it."""
    known: dict[str, Any] = {}
    for each in said:
        around = each.event.context.get("traits")
        told = dict(around) if isinstance(around, dict) else {}
        if each.event.type == "identify":
            told |= each.event.traits
        known |= {name: value for name, value in told.items() if name not in each.lost}
    return known


def sales(said: Iterable[Said]) -> tuple[int, dict[str, Decimal]]:
    """How many orders, and what they brought by currency, refunds taken off."""
    orders: dict[Any, tuple[str, Decimal | None]] = {}
    refunds: list[tuple[str | None, str | None, str, Decimal | None]] = []
    for each in said:
        properties, default = each.event.properties, each.event.derived.currency or "XXX"
        order_id, named = text(properties.get("order_id")), currency(properties)
        if name_of(each) == "Order Completed":
            orders[order_id or each.place] = (named or default, amount(properties))
        elif name_of(each) == "Order Refunded":
            refunds.append((order_id, named, default, refunded(properties)))

    undone = {order_id for order_id, _, _, refund in refunds if refund is None and order_id in orders}
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for order, (iso, paid) in orders.items():
        if paid is not None:
            revenue[iso] += Decimal(0) if order in undone else paid
    for order_id, named, default, refund in refunds:
        if refund is not None and order_id not in undone:
            revenue[named or orders.get(order_id, (default,))[0]] -= refund
    return len(orders), dict(revenue)


def refunded(properties: Properties) -> Decimal | None:
    """What a refund gives back; None for the whole order."""
    products = dicts_in(properties.get("products"))
    if amount(properties) is not None or not products:
        return amount(properties)
    return sum(((money(each.get("price")) or Decimal(0)) * quantity(each) for each in products), Decimal(0))


def cart(said: Iterable[Said]) -> Cart | None:
    items: dict[str, Item] = {}
    iso, default, at = None, None, 0
    for each in said:
        properties = each.event.properties
        match name_of(each):
            case "Product Added" if product_id(properties):
                adjust(items, properties, quantity(properties))
            case "Product Removed" if product_id(properties):
                adjust(items, properties, -quantity(properties))
            case "Cart Viewed" if isinstance(properties.get("products"), list):
                items, iso, default = {}, None, None
                for product in dicts_in(properties["products"]):
                    adjust(items, product, quantity(product))
            case "Order Completed":
                items, iso, default = {}, None, None
            case _:
                continue
        iso, default, at = currency(properties) or iso, each.event.derived.currency or default, each.place[0]
    value = sum((item.price * item.quantity for item in items.values() if item.price is not None), Decimal(0))
    by_id = sorted(items.values(), key=lambda item: item.product_id.encode())
    return Cart(by_id, value, iso or default, clock.to_text(at)) if items else None


def adjust(items: dict[str, Item], product: Properties, change: int) -> None:
    """Put in or take out; an item at nothing goes, with what was known of it."""
    if product_id_ := product_id(product):
        before = items.pop(product_id_, Item(product_id_, 0, None, None))
        price, name = money(product.get("price")), text(product.get("name"))
        if before.quantity + change > 0:
            items[product_id_] = Item(
                product_id_, before.quantity + change, before.price if price is None else price, name or before.name
            )


def product_id(product: Properties) -> str | None:
    return text(product.get("product_id")) or text(product.get("sku"))


def quantity(product: Properties) -> int:
    count = product.get("quantity")
    if isinstance(count, str) and count.isdecimal() and count.isascii():
        count = int(count)
    return count if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= 10**6 else 1


def amount(properties: Properties) -> Decimal | None:
    revenue = money(properties.get("revenue"))
    return money(properties.get("total")) if revenue is None else revenue


def money(value: Any) -> Decimal | None:
    """A number or numeric text as money, to six decimals; None for anything else, and for implausible amounts."""
    if not is_number(value) and not isinstance(value, str):
        return None
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return None
    if not exact.is_finite() or exact.copy_abs() >= 10**15:
        return None
    return round(exact, 6) if int(exact.as_tuple().exponent) < -6 else exact


def currency(properties: Properties) -> str | None:
    named = properties.get("currency")
    return named.upper() if isinstance(named, str) and len(named) == 3 and named.isascii() and named.isalpha() else None


def text(value: Any) -> str | None:
    """A text, or a whole number as text; None for anything else, and for nothing."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) and str(value) else None


def is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def dicts_in(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
