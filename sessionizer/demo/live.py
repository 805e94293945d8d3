"""The page that shows what becomes of the clicks: events as they arrive, and the profile they build.

The page carries the API key, which reads every profile: `ariane demo` alone adds it, on a loopback address. It is one
more client of the API; nothing here knows how profiles are made.
"""

from pathlib import Path

from aiohttp import web

from sessionizer.demo.markup import data_block

_STATIC = Path(__file__).parent / "static" / "live"
_ASSETS = {
    "live.css": "text/css",
    "live.js": "text/javascript",
    "feed.js": "text/javascript",
    "words.js": "text/javascript",
    "panels.js": "text/javascript",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def add_live_page(app: web.Application, api_key: str, shop_url: str | None = None) -> None:
    """Serve GET /demo/live on the application that answers /v1/live and /v1/profiles, with a link to the shop if any.

    Only for a demo: whoever can open the page holds the key.
    """
    page = (_STATIC / "live.html").read_text("utf-8")
    page = page.replace("<!-- config -->", data_block("config", {"api_key": api_key, "shop_url": shop_url}))
    assets = {name: (_STATIC / name).read_text("utf-8") for name in _ASSETS}

    async def live(_request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers=_HEADERS)

    async def asset(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(text=assets[name], content_type=_ASSETS[name], headers=_HEADERS)

    app.router.add_get("/demo/live", live)
    app.router.add_get(f"/demo/live/{{name:{'|'.join(_ASSETS)}}}", asset)
