"""Facts, as a list to follow: one JSON object a line."""

import msgspec
from aiohttp import web

from sessionizer.api import Api, parameters
from sessionizer.api.answers import NOT_KEPT
from sessionizer.api.parameters import MAX_LIMIT
from sessionizer.api.problems import Problem, ProblemReason
from sessionizer.views import FACT_TYPES

MAX_WAIT_S = 30
"""A long poll: below the minute after which proxies cut silent connections."""
NEXT = "Next-Cursor"

_encode = msgspec.json.Encoder().encode_lines


async def facts(request: web.Request, api: Api) -> web.Response:
    """GET /v1/facts"""
    page = await api.people.facts(
        after=parameters.cursor(request, "after"),
        limit=parameters.limit(request, MAX_LIMIT),
        types=_types(request),
        wait_s=parameters.seconds(request, "wait", MAX_WAIT_S),
    )
    return web.Response(
        body=_encode(page.facts), content_type="application/x-ndjson", headers={**NOT_KEPT, NEXT: page.next}
    )


def _types(request: web.Request) -> tuple[str, ...]:
    types = parameters.names(request, "types")
    if not FACT_TYPES.issuperset(types):
        detail = f"types is a list, separated by commas, of {', '.join(sorted(FACT_TYPES))}."
        raise Problem(ProblemReason.INVALID_TYPES, 400, detail)
    return types
