"""What enrichment looks things up in, opened once for a process, and what it remembers of earlier events."""

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from collector.enrich.bots import Detector, Machine
from collector.enrich.campaign import Tags
from collector.enrich.channels import arrive
from collector.enrich.geo import Geo, open_geo, signature_of
from collector.enrich.places import Place, load_places
from collector.enrich.user_agent import MAIL_PROXY, Device, UserAgents

_REMEMBERED_AGENTS = 4096
"""Distinct User-Agents; at most 512 characters each, so at most some 4 MB."""
_REMEMBERED_ARRIVALS = 4096
_MAX_REMEMBERED_CHARS = 512
"""Addresses longer than this are worked out each time, so that memory stays bounded."""

_log = logging.getLogger(__name__)


class Agent(NamedTuple):
    """All that a User-Agent tells."""

    device: Device
    machine: Machine | None
    app: Place | None
    """The social app whose embedded browser it is."""
    mail_proxy: bool


class Lookups:
    """Everything a step may ask. Questions are pure between two `reload()`s."""

    def __init__(self, geo_folder: Path) -> None:
        self.geo_folder = geo_folder
        self.geo: Geo = open_geo(geo_folder)
        self._places = load_places()
        self._user_agents = UserAgents()
        self._detector = Detector()
        self.agent = lru_cache(_REMEMBERED_AGENTS)(self._agent)
        """All that a User-Agent (at most MAX_CHARS long) tells."""
        self._arrive = partial(arrive, self._places)
        self._remembered_arrival = lru_cache(_REMEMBERED_ARRIVALS)(self._arrive)
        self._last_long_arrival = lru_cache(1)(self._arrive)
        self._warn()

    def arrival(
        self, url: str | None, referrer: str | None, said: Tags, origins: tuple[str, ...]
    ) -> Mapping[str, str | None]:
        """`channels.arrive` with the places loaded; not to be changed by its reader."""
        if len(url or "") + len(referrer or "") <= _MAX_REMEMBERED_CHARS:
            return self._remembered_arrival(url, referrer, said, origins)
        return self._last_long_arrival(url, referrer, said, origins)

    def reload(self) -> bool:
        """Open the geo databases again if any came, went or changed; whether they did. May block for milliseconds."""
        if signature_of(self.geo_folder) == self.geo.signature:
            return False
        self.geo = open_geo(self.geo_folder)  # readers of the old one finish with it; its maps go with the last of them
        self._warn()
        return True

    def close(self) -> None:
        """Let go of the databases; every address is nowhere from now on. Idempotent."""
        self.geo = Geo((), (), ())

    def _agent(self, user_agent: str) -> Agent:
        if MAIL_PROXY.search(user_agent):
            return Agent({}, None, None, mail_proxy=True)
        app = self._user_agents.embedding_app(user_agent)
        place = self._places.by_source(app) if app else None
        return Agent(self._user_agents.device(user_agent), self._detector.find(user_agent), place, mail_proxy=False)

    def _warn(self) -> None:
        for problem in self.geo.problems:
            _log.warning("geo database left out: %s", problem)


def open_lookups(geo_dir: Path) -> Lookups:
    """Open everything enrichment looks things up in; `geo_dir` may be missing. Takes about 0.2 s and 20 MB, once."""
    return Lookups(geo_dir)


async def watch(lookups: Lookups, every_s: float = 5.0) -> None:
    """Reload the geo databases within seconds of a change, until cancelled. Whoever starts it cancels it."""
    while True:
        await asyncio.sleep(every_s)
        try:
            if await asyncio.to_thread(lookups.reload):
                _log.info(
                    "geo databases read again: %s", ", ".join(file.name for file in lookups.geo.files) or "none left"
                )
        except OSError as error:
            _log.warning("cannot look into %s: %s", lookups.geo_folder, error)
