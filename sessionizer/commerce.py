"""Orders, refunds and carts by Segment's e-commerce spec v2 (docs/identity.md, rule 14).

https://segment.com/docs/connections/spec/ecommerce/v2/

Pure and mergeable: `Purchases` and carts of parts, merged in any order, equal those of the whole. Money is Decimal,
never float; a JSON number is read by its shortest text, so that 59.70 is 59.70.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import reduce
from typing import Any

import msgspec

from collector.runtime.clock import to_text
from sessionizer import views
from sessionizer.evidence import Happening
from sessionizer.state import CartChange, CartItem, Order, Place, Purchases, Refund, place

NO_CURRENCY = "XXX"  # ISO 4217: "no currency involved"
MAX_AMOUNT = Decimal(10) ** 15
MICRO = Decimal("0.000001")
CENT = Decimal("0.01")
EXACT = Context(prec=100)
"""A hundred digits hold any sum of amounts that fit in a log; Decimal's own 28 do not, and then refuse to round."""
MAX_QUANTITY = 10**6

ORDER_COMPLETED = "Order Completed"
ORDER_REFUNDED = "Order Refunded"
CART_KINDS = {"Product Added": "add", "Product Removed": "remove", "Cart Viewed": "replace", ORDER_COMPLETED: "empty"}
PURCHASES = (ORDER_COMPLETED, ORDER_REFUNDED)
EVENTS = {*CART_KINDS, ORDER_REFUNDED}
FORGETTING = ("replace", "empty")
"""Cart changes after which nothing earlier matters."""


class Properties(msgspec.Struct, frozen=True):
    """The properties commerce rules read; anything may be wrong."""

    order_id: Any = None
    revenue: Any = None
    total: Any = None
    currency: Any = None
    products: Any = None
    product_id: Any = None
    sku: Any = None
    quantity: Any = None
    price: Any = None
    name: Any = None


read_properties = msgspec.json.Decoder(Properties).decode


def amount(value: Any) -> Decimal | None:
    """A number or numeric text as money; None when it is neither, not finite, or absurd (10**15 or more)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        money = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not money.is_finite() or money.copy_abs() >= MAX_AMOUNT:  # abs() overflows
        return None
    exponent = money.as_tuple().exponent
    return money.quantize(MICRO, ROUND_HALF_EVEN) if isinstance(exponent, int) and exponent < -6 else money


def money_text(value: Decimal) -> str:
    """Money as decimal text: at least two decimals, no exponent, no needless zeros beyond."""
    value = value.normalize(EXACT)
    exponent = value.as_tuple().exponent
    return format(value.quantize(CENT, context=EXACT) if isinstance(exponent, int) and exponent > -2 else value, "f")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return reduce(EXACT.add, amounts, Decimal(0))


def identity_text(value: Any) -> str | None:
    """An order or product id as text; None when it is no usable id."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def named_currency(value: Any) -> str | None:
    return value.upper() if isinstance(value, str) and len(value) == 3 and value.isalpha() and value.isascii() else None


def quantity(value: Any) -> int:
    """A whole number from 1 to a million; anything else is 1."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 7:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_QUANTITY else 1


def add_purchase(purchases: Purchases, happening: Happening, properties: Properties) -> None:
    """Fold one event into `purchases`, in place; only orders and refunds change them. Events may come in any order."""
    if happening.event.event not in PURCHASES:
        return
    own_currency = named_currency(properties.currency)
    fallback = named_currency(happening.event.derived.currency) or NO_CURRENCY
    paid = amount(properties.revenue)
    if paid is None:
        paid = amount(properties.total)
    order_id = identity_text(properties.order_id)
    if happening.event.event == ORDER_REFUNDED:
        if paid is None:
            paid = products_amount(properties.products)
        purchases.refunds.append(
            Refund(
                order_id=order_id, currency=own_currency, fallback=fallback, amount=None if paid is None else str(paid)
            )
        )
    elif order_id is None:
        purchases.unnumbered += 1
        if paid is not None:
            add_amount(purchases.unnumbered_revenue, own_currency or fallback, paid)
    else:
        order = Order(key=happening.key, currency=own_currency or fallback, amount=None if paid is None else str(paid))
        known = purchases.orders.get(order_id)
        if known is None or known.key < order.key:
            purchases.orders[order_id] = order


def products_amount(products: Any) -> Decimal | None:
    """The worth of a refund's `products`, nothing when it is absurd; None when there is no such list."""
    if not isinstance(products, list):
        return None
    lines = [product for product in products if isinstance(product, dict)]
    prices = [(amount(line.get("price")), quantity(line.get("quantity"))) for line in lines]
    worth = total(EXACT.multiply(price, count) for price, count in prices if price is not None)
    if not lines:
        return None
    return worth if worth.copy_abs() < MAX_AMOUNT else Decimal(0)


def add_amount(sums: dict[str, str], currency: str, value: Decimal) -> None:
    sums[currency] = str(EXACT.add(Decimal(sums.get(currency, "0")), value))


