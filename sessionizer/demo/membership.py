"""Being somebody: newsletter, sign-up, login, logout, account, and the proof that the tracker sends along."""

import asyncio

import jwt
from aiohttp import web

from collector.runtime.clock import now_ms
from sessionizer.demo import accounts, forms, goods
from sessionizer.demo.accounts import AccountsFull, EmailTaken
from sessionizer.demo.forms import Field
from sessionizer.demo.layout import render
from sessionizer.demo.markup import Html, fill, html
from sessionizer.demo.settings import ACCOUNTS, SETTINGS, VISIT

PROOF_LIFE_S = 3600
MAX_ANONYMOUS_ID_CHARACTERS = 200
_EMAIL = Field("email", "E-mail", "email", "email")
LOGIN = (_EMAIL, Field("password", "Password", "password", "current-password"))
SIGNUP = (
    Field("name", "Full name", autocomplete="name"),
    _EMAIL,
    Field("password", "Password", "password", "new-password"),
)


async def newsletter(request: web.Request) -> web.Response:
    """POST /newsletter: `email`."""
    email = (await forms.read(request)).get("email", "")
    if not forms.is_email(email):
        request[VISIT].notice = "That does not look like an e-mail address. Nothing was subscribed."
        raise web.HTTPSeeOther("/")
    request[VISIT].newsletter_email = email
    raise web.HTTPSeeOther("/newsletter/thanks")


async def newsletter_thanks(request: web.Request) -> web.Response:
    """GET /newsletter/thanks."""
    body = fill("newsletter-thanks.html")
    return render(request, "newsletter-thanks", "Subscribed", body)


def local_path(text: str) -> str:
    """A path on this site to go on to; anything that could leave the site becomes the account page."""
    follows = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if follows else "/account"


async def login(request: web.Request) -> web.Response:
    """GET and POST /login, `?next=` saying where to go then."""
    values: dict[str, str] = {}
    wrong = None
    if request.method == "POST":
        values = await forms.read(request)
        wrong = forms.missing(LOGIN, values)
        if wrong is None:
            account = await asyncio.to_thread(request.app[ACCOUNTS].check, values["email"], values["password"])
            if account:
                _enter(request, account.user_id)
                raise web.HTTPSeeOther(local_path(values.get("next", "")))
            wrong = "No account opens with this address and password."
    body = fill(
        "login.html",
        wrong=forms.error(wrong),
        inputs=forms.inputs(LOGIN, values),
        next=values.get("next", request.query.get("next", "")),
        email=accounts.DEMO_EMAIL,
        password=accounts.DEMO_PASSWORD,
    )
    return render(request, "login", "Log in", body, status=422 if wrong else 200)


async def signup(request: web.Request) -> web.Response:
    """GET and POST /signup."""
    values: dict[str, str] = {}
    wrong = None
    if request.method == "POST":
        values = await forms.read(request)
        wrong = forms.missing(SIGNUP, values) or _password_wrong(values["password"])
        if wrong is None:
            try:
                account = await asyncio.to_thread(
                    request.app[ACCOUNTS].register, values["email"], values["name"], values["password"]
                )
            except EmailTaken:
                wrong = "There is an account with this address already. Log in instead?"
            except AccountsFull as error:
                raise web.HTTPServiceUnavailable(text="The demo keeps no more accounts.") from error
            else:
                _enter(request, account.user_id)
                raise web.HTTPSeeOther("/account")
    body = fill(
        "signup.html",
        wrong=forms.error(wrong),
        inputs=forms.inputs(SIGNUP, values),
    )
    return render(request, "signup", "Open an account", body, status=422 if wrong else 200)


def _password_wrong(password: str) -> str | None:
    if len(password) < accounts.MIN_PASSWORD_CHARACTERS:
        return f"A password has at least {accounts.MIN_PASSWORD_CHARACTERS} characters."
    return None


def _enter(request: web.Request, user_id: str) -> None:
    """Log in. `shop.py` sees the user change and gives the browser a new cookie, so that a planted one is worthless."""
    request[VISIT].user_id = user_id
    request[VISIT].notice = "You are logged in."


async def logout(request: web.Request) -> web.Response:
    """POST /logout: forget the cart, the orders and who it was."""
    visit = request[VISIT]
    visit.user_id = None
    visit.cart.clear()
    visit.orders.clear()
    visit.notice = "You are logged out."
    raise web.HTTPSeeOther("/")


async def account(request: web.Request) -> web.Response:
    """GET /account, for the logged in."""
    mine = request.app[ACCOUNTS].of(request[VISIT].user_id)
    if mine is None:
        raise web.HTTPSeeOther("/login?next=/account")
    orders = [
        fill(
            "account-order.html",
            o=each,
            n=sum(line.quantity for line in each.lines),
            total=goods.euros(each.total_cents),
        )
        for each in reversed(mine.orders)
    ]
    body = fill(
        "account.html",
        a=mine,
        orders=html('<ul class="orders">{orders}</ul>', orders=orders)
        if orders
        else Html('<p class="muted">None yet.</p>'),
    )
    return render(request, "account", "Your account", body)


async def proof(request: web.Request) -> web.Response:
    """POST /proof `{"anonymous_id"}`: a JWT saying that this device is this customer's, for the tracker's identify.

    401 for anyone not logged in: only this server knows who is, so only it can sign it.
    """
    mine = request.app[ACCOUNTS].of(request[VISIT].user_id)
    if mine is None:
        raise web.HTTPUnauthorized
    try:
        asked = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text="Not JSON.") from error
    anonymous_id = asked.get("anonymous_id") if isinstance(asked, dict) else None
    if not isinstance(anonymous_id, str) or not 0 < len(anonymous_id) <= MAX_ANONYMOUS_ID_CHARACTERS:
        raise web.HTTPBadRequest(text="anonymous_id must be a short text.")
    claims = {"sub": mine.user_id, "anon": anonymous_id, "email": mine.email, "exp": now_ms() // 1000 + PROOF_LIFE_S}
    token = jwt.encode(claims, request.app[SETTINGS].identity_secret, algorithm="HS256")
    return web.json_response({"proof": token, "user_id": mine.user_id})
