"""The shop's own memory of a browser: its cart, who is logged in, its orders. Kept in this process, gone when it ends.

Nothing here is known to the collector, and nothing of the collector's is known here: the shop stands for any site.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.runtime.clock import new_id
from sessionizer.demo import goods

COOKIE = "shop_session"
MAX_VISITS = 10_000
"""The longest-unused visits beyond this are forgotten, so that crawlers cannot fill the memory."""
MAX_QUANTITY = 20


class Line(NamedTuple):
    """One product in a cart or an order."""

    product: goods.Product
    quantity: int

    @property
    def cents(self) -> int:
        return self.product.price_cents * self.quantity


class Delivery(NamedTuple):
    """Where an order goes, as the shopper wrote it."""

    name: str
    email: str
    phone: str
    address: str
    postcode: str
    city: str
    country: str


class Order(NamedTuple):
    order_id: str
    lines: tuple[Line, ...]
    shipping_cents: int
    delivery: Delivery

    @property
    def subtotal_cents(self) -> int:
        return sum(line.cents for line in self.lines)

    @property
    def total_cents(self) -> int:
        return self.subtotal_cents + self.shipping_cents


@dataclass
class Visit:
    """One browser's session with the shop."""

    cart: dict[str, int] = field(default_factory=dict)
    """Product id → quantity, in the order they were put in."""
    user_id: str | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    newsletter_email: str | None = None
    """An address just signed up, until the next page has told the tracker."""
    notice: str | None = None
    """One sentence for the next page."""

    def lines(self) -> list[Line]:
        """The cart with its products."""
        return [
            Line(found, quantity) for product_id, quantity in self.cart.items() if (found := goods.product(product_id))
        ]

    def put(self, product_id: str, quantity: int) -> None:
        """Add to the cart, up to MAX_QUANTITY of a product."""
        self.cart[product_id] = min(self.cart.get(product_id, 0) + quantity, MAX_QUANTITY)

    def is_empty(self) -> bool:
        """Nothing to remember: no cookie is needed."""
        return self == Visit()


class Visits:
    """All browsers' sessions, by the secret in their cookie."""

    def __init__(self) -> None:
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def get(self, token: str) -> Visit | None:
        """The visit of this cookie, now the most recently used."""
        if token not in self._visits:
            return None
        self._visits.move_to_end(token)
        return self._visits[token]

    def keep(self, visit: Visit) -> str:
        """Remember a visit; returns the secret for its cookie."""
        token = new_id()
        self._visits[token] = visit
        while len(self._visits) > MAX_VISITS:
            self._visits.popitem(last=False)
        return token

    def forget(self, token: str) -> None:
        """End a visit; unknown ones are none."""
        self._visits.pop(token, None)
