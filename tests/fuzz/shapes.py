"""Events out of bytes: whatever comes, it is JSON, and mostly what an event could look like.

A fuzzer that changes the bytes of JSON mostly gets what is no JSON. Here a byte chooses a field or a value, so that the
next byte changed is another field, another value, another nesting, and what lies behind the decoder is reached.
"""

from typing import Any

FIELDS = (
    *("type", "event", "name", "messageId", "anonymousId", "userId", "previousId", "groupId", "timestamp", "sentAt"),
    *("originalTimestamp", "properties", "traits", "context", "integrations", "writeKey", "category", "channel"),
)
INNER = (
    *("email", "phone", "externalIds", "id", "type", "traits", "page", "url", "referrer", "title", "path", "search"),
    *("campaign", "source", "medium", "name", "userAgent", "ip", "locale", "identityProof", "products", "product_id"),
    *("price", "quantity", "revenue", "total", "value", "currency", "order_id", "cart_id", "engaged_ms", "plan", ""),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**53,
        2**63,
        -(2**63) - 1,
        10**40,
        0.1,
        -0.0,
        1e308,
        5e-324,
        1e-7,
        123456789.123456789,
    ),
    *(
        "",
        " ",
        "0",
        "-0",
        "1",
        "59.70",
        "1e999999999",
        "-1e-999",
        "NaN",
        "Infinity",
        "1,5",
        "٣",
        "null",
        "undefined",
        "guest",
    ),
    *("track", "page", "screen", "identify", "alias", "group", "retraction", "erasure", "x", "Order Completed"),
    *("Order Refunded", "Product Added", "Product Removed", "Cart Viewed", "Logged Out", "u1", "u2", "d1", "d2", "m1"),
    *(
        "a@b.c",
        " A@B.C ",
        "a@",
        "@",
        "+33612345678",
        "06 12 34 56 78",
        "+",
        "L1",
        "loyalty_card",
        "user_id",
        "profile_id",
    ),
    *(
        "2026-03-02T08:00:00Z",
        "2026-03-02T08:29:59.999Z",
        "2026-03-02",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59Z",
    ),
    *("EUR", "eur", "XXX", "€", "https://shop.example/p?utm_source=a&gclid=b", "http://[::1", "//", "android-app://x/"),
    *("https://www.google.com/", "\ud83d", "\0", "\u2028", "é" * 300, "x" * 70_000, "Mozilla/5.0 (", "a.b.c"),
)
MAX_EVENTS, MAX_FIELDS, MAX_DEPTH = 8, 14, 15


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def next(self, below: int) -> int:
        """A number below `below`; 0 at the end."""
        self._at += 1
        return self._data[self._at - 1] % below if self._at <= len(self._data) else 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)


def events(data: bytes) -> list[Any]:
    """Up to MAX_EVENTS values, nearly all objects."""
    source, found = _Bytes(data), []
    while source.left and len(found) < MAX_EVENTS:
        found.append(_event(source))
    return found


def _event(source: _Bytes) -> Any:
    if source.next(50) == 49:
        return _value(source, 0)
    return {FIELDS[source.next(len(FIELDS))]: _value(source, 1) for _ in range(source.next(MAX_FIELDS))}


def _value(source: _Bytes, depth: int) -> Any:
    kind = source.next(8) if depth < MAX_DEPTH else 0
    if kind < 5:
        return VALUES[source.next(len(VALUES))]
    if kind == 7:
        return [_value(source, depth + 1) for _ in range(source.next(4))]
    return {INNER[source.next(len(INNER))]: _value(source, depth + 1) for _ in range(source.next(6))}
