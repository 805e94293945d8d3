"""What a source does not want: the events of machines, and of browsers that ask not to be followed.

(Addresses are forgotten where geo needs them: `enrich`.)
"""

from collections.abc import Sequence

from collector.event import Event
from collector.sources import Source


def protect(events: Sequence[Event], source: Source) -> tuple[Sequence[Event], Sequence[Event]]:
    """Split events into those to keep and those to withhold. Pure."""
    if not source.exclude_bots and not source.honour_opt_out:
        return events, ()
    withheld = [event for event in events if why_withheld(event, source) is not None]
    return [event for event in events if why_withheld(event, source) is None], withheld


def why_withheld(event: Event, source: Source) -> str | None:
    """`bot` or `opt_out`; None for an event to keep."""
    if source.exclude_bots and event.derived.bot is not None:
        return "bot"
    return "opt_out" if source.honour_opt_out and _opts_out(event) else None


def _opts_out(event: Event) -> bool:
    """Whether the browser sent Global Privacy Control or Do Not Track, as the tracker passes them on."""
    consent = event.context.get("consent")
    return isinstance(consent, dict) and (consent.get("gpc") is True or consent.get("dnt") is True)
