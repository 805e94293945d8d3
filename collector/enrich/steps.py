"""The steps of enrichment: each answers with the fields of `Derived` it knows for one arriving event."""

from collections.abc import Mapping

import msgspec

from collector.enrich import bots
from collector.enrich.campaign import NO_TAGS, tags_of
from collector.enrich.fields import section, text
from collector.enrich.lookups import Agent, Lookups
from collector.enrich.page import page_of
from collector.enrich.user_agent import refine
from collector.event import Event, Trust
from collector.raw import RawRequest
from collector.sources import Source

Fields = Mapping[str, str | None]
_NOTHING: Fields = {}


class Arriving(msgspec.Struct, frozen=True):
    """An event in the circumstances of its arrival."""

    event: Event
    request: RawRequest
    source: Source
    lookups: Lookups
    agent: Agent | None
    """What the User-Agent of the person's browser or app tells; None when there is none to read."""


_COMMERCE_EVENTS = frozenset(
    {
        *("Product Clicked", "Product Viewed", "Product Added", "Product Removed", "Product Added to Wishlist"),
        *("Wishlist Product Added to Cart", "Cart Viewed", "Checkout Started", "Checkout Step Viewed"),
        *("Checkout Step Completed", "Payment Info Entered"),
        *("Order Updated", "Order Completed", "Order Refunded", "Order Cancelled"),
    }
)
"""Events of Segment's e-commerce spec v2 that carry money."""


def where_from(arriving: Arriving) -> Fields:
    """The page and the channel, on page and screen events and any other event that names a page."""
    event, lookups = arriving.event, arriving.lookups
    url, path, referrer = page_of(event)
    if url is None and path is None and event.type not in ("page", "screen"):
        return _NOTHING
    campaign = event.context.get("campaign")
    said = tags_of(campaign) if campaign and isinstance(campaign, dict) else NO_TAGS
    fields = lookups.arrival(url, referrer, said, arriving.source.origins)
    if url is None and path is not None:
        fields = {**fields, "page_path": path}
    if fields["channel"] == "direct" and arriving.agent is not None and arriving.agent.app is not None:
        return {**fields, "channel": arriving.agent.app.channel, "channel_source": arriving.agent.app.name}
    return fields


def device(arriving: Arriving) -> Fields:
    """Browser, operating system and kind of device. A server's event has one only if it speaks of one."""
    agent, context = arriving.agent, arriving.event.context
    if agent is None and arriving.event.trust is Trust.SERVER and "device" not in context:
        return _NOTHING
    found = agent.device if agent is not None else {}
    if "userAgentData" in context or "os" in context or "device" in context:
        return refine(found, context)
    return found


def bot(arriving: Arriving) -> Fields:
    """Why this is thought to be a machine. A server's own User-Agent is never judged."""
    event, agent = arriving.event, arriving.agent
    if event.context.get("webdriver") is True:
        return {"bot": bots.WEBDRIVER}
    if agent is None:
        by_browser = event.trust is not Trust.SERVER and _is_browsers(arriving.request)
        return {"bot": bots.EMPTY_USER_AGENT} if by_browser else _NOTHING
    machine = agent.machine
    if machine is None or (machine.library and not _claims_a_page(event)):
        return _NOTHING
    return {"bot": machine.name}


def place(arriving: Arriving) -> Fields:
    """Country, region, city and time zone of the visitor's own address.

    A server's event is located only by `context.ip`; any other by its connection, whatever it claims. A mail service
    that loads pictures for its readers has its own address, so nothing is said of theirs.
    """
    if arriving.event.trust is Trust.SERVER:
        address = text(arriving.event.context.get("ip"))
    elif arriving.agent is not None and arriving.agent.mail_proxy:
        address = None
    else:
        address = arriving.request.remote_ip
    return arriving.lookups.geo.find(address) if address else _NOTHING


def currency(arriving: Arriving) -> Fields:
    """The source's currency, on commerce events that name none."""
    event, default = arriving.event, arriving.source.currency
    if default is None or event.type != "track" or event.event not in _COMMERCE_EVENTS:
        return _NOTHING
    return _NOTHING if text(event.properties.get("currency")) else {"currency": default}


def _is_browsers(request: RawRequest) -> bool:
    """Whether only a browser sends such a request: no page's script can set `Origin` or Fetch Metadata."""
    return "origin" in request.headers or "sec-fetch-site" in request.headers


def _claims_a_page(event: Event) -> bool:
    return event.trust is not Trust.SERVER and (event.type == "page" or bool(section(event.context, "page")))
