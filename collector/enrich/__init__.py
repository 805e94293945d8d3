"""What the edge adds to an event from the circumstances of its arrival, stored once: a replay never looks up again.

What must live here: looking up and naming. What must not: any word on who the person is.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from collector.enrich.lookups import Lookups, open_lookups, watch
from collector.enrich.steps import Arriving, Fields, bot, currency, device, place, where_from
from collector.enrich.user_agent import visitors_user_agent
from collector.event import Event, Trust
from collector.raw import RawRequest
from collector.sources import Source

__all__ = ["STEPS", "Lookups", "enrich", "forget_ip", "open_lookups", "watch"]

STEPS: tuple[Callable[[Arriving], Fields], ...] = (where_from, device, bot, place, currency)
"""In order; a later step's field would win, but no two say the same one."""


def enrich(event: Event, request: RawRequest, lookups: Lookups, source: Source) -> Event:
    """The event with everything STEPS know about it in `derived`, and its address forgotten unless the source keeps it.

    Warnings already in `derived` stay. Pure given its lookups; never raises for anything a sender wrote.
    """
    user_agent = visitors_user_agent(event, request.headers)
    arriving = Arriving(event, request, source, lookups, None if user_agent is None else lookups.agent(user_agent))
    found: dict[str, Any] = {}
    for step in STEPS:
        if fields := step(arriving):
            found.update(fields)
    derived = msgspec.structs.replace(event.derived, **found)
    return msgspec.structs.replace(event, derived=derived, context=forget_ip(event, request, source))


def forget_ip(event: Event, request: RawRequest, source: Source) -> dict[str, Any]:
    """The context as it is stored: without the visitor's IP address, or with it where the source keeps addresses.

    The address kept is the one the event gives, else its connection's, unless a server sent it.
    """
    context = event.context
    if not source.store_ip:
        return {name: value for name, value in context.items() if name != "ip"} if "ip" in context else context
    if "ip" in context or request.remote_ip is None or event.trust is Trust.SERVER:
        return context
    return {**context, "ip": request.remote_ip}
