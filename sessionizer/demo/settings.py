"""What the shop is told by whoever starts it, and the typed keys its parts are found under."""

from typing import NamedTuple

from aiohttp import web

from sessionizer.demo.accounts import Accounts
from sessionizer.demo.visits import Visit, Visits


class ShopSettings(NamedTuple):
    collector_url: str
    """Origin of the collector, no trailing slash: `http://127.0.0.1:8080`."""
    write_key: str
    identity_secret: str
    """Signs who is logged in. Stays on this server."""
    live_url: str
    """Address of the page that shows what the collector makes of a visit."""


SETTINGS = web.AppKey("settings", ShopSettings)
VISITS = web.AppKey("visits", Visits)
ACCOUNTS = web.AppKey("accounts", Accounts)
VISIT = web.RequestKey("visit", Visit)
