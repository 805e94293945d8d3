"""`/openapi.json`, and `/docs` to read it in a browser: our own files, and a policy that lets it load no others."""

from pathlib import Path

from aiohttp import web

from sessionizer.api import Api
from sessionizer.api.openapi import document
from sessionizer.api.problems import Problem, ProblemReason

STATIC = Path(__file__).parent / "static"
ASSETS = ("docs.js", "swagger-ui-bundle.js", "swagger-ui.css")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def openapi(_request: web.Request, _api: Api) -> web.Response:
    """GET /openapi.json"""
    return web.Response(body=document(), content_type="application/json", headers=_HEADERS)


async def docs(_request: web.Request, _api: Api) -> web.FileResponse:
    """GET /docs"""
    return web.FileResponse(STATIC / "docs.html", headers=_HEADERS)


async def asset(request: web.Request, _api: Api) -> web.FileResponse:
    """GET /docs/{file}"""
    file = request.match_info["file"]
    if file not in ASSETS:
        raise Problem(ProblemReason.NOT_FOUND, 404, "The documentation page has no such file.")
    return web.FileResponse(STATIC / file, headers=_HEADERS)
