"""How often one address, or one public key, may send: a bucket each, that fills steadily and every request takes from.

Off by default: behind a proxy that is not listed, everyone has the same address. The buckets are throttled-py's (the
generic cell rate algorithm): one number a bucket, and no more than MAX_BUCKETS of them, the least used go first.
"""

import math
from typing import TYPE_CHECKING, Self

import msgspec

from collector.settings import EdgeSettings

if TYPE_CHECKING:
    from throttled import Throttled

MAX_BUCKETS = 100_000
"""How many addresses are remembered at once; some 40 MB. Who is forgotten has a full bucket again."""
_PERIOD_S = 1000
"""The library's rates are whole numbers a period: with this one, any thousandth of a request a second."""


class RateLimit:
    """`per_s` requests a second on average, up to `burst_s` seconds' worth at once; 0: no limit."""

    def __init__(self, per_s: float, burst_s: float = 10.0) -> None:
        self._buckets = _buckets(per_s, max(1, math.ceil(per_s * burst_s))) if per_s > 0 else None

    def retry_after_s(self, name: str | None) -> int | None:
        """Take one request from this bucket: None when it may pass, else in how many seconds to come back."""
        if self._buckets is None or not name:
            return None
        result = self._buckets.limit(name)
        return max(1, math.ceil(result.state.retry_after)) if result.limited else None


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The edge's two limits."""

    address: RateLimit = RateLimit(0)
    """By the address that sends."""
    key: RateLimit = RateLimit(0)
    """By the source whose write key is used."""

    @classmethod
    def of(cls, settings: EdgeSettings) -> Self:
        """As the settings say."""
        return cls(address=RateLimit(settings.max_requests_per_s), key=RateLimit(settings.max_key_requests_per_s))


def _buckets(per_s: float, burst: int) -> "Throttled":
    import datetime as dt

    from throttled import MemoryStore, RateLimiterType, Throttled, per_duration  # only where there is a limit

    quota = per_duration(dt.timedelta(seconds=_PERIOD_S), limit=max(1, round(per_s * _PERIOD_S)), burst=burst)
    store = MemoryStore(options={"MAX_SIZE": MAX_BUCKETS})
    return Throttled(using=RateLimiterType.GCRA.value, quota=quota, store=store)
