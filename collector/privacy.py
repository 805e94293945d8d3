"""What a source does not want: the events of machines. (Addresses are forgotten where geo needs them: `enrich`.)"""

from collections.abc import Sequence

from collector.event import Event
from collector.sources import Source


def protect(events: Sequence[Event], source: Source) -> tuple[Sequence[Event], Sequence[Event]]:
    """Split events into those to keep and those to withhold. Pure."""
    if not source.exclude_bots:
        return events, ()
    return (
        [event for event in events if event.derived.bot is None],
        [event for event in events if event.derived.bot is not None],
    )
