"""How much of what browsers tracked has arrived: a tab's events are numbered, so one that is missing leaves a gap."""

from collections.abc import Iterator

import msgspec

from collector.event import from_record_lazily
from collector.log import EventLog
from sessionizer.commands.progress import Show

PAGE = 2000


class Number(msgspec.Struct, frozen=True):
    """`context.ariane`: the tab an event was made in, and its number there; 0 is the first."""

    tab: str
    seq: int


class _Context(msgspec.Struct):
    ariane: Number | None = None


class Day(msgspec.Struct, kw_only=True):
    """One day's numbered events (UTC, by their own time)."""

    arrived: int = 0
    missing: int = 0
    """Numbers left out before an event of this day. Refused, withheld and erased events are among them."""

    @property
    def share(self) -> float:
        """What has arrived of what was numbered, 0 to 1."""
        return self.arrived / (self.arrived + self.missing)


class Completeness:
    """Collects the numbers of a log. About 100 bytes an event. Events that never got a number count nowhere."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, str], dict[int, str]] = {}
        """(source, tab) → number → day. A number that came twice is one event's copies."""

    def add(self, source: str, timestamp: str, context: msgspec.Raw) -> None:
        """One event; `timestamp` as it is stored, RFC 3339 in UTC."""
        number = _number_in(context)
        if number is not None and number.seq >= 0:
            self._days.setdefault((source, number.tab), {}).setdefault(number.seq, timestamp[:10])

    def by_day(self) -> dict[str, Day]:
        """Day → what arrived and what is missing, in order. What is missing at a tab's end nobody can know."""
        days: dict[str, Day] = {}
        for numbers in self._days.values():
            for day, gap in _gaps(numbers):
                found = days.setdefault(day, Day())
                found.arrived += 1
                found.missing += gap
        return dict(sorted(days.items()))


def _number_in(context: msgspec.Raw) -> Number | None:
    try:
        return msgspec.json.decode(context, type=_Context).ariane
    except msgspec.ValidationError:  # another sender's idea of `ariane`
        return None


def _gaps(numbers: dict[int, str]) -> Iterator[tuple[str, int]]:
    """Of each number its day, and how many are missing right before it."""
    expected = 0
    for seq, day in sorted(numbers.items()):
        yield day, seq - expected
        expected = seq + 1


async def read_completeness(log: EventLog, show: Show) -> dict[str, Day]:
    """The completeness of each day. Raises CorruptRecord."""
    completeness = Completeness()
    end = await log.end()
    after = 0
    while after < end:
        page = await log.read(0, after, PAGE)
        if not page:
            break
        for record in page:
            event = from_record_lazily(record.body)
            completeness.add(event.source, event.timestamp, event.context)
        after = page[-1].position
        show(after, end)
    return completeness.by_day()
