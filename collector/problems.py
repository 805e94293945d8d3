"""Errors as `application/problem+json` (RFC 9457), with the `reason` from the documented list."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from collector.rejection import Refused

CONTENT_TYPE = "application/problem+json"


def problem(status: int, reason: str, detail: str = "", headers: Mapping[str, str] | None = None) -> web.Response:
    """An error answer."""
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode(
        {"type": "about:blank", "title": title, "status": status, "detail": detail or title, "reason": reason}
    )
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE, headers=headers)


def as_bytes(status: int, reason: str, detail: str, retry_after_s: int | None = None) -> bytes:
    """An error answer as it goes over the wire, for connections that get no further; it says `Connection: close`."""
    answer = problem(status, reason, detail)
    body = answer.body
    assert isinstance(body, bytes)
    again = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n{again}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def refused_headers(refused: Refused) -> dict[str, str]:
    """What a refusal says in headers, whatever its body is."""
    headers = {}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(refused.retry_after_s)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="ariane", charset="UTF-8"'
    return headers
