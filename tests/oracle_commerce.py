"""The oracle on orders, refunds and carts: rule 14 of docs/identity.md. Start at `oracle.py`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard

from tests.oracle import Said

Row = dict[str, Any]
Properties = Mapping[str, Any]


def name_of(said: Said) -> str | None:
    return said.event.event if said.event.type == "track" else None


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


def cart(said: Iterable[Said]) -> Row | None:
    items: dict[str, Row] = {}
    named, default, at = None, None, ""
    for each in said:
        properties, derived = each.event.properties, each.event.derived
        match name_of(each):
            case "Product Added" if product_id(properties):
                adjust(items, properties, quantity(properties))
            case "Product Removed" if product_id(properties):
                adjust(items, properties, -quantity(properties))
            case "Cart Viewed" if isinstance(properties.get("products"), list):
                items, named, default = {}, None, None
                for product in dicts_in(properties["products"]):
                    adjust(items, product, quantity(product))
            case "Order Completed":
                items, named, default = {}, None, None
            case _:
                continue
        named, default, at = currency(properties) or named, derived.currency or default, each.event.timestamp
    value = sum((item["price"] * item["quantity"] for item in items.values() if item["price"] is not None), Decimal(0))
    in_order = [items[product_id] for product_id in sorted(items)]
    return {"items": in_order, "value": value, "currency": named or default, "updated_at": at} if items else None


def adjust(items: dict[str, Row], product: Properties, change: int) -> None:
    """Put in or take out; an item at nothing goes, with what was known of it."""
    if id_ := product_id(product):
        before = items.pop(id_, {"quantity": 0, "price": None, "name": None})
        price, name, left = money(product.get("price")), text(product.get("name")), before["quantity"] + change
        price, name = before["price"] if price is None else price, name or before["name"]
        if left > 0:
            items[id_] = {"product_id": id_, "quantity": left, "price": price, "name": name}


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