def merge_purchases(parts: Iterable[tuple[str | None, Purchases]]) -> Purchases:
    """The purchases of all parts together, each given with its device."""
    whole = Purchases()
    latest: dict[str, Place] = {}
    for device, part in parts:
        for order_id, order in part.orders.items():
            at = place(order.key, device)
            if order_id not in latest or latest[order_id] < at:
                latest[order_id] = at
                whole.orders[order_id] = order
        whole.unnumbered += part.unnumbered
        for currency, text in part.unnumbered_revenue.items():
            add_amount(whole.unnumbered_revenue, currency, Decimal(text))
        whole.refunds.extend(part.refunds)
    return whole


def count_orders(purchases: Purchases) -> int:
    return len(purchases.orders) + purchases.unnumbered


def revenue(purchases: Purchases) -> dict[str, str]:
    """Revenue by currency, refunds subtracted; a refund that names no amount takes its whole order back."""
    if not (purchases.orders or purchases.refunds or purchases.unnumbered_revenue):
        return {}
    sums: dict[str, str] = dict(purchases.unnumbered_revenue)
    wholly_refunded = {refund.order_id for refund in purchases.refunds if refund.amount is None}
    for order_id, order in purchases.orders.items():
        if order.amount is not None:
            add_amount(sums, order.currency, Decimal(0) if order_id in wholly_refunded else Decimal(order.amount))
    for refund in purchases.refunds:
        if refund.amount is None or (refund.order_id in wholly_refunded and refund.order_id in purchases.orders):
            continue
        known = purchases.orders.get(refund.order_id) if refund.order_id is not None else None
        currency = refund.currency or (known.currency if known else refund.fallback)
        add_amount(sums, currency, -Decimal(refund.amount))
    return {currency: money_text(Decimal(sums[currency])) for currency in sorted(sums)}


def cart_change(happening: Happening, properties: Properties) -> CartChange | None:
    """What one event does to the cart; None when it does nothing."""
    kind = CART_KINDS.get(happening.event.event or "")
    items: list[CartItem] = []
    if kind in ("add", "remove"):
        items = cart_items([msgspec.structs.asdict(properties)])
    elif kind == "replace":
        if not isinstance(properties.products, list):
            return None
        items = cart_items(properties.products)
    elif kind is None:
        return None
    if kind in ("add", "remove") and not items:
        return None
    return CartChange(
        key=happening.key,
        kind=kind,
        items=items,
        currency=named_currency(properties.currency),
        fallback=named_currency(happening.event.derived.currency),
    )


def cart_items(products: list[Any]) -> list[CartItem]:
    """The products that have an id, as cart items."""
    items = []
    for product in products:
        if not isinstance(product, dict):
            continue
        product_id = identity_text(product.get("product_id")) or identity_text(product.get("sku"))
        if product_id is None:
            continue
        price = amount(product.get("price"))
        items.append(
            CartItem(
                product_id=product_id,
                quantity=quantity(product.get("quantity")),
                price=None if price is None else str(price),
                name=identity_text(product.get("name")),
            )
        )
    return items


def remember_change(changes: list[CartChange], change: CartChange) -> list[CartChange]:
    """The changes that still matter, in order, with one more of any time."""
    if changes and change.key < changes[0].key and changes[0].kind in FORGETTING:
        return changes
    later = [each for each in changes if each.key > change.key]
    if change.kind in FORGETTING:
        return [change, *later]
    return [*(each for each in changes if each.key < change.key), change, *later]


def join_changes(changes: list[CartChange], others: list[CartChange]) -> list[CartChange]:
    """The changes that still matter of two sets of events, in order."""
    if not changes or not others:
        return [*changes, *others]
    both = sorted([*changes, *others], key=lambda each: each.key)
    forgets = [at for at, each in enumerate(both) if each.kind in FORGETTING]
    return both[forgets[-1] :] if forgets else both


def cart_after(changes: Iterable[CartChange]) -> views.Cart | None:
    """The cart after all changes, given in their order; None when it holds nothing."""
    items: dict[str, CartItem] = {}
    currency: str | None = None
    fallback: str | None = None
    at = 0
    for change in changes:
        at = change.key[0]
        if change.kind in FORGETTING:
            items, currency, fallback = {}, None, None
        currency = change.currency or currency
        fallback = change.fallback or fallback
        for item in change.items:
            known = items.get(item.product_id)
            counted = known.quantity if known else 0
            counted = counted - item.quantity if change.kind == "remove" else counted + item.quantity
            if counted <= 0:
                items.pop(item.product_id, None)
                continue
            items[item.product_id] = CartItem(
                product_id=item.product_id,
                quantity=counted,
                price=item.price or (known.price if known else None),
                name=item.name or (known.name if known else None),
            )
    if not items:
        return None
    lines = [items[product_id] for product_id in sorted(items)]
    value = total(EXACT.multiply(Decimal(line.price), line.quantity) for line in lines if line.price is not None)
    shown = [
        views.CartItem(
            product_id=line.product_id,
            quantity=line.quantity,
            price=None if line.price is None else money_text(Decimal(line.price)),
            name=line.name,
        )
        for line in lines
    ]
    return views.Cart(items=shown, value=money_text(value), currency=currency or fallback, updated_at=to_text(at))
