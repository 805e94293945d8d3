"""The demo shop as an application: routes, session cookie, and the rules that hold on every page."""

from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from sessionizer.demo import browsing, buying, membership
from sessionizer.demo.accounts import Accounts
from sessionizer.demo.goods import CATEGORIES
from sessionizer.demo.layout import render
from sessionizer.demo.markup import fill
from sessionizer.demo.settings import ACCOUNTS, SETTINGS, VISIT, VISITS, ShopSettings
from sessionizer.demo.visits import COOKIE, Visit, Visits

MAX_BODY_BYTES = 64 * 1024
_STATIC = Path(__file__).parent / "static" / "shop"


def make_shop_app(collector_url: str, write_key: str, identity_secret: str, live_url: str) -> web.Application:
    """The shop, to be served on an origin of its own.

    Its pages load the tracker from `collector_url` and link to `live_url`; `identity_secret` signs who is logged in.
    Carts, accounts and orders live in the application and die with it.
    """
    app = web.Application(
        middlewares=[_safe_headers, _own_forms_only, _remember, _kind_errors], client_max_size=MAX_BODY_BYTES
    )
    app[SETTINGS] = ShopSettings(collector_url.rstrip("/"), write_key, identity_secret, live_url)
    app[VISITS] = Visits()
    app[ACCOUNTS] = Accounts()
    app.add_routes(
        [
            web.get("/", browsing.home),
            *(web.get(f"/{each.slug}", browsing.category) for each in CATEGORIES),
            web.get("/p/{product_id}", browsing.product),
            web.get("/compare", browsing.compare),
            web.get("/pricing", browsing.pricing),
            web.get("/blog", browsing.blog),
            web.get("/blog/{slug}", browsing.article),
            web.get("/search", browsing.search),
            web.get("/cart", buying.cart),
            web.post("/cart/add", buying.add),
            web.post("/cart/remove", buying.remove),
            web.get("/checkout", buying.checkout),
            web.post("/checkout", buying.checkout),
            web.get("/order/{order_id}", buying.confirmation),
            web.post("/newsletter", membership.newsletter),
            web.get("/newsletter/thanks", membership.newsletter_thanks),
            web.get("/signup", membership.signup),
            web.post("/signup", membership.signup),
            web.get("/login", membership.login),
            web.post("/login", membership.login),
            web.post("/logout", membership.logout),
            web.get("/account", membership.account),
            web.post("/proof", membership.proof),
            web.static("/static", _STATIC),
        ]
    )
    return app


@web.middleware
async def _safe_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Scripts and connections to this shop and its collector only, on every answer, errors included."""
    collector = request.app[SETTINGS].collector_url
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _protect(error, collector)
        raise
    _protect(response, collector)
    return response


def _protect(response: web.StreamResponse, collector: str) -> None:
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; script-src 'self' {collector}; connect-src 'self' {collector};"
        f" img-src 'self' {collector}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    if response.content_type == "text/html":
        response.headers["Cache-Control"] = "no-store"


@web.middleware
async def _own_forms_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site's page posts here. Browsers send `Origin` with every POST."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This form belongs to another site.")
    return await handler(request)


@web.middleware
async def _remember(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the browser's visit by its cookie, and keep it afterwards if there is anything to keep."""
    token = request.cookies.get(COOKIE, "")
    visit = request.app[VISITS].get(token)
    known = visit is not None
    request[VISIT] = visit = visit or Visit()
    user_before = visit.user_id
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _set_cookie(request, error, token if known else None, changed_user=visit.user_id != user_before)
        raise
    _set_cookie(request, response, token if known else None, changed_user=visit.user_id != user_before)
    return response


def _set_cookie(request: web.Request, response: web.StreamResponse, token: str | None, *, changed_user: bool) -> None:
    visits, visit = request.app[VISITS], request[VISIT]
    if token is not None and not changed_user:
        return
    if token is not None:
        visits.forget(token)
    if visit.is_empty():
        return
    response.set_cookie(COOKIE, visits.keep(visit), httponly=True, samesite="Lax", secure=request.secure, path="/")


@web.middleware
async def _kind_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page instead of a bare 404."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        body = fill(
            "not-found.html",
            path=request.path,
        )
        return render(request, "not-found", "Not found", body, status=404)
