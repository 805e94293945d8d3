"""The web's well-known places: which channel a referring host or a campaign's source stands for, and its plain name.

The lists are in data/: `referrers.json` is made from another project's list (data/NOTICE.md), `ours.json` is kept by
hand and wins. Both are {channel: {name: "host host …"}}.
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

PAYMENT = "payment"
MAX_HOST_CHARS = 253  # RFC 1035, section 2.3.4

_FILES = ("referrers.json", "ours.json")
_AUTHENTICATION = re.compile(r"(?:^|[.-])(?:acs\d*|3d-?s(?:ecure)?\d*|3ds2?|3dsv2|emv3ds)[.-][^.]*\.")
"""Access control servers of 3-D Secure, which every bank names its own way (`acs2.bank.example`)."""
_BY_NAME = ("ai_assistant", "social", "organic_search", "email")
"""Channels that a campaign's source can name without a medium; the first that knows the name has it."""


class Place(NamedTuple):
    """A place that sends visitors."""

    channel: str
    name: str


class Places:
    """Hosts, app ids and names of places. Looking one up is pure."""

    def __init__(self, hosts: Mapping[str, Place], aliases: Mapping[str, str]) -> None:
        self._hosts = hosts
        self._names: dict[str, Place] = {}
        for channel in _BY_NAME:
            for place in hosts.values():
                if place.channel == channel:
                    self._names.setdefault(place.name, place)
        self._aliases = aliases

    def __len__(self) -> int:
        return len(self._hosts)

    def by_host(self, host: str) -> Place | None:
        """The place a host (lower case) or Android app id belongs to; a subdomain belongs where its parent does."""
        if len(host) > MAX_HOST_CHARS:
            return None
        rest = host
        while "." in rest:
            place = self._hosts.get(rest)
            if place is not None:
                return place
            rest = rest.partition(".")[2]
        return Place(PAYMENT, "3d_secure") if _AUTHENTICATION.search(host) else None

    def by_source(self, source: str) -> Place | None:
        """The place a campaign's source means: a name (`google`), a short form (`ig`) or a host (`chatgpt.com`)."""
        name = source.lower()
        name = self._aliases.get(name, name)
        place = self._names.get(name) or (self.by_host(name) if "." in name else None)
        return place if place is not None and place.channel in _BY_NAME else None


def load_places() -> Places:
    """Read the lists that come with the package (about 2,000 hosts, under 10 ms)."""
    hosts: dict[str, Place] = {}
    aliases: dict[str, str] = {}
    for name in _FILES:
        channels = json.loads(files(__package__).joinpath("data", name).read_text(encoding="utf-8"))
        aliases.update(channels.pop("aliases", {}))
        for channel, places in channels.items():
            for place, members in places.items():
                hosts.update(dict.fromkeys(members.split(), Place(channel, place)))
    return Places(hosts, aliases)
