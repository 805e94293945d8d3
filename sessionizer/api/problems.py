"""How a read fails: one list of reasons, each documented in docs/api.md, and the answer that carries one (RFC 9457)."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web


class ProblemReason(StrEnum):
    """Why a request to the read API was refused."""

    UNKNOWN_KEY = "unknown_key"
    CROSS_SITE = "cross_site"
    NOT_FOUND = "not_found"
    INVALID_WHO = "invalid_who"
    INVALID_LIMIT = "invalid_limit"
    INVALID_ORDER = "invalid_order"
    INVALID_CURSOR = "invalid_cursor"
    INVALID_TYPES = "invalid_types"
    INVALID_WAIT = "invalid_wait"
    INVALID_TIME = "invalid_time"
    INVALID_POSITION = "invalid_position"
    INVALID_BODY = "invalid_body"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    TIMED_OUT = "timed_out"
    RATE_LIMITED = "rate_limited"
    TOO_BUSY = "too_busy"
    POSITION_NOT_REACHED = "position_not_reached"
    STILL_FOLDING = "still_folding"
    TOO_MUCH = "too_much"
    ERASURE_NOT_FINISHED = "erasure_not_finished"
    LOG_UNAVAILABLE = "log_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    CORRUPT_RECORD = "corrupt_record"
    NOT_READY = "not_ready"


class Problem(Exception):
    """The request is refused. `app.py` turns it into a problem+json answer; `detail` is one sentence for the caller."""

    def __init__(
        self,
        reason: ProblemReason,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        """Further members of the answer's body (RFC 9457, section 3.2)."""


def not_found() -> Problem:
    """The problem of a `{who}` that names nobody."""
    return Problem(ProblemReason.NOT_FOUND, 404, "Profile was not found.")


def to_response(problem: Problem, **members: Any) -> web.Response:
    """The answer for a problem, with further members of its body."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "reason": problem.reason.value,
        **problem.members,
        **members,
    }
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **problem.headers}
    return web.Response(
        status=problem.status, body=msgspec.json.encode(body), content_type="application/problem+json", headers=headers
    )
