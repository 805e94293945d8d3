"""When an event happened, given what a sender with an unreliable clock says about it. Pure."""

import datetime as dt
from functools import lru_cache

import msgspec

from collector.runtime import clock

When = tuple[str, str | None]
"""The time of an event, RFC 3339 UTC with milliseconds, and a warning of what was changed to get there."""


def canonical(text: str) -> str:
    """An RFC 3339 text as 24 characters in UTC, finer digits truncated. Raises ValueError for anything else."""
    if len(text) == 24 and text[23] == "Z" and text[19] == "." and text[10] == "T" and text[:4] != "0000":
        try:
            msgspec.convert(text, dt.datetime)  # checks it in C; nearly every SDK sends just this form
        except msgspec.ValidationError:
            return clock.to_text(clock.from_text(text))
        return text
    return clock.to_text(clock.from_text(text))


@lru_cache(maxsize=1024)
def sent_time(text: str) -> tuple[str, int]:
    """A `sentAt`, canonical and in milliseconds; the same for a whole batch, hence remembered. Raises ValueError."""
    ms = clock.from_text(text)
    return clock.to_text(ms), ms


text_of = lru_cache(maxsize=64)(clock.to_text)
"""A time of arrival as text; remembered, since many requests share a millisecond when it matters."""


def settle(
    claimed: str | None, sent_at_ms: int | None, received_at_ms: int, received_at: str, latest: str, min_skew_ms: int
) -> When:
    """When it happened: as claimed, corrected by how far the sender's clock was off when it sent.

    `claimed` is canonical, `latest` the last moment believed. A skew under `min_skew_ms` is not corrected, so that the
    retries of an event keep its time. Raises ValueError when the corrected time falls outside years 1 to 9999.
    """
    if claimed is None:
        return received_at, None
    warning = None
    if sent_at_ms is not None and abs(received_at_ms - sent_at_ms) >= min_skew_ms:
        claimed = clock.to_text(received_at_ms - (sent_at_ms - clock.from_text(claimed)))
        warning = "clock_skew_corrected"
    if claimed > latest:
        return received_at, "timestamp_in_future"
    return claimed, warning
