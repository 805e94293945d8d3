"""Where a visit would come from if it began with this page: referrer, campaign tags and click ids become one channel.

The reference is GA4's default channel grouping (Analytics Help, "Default channel group"): its media, and its rule that
a known source tells what an unknown medium does not. What differs: an assistant is a channel of its own; a payment
provider, a login page and the site itself are named, so that no session starts with them; a paid medium whose source
nobody knows ("Paid Other" there) is paid search; a stated medium wins over what the source is known for (e-mail from
`google` is e-mail).

Order: campaign tags and click ids, then payment and own site, then the referring place, then direct.
"""

import re
from collections.abc import Mapping

from collector.enrich.campaign import NO_TAGS, Click, Tags, read_campaign
from collector.enrich.own_site import is_own
from collector.enrich.page import Address, read_address
from collector.enrich.places import PAYMENT, Place, Places

_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*|sem|sea")
"""GA4's pattern for every paid medium, with two short forms of search advertising."""
_DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm", "retargeting"})
_SOCIAL = frozenset(
    {
        "social",
        "social-network",
        "social-media",
        "sm",
        "social network",
        "social media",
        "social_network",
        "social_media",
    }
)
_EMAIL = frozenset({"email", "e-mail", "e_mail", "e mail", "newsletter", "mail", "mailing", "emailing"})
_AFFILIATE = frozenset({"affiliate", "affiliates", "affiliation"})
_REFERRAL = frozenset({"referral", "app", "link"})
_ASSISTANT = frozenset({"ai", "llm", "ai_assistant", "ai-assistant", "ai assistant"})


def arrive(
    places: Places, url: str | None, referrer: str | None, said: Tags, origins: tuple[str, ...]
) -> Mapping[str, str | None]:
    """The fields of `Derived` that a page's address and its referrer's decide.

    `said` are tags the event gives beside the address, used when the address has none; `origins` are the source's.
    """
    page = read_address(url) if url else None
    came_from = read_address(referrer) if referrer else None
    tags, click = read_campaign(page) if page else (NO_TAGS, None)
    if tags == NO_TAGS:
        tags = said
    own = came_from is not None and is_own(came_from.host, page.host if page else "", origins)
    channel, source = _channel(tags, click, _referring_place(places, came_from, own), places)
    return {
        "page_url": page.url if page else None,
        "page_path": page.path if page else None,
        "referrer": None if came_from is None or own else came_from.url,
        "channel": channel,
        "channel_source": source,
        "medium": tags.medium,
        "campaign": tags.campaign,
        "term": tags.term,
        "content": tags.content,
        "click_id": f"{click.parameter}:{click.value}" if click and click.channel != "email" else None,
    }


def _referring_place(places: Places, came_from: Address | None, own: bool) -> Place | None:
    """None when nobody referred; what no list knows is a referral by its host."""
    if came_from is None or "." not in came_from.host + ("." if own else ""):
        return None
    if own:
        return Place("internal", came_from.host)
    return places.by_host(came_from.host) or Place("referral", came_from.host.removeprefix("www."))


def _channel(tags: Tags, click: Click | None, referring: Place | None, places: Places) -> tuple[str, str | None]:
    """The channel and the source's name."""
    if tags != NO_TAGS:
        return _tagged(tags, click, referring, places)
    if click is not None:
        same_owner = referring is not None and referring.channel == click.channel
        return click.channel, referring.name if referring and same_owner else click.source
    if referring is not None:
        return referring.channel, referring.name
    return "direct", None


def _tagged(tags: Tags, click: Click | None, referring: Place | None, places: Places) -> tuple[str, str | None]:
    meant = places.by_source(tags.source) if tags.source else None
    if tags.source is None and referring is not None and referring.channel not in ("internal", PAYMENT):
        meant = referring
    name = tags.source or (click.source if click else None) or (meant.name if meant else None)
    by_medium = _by_medium(tags.medium.lower(), meant, click) if tags.medium else None
    if by_medium is not None:
        return by_medium, name
    if click is not None and click.paid:
        return click.channel, name
    if meant is not None:
        return meant.channel, name
    if tags.source is not None and tags.source.lower() in _EMAIL:
        return "email", name
    return click.channel if click else "campaign", name


def _by_medium(medium: str, meant: Place | None, click: Click | None) -> str | None:
    """The channel a medium stands for, given what its source means; None for a medium no rule knows."""
    kind = meant.channel if meant else None
    if _PAID.fullmatch(medium):
        return _paid(medium, kind, click)
    if medium in _DISPLAY:
        return "display"
    if medium in _AFFILIATE:
        return "affiliate"
    if medium in _EMAIL:
        return "email"
    if medium in _ASSISTANT:
        return "ai_assistant"
    if medium in _SOCIAL:
        return "social"
    if medium == "organic":
        return kind if kind in ("social", "ai_assistant") else "organic_search"
    if medium in _REFERRAL:
        return kind or "referral"
    return None


def _paid(medium: str, kind: str | None, click: Click | None) -> str:
    if "social" in medium or (kind == "social" and "search" not in medium):
        return "paid_social"
    if "search" in medium or kind == "organic_search":
        return "paid_search"
    if medium in _DISPLAY:
        return "display"
    return click.channel if click and click.paid else "paid_search"
