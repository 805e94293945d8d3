"""The first-party device cookie: when it is believed, when it may be set, when the edge names a device itself. Pure.

Only pixel hits and browsers' requests get the cookie's id, and only for events that name nobody; elsewhere the edge
mints nothing, because a server that forgot an id is not a visitor.
"""

from collections.abc import Callable

import msgspec

from collector import origins
from collector.identifiers import is_blocked
from collector.raw import RawRequest
from collector.sources import Source

COOKIE = "ariane_id"


class DeviceCookie(msgspec.Struct, kw_only=True):
    """What one request's cookie may do."""

    current: str | None
    """The id in the cookie, when there is one and it may be believed."""
    names_devices: bool
    """Events that name nobody get the cookie's id, or a fresh one."""
    joins_users: bool
    """Events that name a user but no device get the cookie's id."""
    settable: bool
    """The answer may set the cookie."""

    def device(self, new_id: Callable[[], str]) -> str | None:
        """The id for an event that names nobody; the same for the whole request. None: it stays nameless."""
        if self.current is None and self.names_devices:
            self.current = new_id()
        return self.current if self.names_devices else None


NO_COOKIE = DeviceCookie(current=None, names_devices=False, joins_users=False, settable=False)


def device_cookie(
    request: RawRequest, source: Source, *, server: bool, pixel: bool, blocked: frozenset[str], max_chars: int
) -> DeviceCookie:
    """What the cookie of this request may do. Other sites' pages get none, unless the source lists them."""
    if server or not (pixel or origins.is_browser(request)):
        return NO_COOKIE
    listed = origins.is_listed(request, source)
    settable = listed or origins.is_own_site(request)
    current = request.cookies.get(COOKIE) if settable else None
    if current is not None and not is_believable(current, blocked, max_chars):
        current = None
    return DeviceCookie(current=current, names_devices=True, joins_users=pixel and listed, settable=settable)


def is_believable(anonymous_id: str, blocked: frozenset[str], max_chars: int) -> bool:
    """Whether a text that a browser brings can be a device."""
    return not is_blocked(anonymous_id, blocked) and len(anonymous_id) <= max_chars and anonymous_id.isprintable()


def set_cookie_header(anonymous_id: str, *, secure: bool, max_age_s: int) -> str | None:
    """The value of a Set-Cookie header, host-only; None for an id no cookie can carry (RFC 6265, section 4.1.1)."""
    if not anonymous_id.isascii() or not anonymous_id.isprintable() or any(each in anonymous_id for each in ' ",;\\'):
        return None
    flag = "; Secure" if secure else ""
    return f"{COOKIE}={anonymous_id}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Lax{flag}"
