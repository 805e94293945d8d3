"""Who the visitor is when reverse proxies stand between: `X-Forwarded-*` is believed from listed proxies only."""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple


class Visitor(NamedTuple):
    """The far end of a connection."""

    ip: str | None
    secure: bool
    host: str


class TrustedProxies:
    """The listed proxies. Raises ValueError for what is neither an address nor a network."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in networks)
        self._trusts = lru_cache(maxsize=4096)(self._look_up)

    def visitor(self, peer: str | None, secure: bool, headers: Mapping[str, str]) -> Visitor:
        """The visitor behind a peer. Of a chain of addresses the last one that is no listed proxy counts."""
        host = headers.get("host", "")
        if not self._networks or peer is None or not self._trusts(peer):
            return Visitor(peer, secure, host)
        proto = _first(headers.get("x-forwarded-proto", ""))
        return Visitor(
            self._nearest_stranger(peer, headers.get("x-forwarded-for", "")),
            proto.lower() == "https" if proto else secure,
            _first(headers.get("x-forwarded-host", "")) or host,
        )

    def _nearest_stranger(self, peer: str, forwarded_for: str) -> str:
        nearest = peer
        for hop in reversed(forwarded_for.split(",")):
            address = _address(hop)
            if address is None:
                break
            nearest = address
            if not self._trusts(address):
                break
        return nearest

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _first(listed: str) -> str:
    return listed.partition(",")[0].strip()


def _address(hop: str) -> str | None:
    """The address in one hop of X-Forwarded-For, which may have a port; None when it is none."""
    hop = hop.strip().strip('"')
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return None
