"""The only module that reads a clock or draws a random id. Everyone else takes `now` and ids as arguments."""

import datetime as dt
import functools
import os
import re
import time
import uuid

EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
MS_PER_DAY = 86_400_000

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?\Z",
    re.ASCII,
)


def now_ms() -> int:
    """Now, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds on a clock that never goes back, for measuring how long something took; its zero means nothing."""
    return time.monotonic()


def new_id() -> str:
    """A fresh random UUID (version 4, 122 random bits), as text."""
    return str(uuid.uuid4())


def new_secret(size: int) -> bytes:
    """Fresh random bytes, good for a key."""
    return os.urandom(size)


def to_text(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 UTC with milliseconds: `2026-11-24T08:00:00.000Z`.

    Always 24 characters, so that texts sort as the times do. Raises ValueError outside years 1 to 9999.
    """
    minute, rest = divmod(ms, 60_000)
    try:
        return f"{_minute_text(minute)}{rest // 1000:02}.{rest % 1000:03}Z"
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{ms} ms is outside the years 1 to 9999") from error


@functools.lru_cache(maxsize=4096)
def _minute_text(minute: int) -> str:
    """`2026-11-24T08:00:`. Times told together often share a minute: a session's first and last, a page's events."""
    day, rest = divmod(minute, 1440)
    date = dt.date.fromordinal(day + EPOCH_ORDINAL)
    return f"{date.isoformat()}T{rest // 60:02}:{rest % 60:02}:"


def from_canonical(text: str) -> int:
    """Milliseconds since 1970 of a text that `to_text` made; about ten times as fast as `from_text`."""
    return _minute_ms(text[:16]) + int(text[17:19]) * 1000 + int(text[20:23])


@functools.lru_cache(maxsize=4096)
def _minute_ms(text: str) -> int:
    days = dt.date.fromisoformat(text[:10]).toordinal() - EPOCH_ORDINAL
    return days * MS_PER_DAY + int(text[11:13]) * 3_600_000 + int(text[14:16]) * 60_000


def from_text(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 or ISO 8601 text; finer digits are truncated, no offset means UTC.

    Raises ValueError for anything else.
    """
    match = _RFC3339.match(text.strip())
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text[:40]!r}")
    year, month, day, hour, minute, second, fraction, _zulu, sign, off_hour, off_minute = match.groups()
    if int(hour or 0) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:  # 60: a leap second, RFC 3339 section 5.6
        raise ValueError(f"not a time of day: {text[:40]!r}")
    days = dt.date(int(year), int(month), int(day)).toordinal() - EPOCH_ORDINAL
    ms = days * MS_PER_DAY + int(hour or 0) * 3_600_000 + int(minute or 0) * 60_000 + int(second or 0) * 1000
    ms += int(((fraction or "") + "000")[:3])
    if sign:
        offset = int(off_hour) * 60 + int(off_minute or 0)
        if int(off_hour) > 23 or int(off_minute or 0) > 59:
            raise ValueError(f"not an offset: {text[:40]!r}")
        ms -= offset * 60_000 * (1 if sign == "+" else -1)
    return ms
