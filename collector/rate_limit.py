"""How much one address may send: a bucket an address that fills steadily and every request takes from.

Off by default: behind a proxy that is not listed, everyone has the same address.
"""

import math

_MAX_BUCKETS = 100_000
"""Above this many addresses the ones that are at rest are forgotten; some 10 MB."""


class RateLimit:
    """`per_s` requests a second on average, up to `burst_s` seconds' worth at once; 0: no limit."""

    def __init__(self, per_s: float, burst_s: float = 10.0) -> None:
        self._per_ms = per_s / 1000
        self._size = max(1.0, per_s * burst_s)
        self._full_at_ms: dict[str, float] = {}
        """When each address's bucket will be full again."""

    def retry_after_s(self, address: str | None, now_ms: int) -> int | None:
        """Take one request: None when it may pass, else in how many seconds to come back."""
        if not self._per_ms or address is None:
            return None
        full_at_ms = max(self._full_at_ms.get(address, 0.0), now_ms) + 1 / self._per_ms
        over_ms = full_at_ms - now_ms - self._size / self._per_ms
        if over_ms > 0:
            return math.ceil(over_ms / 1000)
        if len(self._full_at_ms) >= _MAX_BUCKETS:
            self._full_at_ms = {each: at_ms for each, at_ms in self._full_at_ms.items() if at_ms > now_ms}
        self._full_at_ms[address] = full_at_ms
        return None
