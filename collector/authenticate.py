"""Whose key a request carries, and whether it may be used there. Pure.

A write key is public and may stand anywhere. A server key is believed, so it counts only where it does not leak: in
HTTP Basic or a POST body, never in an address (which ends up in logs), never from a browser's page.
"""

import base64
import binascii
from functools import lru_cache

from collector.raw import RawRequest
from collector.rejection import Reason, Refused
from collector.sources import Sender, SourceIndex


def sender_by_headers(request: RawRequest, sources: SourceIndex) -> Sender | None:
    """The sender as far as Basic or the query names one; None when only the body can. Raises Refused (401)."""
    authorization = request.headers.get("authorization", "")
    if authorization[:6].lower() == "basic ":
        key = basic_user(authorization[6:])
        if key:
            return _known(key, request, sources)
    key = request.query.get("writeKey", "")
    if not key:
        return None
    sender = _known(key, request, sources)
    if sender.server:
        raise Refused(Reason.SERVER_KEY_MISUSED, 401, "a server key does not belong into an address; use HTTP Basic")
    return sender


def authenticate(request: RawRequest, body_key: object, sources: SourceIndex) -> Sender:
    """The sender of a request, by Basic, else the query, else its body. Raises Refused (401)."""
    return sender_by_headers(request, sources) or sender_by_body(request, body_key, sources)


def sender_by_body(request: RawRequest, body_key: object, sources: SourceIndex) -> Sender:
    """The sender that the body names, for a request whose headers name none. Raises Refused (401)."""
    if not isinstance(body_key, str) or not body_key:
        raise Refused(Reason.UNKNOWN_KEY, 401, "no key: send it as HTTP Basic user, or as writeKey in body or query")
    return _known(body_key, request, sources)


def _known(key: str, request: RawRequest, sources: SourceIndex) -> Sender:
    sender = sources.find(key)
    if sender is None:
        raise Refused(Reason.UNKNOWN_KEY, 401, "no source has this key")
    if sender.server and "origin" in request.headers:
        raise Refused(Reason.SERVER_KEY_MISUSED, 401, "a server key came from a web page: replace it, it is public now")
    return sender


@lru_cache(maxsize=1024)
def basic_user(encoded: str) -> str:
    """The user of HTTP Basic credentials (RFC 7617). Raises Refused when they cannot be read."""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0].strip()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise Refused(Reason.UNKNOWN_KEY, 401, "the Authorization header is not HTTP Basic") from error
