"""Whether a referring host is the site itself: a page of the shop sending its visitor to another page of the shop."""

from collections.abc import Iterable
from urllib.parse import urlsplit

_PARTS_OF_A_SHOP = frozenset(
    {
        *("www", "m", "shop", "store", "boutique", "checkout", "cart", "pay", "payment", "order", "orders", "secure"),
        *("account", "accounts", "my", "app", "login", "auth", "blog", "help"),
    }
)
_SHARED_SECOND_LEVELS = frozenset(
    {
        *("co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go", "gob", "gouv", "ltd", "plc", "me", "nom"),
        *("asso", "web", "id"),
    }
)
"""Second labels that registries give out under (`co.uk`, `com.au`): nothing under them is one owner's."""


def is_own(referring: str, page: str, origins: Iterable[str]) -> bool:
    """Whether `referring` belongs to the site whose page is on host `page` and whose source lists `origins`.

    It does when the two hosts are equal but for `www.`, or one is a subdomain of the other; when that holds for a
    listed origin; or when a listed origin and it are siblings with a shop's usual names (`shop.`, `checkout.`). Hosts
    are lower case, without port.
    """
    if not referring:
        return False
    if page and _related(referring, page):
        return True
    return any(_related(referring, host) or _siblings(referring, host) for host in map(_host_of, origins) if host)


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def _related(one: str, other: str) -> bool:
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    return one == other or one.endswith(f".{other}") or (other.endswith(f".{one}") and "." in one)


def _siblings(one: str, other: str) -> bool:
    (name, _, parent), (other_name, _, other_parent) = one.partition("."), other.partition(".")
    if parent != other_parent or name not in _PARTS_OF_A_SHOP or other_name not in _PARTS_OF_A_SHOP:
        return False
    above, _, top = parent.partition(".")
    return bool(top) and not (len(top) == 2 and above in _SHARED_SECOND_LEVELS)
