"""What a landing page's address says about the campaign that led to it: utm parameters and advertisers' click ids."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from collector.enrich.fields import text
from collector.enrich.page import Address


class Tags(NamedTuple):
    """A campaign as its links are tagged; all None when they are not."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None


class Click(NamedTuple):
    """The click id an advertiser's or sender's system put on the link, and what it means when no medium contradicts."""

    parameter: str
    value: str
    channel: str
    source: str
    paid: bool


NO_TAGS = Tags()

_UNSET = frozenset({"(none)", "(not set)", "none", "null", "undefined"})
"""What GA4's own values and careless link builders leave where nothing is meant."""

_CLICK_IDS: Mapping[str, tuple[str, str, bool]] = {
    # on advertisements only, by the networks' own documents: the click was paid for
    "gclid": ("paid_search", "google", True),
    "gbraid": ("paid_search", "google", True),
    "wbraid": ("paid_search", "google", True),
    "msclkid": ("paid_search", "bing", True),
    "yclid": ("paid_search", "yandex", True),
    "dclid": ("display", "google", True),
    "ttclid": ("paid_social", "tiktok", True),
    "twclid": ("paid_social", "twitter", True),
    "li_fat_id": ("paid_social", "linkedin", True),
    "epik": ("paid_social", "pinterest", True),
    "rdt_cid": ("paid_social", "reddit", True),
    "sccid": ("paid_social", "snapchat", True),
    "qclid": ("paid_social", "quora", True),
    "tblci": ("display", "taboola", True),
    "obclid": ("display", "outbrain", True),
    "irclickid": ("affiliate", "impact", True),
    "awc": ("affiliate", "awin", True),
    "cjevent": ("affiliate", "cj", True),
    "ransiteid": ("affiliate", "rakuten", True),
    "tduid": ("affiliate", "tradedoubler", True),
    # on every link that leaves the place, paid or not
    "fbclid": ("social", "facebook", False),
    "igshid": ("social", "instagram", False),
    "igsh": ("social", "instagram", False),
    "srsltid": ("organic_search", "google", False),
    "ysclid": ("organic_search", "yandex", False),
    "mc_eid": ("email", "mailchimp", False),
    "mc_cid": ("email", "mailchimp", False),
    "_kx": ("email", "klaviyo", False),
    "_hsenc": ("email", "hubspot", False),
}
"""Parameter, lower case → (channel, source, paid). The first of this list that a link carries counts."""


def read_campaign(address: Address) -> tuple[Tags, Click | None]:
    """The tags and the click id in an address's query, and in its fragment when that holds utm parameters too."""
    query = f"{address.query}&{address.fragment}" if "utm_" in address.fragment else address.query
    if "=" not in query:
        return NO_TAGS, None
    values: dict[str, str] = {}
    for name, value in parse_qsl(query):
        values.setdefault(name.lower(), value)
    tags = tags_of({name[4:]: value for name, value in values.items() if name.startswith("utm_")}, name="campaign")
    for parameter, (channel, source, paid) in _CLICK_IDS.items():
        value = values.get(parameter, "").strip()
        if value:
            return tags, Click(parameter, value[:256], channel, source, paid)
    return tags, None


def tags_of(said: Mapping[str, Any], name: str = "name") -> Tags:
    """A campaign said field by field; `name` is the field with its name (Segment's `context.campaign.name`)."""
    fields = (text(said.get(field)) for field in ("source", "medium", name, "term", "content"))
    return Tags(*(None if field is None or field.lower() in _UNSET else field for field in fields))
