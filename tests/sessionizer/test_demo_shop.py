"""The demo shop over HTTP, as a browser without JavaScript sees it; the live page's wrapping; the simulated stories."""

import json
import re
from html.parser import HTMLParser

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sessionizer.demo import add_live_page, goods, make_shop_app
from sessionizer.demo.accounts import DEMO_EMAIL, DEMO_PASSWORD
from sessionizer.demo.articles import ARTICLES
from sessionizer.demo.markup import Html, data_block, html
from sessionizer.demo.membership import local_path
from sessionizer.demo.visitors import simulate, story
from sessionizer.demo.visits import COOKIE, MAX_VISITS, Visit, Visits

COLLECTOR = "http://collector.example:8080"
SECRET = "a secret of at least thirty-two bytes"
NOW_MS = 1_795_000_000_000
XSS = "\"><script>alert('x')</script>"
DELIVERY = {
    "name": "Jane Ariadne",
    "email": "Jane@Example.com",
    "phone": "+33 6 12 34 56 78",
    "address": "1 rue du Fil",
    "postcode": "75001",
    "city": "Paris",
    "country": "France",
}
PAGES = [
    "/",
    *(f"/{each.slug}" for each in goods.CATEGORIES),
    *(f"/p/{each.product_id}" for each in goods.PRODUCTS),
    "/compare",
    "/compare?with=A200&with=A201",
    "/compare?with=A200",
    "/pricing",
    "/blog",
    *(f"/blog/{each.slug}" for each in ARTICLES),
    "/search?q=shoe",
    "/cart",
    "/login",
    "/signup",
    "/newsletter/thanks",
]


class Markup(HTMLParser):
    """The elements of a page, and whether they nest."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.problems = [], [], []
        self.feed(text)
        self.problems += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def all(self, tag):
        return [attrs for each, attrs in self.elements if each == tag]


@pytest.fixture
async def shop(aiohttp_client) -> TestClient:
    return await aiohttp_client(make_shop_app(COLLECTOR + "/", "write-key", SECRET, f"{COLLECTOR}/demo/live"))


async def text_of(response, status=200):
    assert response.status == status, await response.text()
    return await response.text()


def state_of(text):
    return json.loads(re.search(r'id="shop-state">(.*?)</script>', text).group(1))


async def log_in(shop, **more):
    return await shop.post("/login", data={"email": DEMO_EMAIL, "password": DEMO_PASSWORD, **more})


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_well_formed_and_carries_the_snippet(shop, path):
    page = Markup(await text_of(await shop.get(path)))
    assert page.problems == []
    assert {"defer": None, "src": f"{COLLECTOR}/t.js", "data-write-key": "write-key"} in page.all("script")
    assert page.all("h1")
    labelled = {label.get("for") for label in page.all("label")}
    for field in page.all("input"):
        assert field.get("type") in {"hidden", "checkbox"} or field["id"] in labelled


@pytest.mark.parametrize("path", ["/", "/nowhere", "/static/shop.css"])
async def test_a_page_runs_scripts_of_the_shop_and_its_collector_only(shop, path):
    headers = (await shop.get(path)).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == policy["connect-src"] == f"'self' {COLLECTOR}"


async def test_links_inside_the_shop_lead_somewhere(shop):
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        page = Markup(await text_of(await shop.get(path)))
        waiting += [each["href"] for each in page.all("a") if each["href"].startswith("/")]
        assets = [each.get("src") or each.get("href") for tag in ("script", "link") for each in page.all(tag)]
        waiting_assets = {each for each in assets if each and each.startswith("/")} - seen
        for asset in waiting_assets:
            seen.add(asset)
            assert (await shop.get(asset)).status == 200
    assert len(seen) > 25


async def test_a_dead_end_is_a_page(shop):
    for path in ("/nowhere", "/p/A999", "/blog/none", "/order/AF-00000000"):
        assert "dead end" in await text_of(await shop.get(path), 404)


async def test_what_is_typed_is_text_and_never_markup(shop):
    for response in (
        await shop.get("/search", params={"q": XSS}),
        await shop.get("/login", params={"next": XSS}),
        await shop.post("/login", data={"email": XSS, "password": "x", "next": XSS}),
        await shop.post("/signup", data={"name": XSS, "email": XSS, "password": "long enough"}),
        await shop.get("/" + "%22%3E%3Cscript%3Ealert('x')%3C/script%3E"),
    ):
        text = await response.text()
        assert "<script>alert" not in text
        assert Markup(text).problems == []


async def test_a_name_with_markup_is_shown_as_it_was_written(shop):
    await shop.post("/signup", data={"name": XSS, "email": "eve@example.com", "password": "long enough"})
    text = await text_of(await shop.get("/account"))
    assert "<script>alert" not in text
    assert state_of(text)["user"]["name"] == XSS


def test_templates_escape_everything_but_markup():
    assert html('<a b="{x}">{y}</a>', x="\"'<&", y=Html("<i>")) == '<a b="&quot;&#x27;&lt;&amp;"><i></a>'
    assert html("{x}{y}", x=["<", Html("<b>")], y=None) == "&lt;<b>"
    assert "</script" not in data_block("d", {"x": "</script><!--"}).removesuffix("</script>")


async def test_a_visitor_who_only_looks_gets_no_cookie(shop):
    assert COOKIE not in (await shop.get("/running")).cookies


async def test_the_cart_is_kept_for_one_browser(shop, aiohttp_client):
    answer = await shop.post("/cart/add", data={"product_id": "A100", "quantity": "2"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/cart")
    assert answer.cookies[COOKIE]["httponly"]
    assert answer.cookies[COOKIE]["samesite"] == "Lax"
    text = await text_of(await shop.get("/cart"))
    assert "€259.80" in text
    assert state_of(text)["cart"]["products"] == [
        {"product_id": "A100", "name": "Fil Rouge 2", "category": "running", "price": 129.9, "quantity": 2}
    ]
    other = await aiohttp_client(shop.app)
    assert state_of(await text_of(await other.get("/cart")))["cart"]["products"] == []


async def test_a_line_can_be_removed_from_the_cart(shop):
    await shop.post("/cart/add", data={"product_id": "A100", "quantity": "1"})
    text = await text_of(await shop.post("/cart/remove", data={"product_id": "A100"}))
    assert "Nothing in it yet" in text


@pytest.mark.parametrize("quantity", ["0", "-1", "21", "1.5", "²", "", "9" * 5000])
async def test_an_impossible_quantity_is_refused(shop, quantity):
    assert (await shop.post("/cart/add", data={"product_id": "A100", "quantity": quantity})).status == 400


async def test_an_order_is_confirmed_to_whoever_placed_it(shop, aiohttp_client):
    await shop.post("/cart/add", data={"product_id": "A111", "quantity": "2"})
    assert state_of(await text_of(await shop.get("/checkout")))["checkout"]["value"] == 36.0
    response = await shop.post("/checkout", data=DELIVERY)
    told = state_of(await text_of(response))
    assert told["order"]["total"] == 40.9
    assert told["order"]["revenue"] == 36.0
    assert told["order"]["currency"] == "EUR"
    assert told["order"]["order_id"] == response.url.name
    assert told["buyer"]["email"] == "Jane@Example.com"
    assert state_of(await text_of(await shop.get("/cart")))["cart"]["products"] == []
    stranger = await aiohttp_client(shop.app)
    assert (await stranger.get(f"/order/{response.url.name}")).status == 404


@pytest.mark.parametrize("broken", [{"email": "nobody"}, {"name": "  "}, {"city": ""}])
async def test_an_incomplete_address_is_asked_for_again(shop, broken):
    await shop.post("/cart/add", data={"product_id": "A100", "quantity": "1"})
    text = await text_of(await shop.post("/checkout", data=DELIVERY | broken), 422)
    assert 'data-test="error"' in text
    assert "1 rue du Fil" in text
    assert "checkout" not in state_of(text)


async def test_an_empty_cart_cannot_be_checked_out(shop):
    assert (await shop.get("/checkout")).url.path == "/cart"
    assert (await shop.post("/checkout", data=DELIVERY)).url.path == "/cart"


async def test_sign_up_logs_in_and_the_password_opens_the_account_again(shop):
    who = {"name": "Theo", "email": "Theo@Example.com", "password": "out of the maze"}
    user = state_of(await text_of(await shop.post("/signup", data=who)))["user"]
    assert user["email"] == "theo@example.com"
    await shop.post("/logout")
    assert "user" not in state_of(await text_of(await shop.get("/")))
    assert "No account opens" in await text_of(await shop.post("/login", data=who | {"password": "wrong"}), 422)
    assert state_of(await text_of(await shop.post("/login", data=who)))["user"] == user
    assert "already" in await text_of(await shop.post("/signup", data=who), 422)


async def test_a_short_password_is_refused_and_never_sent_back(shop):
    answer = await shop.post("/signup", data={"name": "T", "email": "t@example.com", "password": "s3cr3t"})
    assert "s3cr3t" not in await text_of(answer, 422)


async def test_login_keeps_the_cart_and_changes_the_cookie(shop):
    before = (
        (await shop.post("/cart/add", data={"product_id": "A100", "quantity": "1"}, allow_redirects=False))
        .cookies[COOKIE]
        .value
    )
    answer = await shop.post("/login", data={"email": DEMO_EMAIL, "password": DEMO_PASSWORD}, allow_redirects=False)
    assert answer.cookies[COOKIE].value != before
    assert len(state_of(await text_of(await shop.get("/cart")))["cart"]["products"]) == 1
    shop.session.cookie_jar.clear()
    stolen = await text_of(await shop.get("/cart", headers={"Cookie": f"{COOKIE}={before}"}))
    assert state_of(stolen)["cart"]["products"] == []


async def test_logout_leaves_nothing_behind(shop):
    await log_in(shop)
    await shop.post("/cart/add", data={"product_id": "A100", "quantity": "1"})
    await shop.post("/logout")
    assert (await shop.get("/account")).url.path == "/login"
    assert state_of(await text_of(await shop.get("/cart")))["cart"]["products"] == []
    assert (await shop.get("/logout")).status == 405


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/checkout", "/checkout"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("https://evil.example", "/account"),
        ("/a\r\nSet-Cookie: x=y", "/account"),
        ("", "/account"),
    ],
)
def test_after_a_login_one_stays_in_the_shop(asked, given):
    assert local_path(asked) == given


async def test_a_form_of_another_site_is_refused(shop):
    evil = {"Origin": "https://evil.example"}
    for path in ("/cart/add", "/logout", "/checkout", "/proof"):
        assert (await shop.post(path, headers=evil)).status == 403
    own = {"Origin": f"http://{shop.host}:{shop.port}"}
    assert (await shop.post("/cart/add", data={"product_id": "A100"}, headers=own)).status == 200


async def test_the_newsletter_tells_the_tracker_once(shop):
    text = await text_of(await shop.post("/newsletter", data={"email": " ada@example.com "}))
    assert state_of(text)["newsletter_email"] == "ada@example.com"
    assert "newsletter_email" not in state_of(await text_of(await shop.get("/")))
    assert "does not look like" in await text_of(await shop.post("/newsletter", data={"email": "ada"}))


async def test_the_proof_is_signed_for_this_user_on_this_device(shop):
    await log_in(shop)
    answer = await shop.post("/proof", json={"anonymous_id": "device-1"})
    claims = jwt.decode((await answer.json())["proof"], SECRET, algorithms=["HS256"], options={"require": ["exp"]})
    assert claims | {"exp": 0} == {"sub": "jane", "anon": "device-1", "email": DEMO_EMAIL, "exp": 0}


async def test_nobody_gets_a_proof_without_logging_in(shop):
    assert (await shop.post("/proof", json={"anonymous_id": "device-1"})).status == 401
    await log_in(shop)
    await shop.post("/logout")
    assert (await shop.post("/proof", json={"anonymous_id": "device-1"})).status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"anonymous_id": 1}', b'{"anonymous_id": ""}', b"\xff"])
async def test_a_proof_for_no_device_is_refused(shop, body):
    await log_in(shop)
    assert (await shop.post("/proof", data=body, headers={"Content-Type": "application/json"})).status == 400


async def test_the_secret_never_leaves_the_shop(shop):
    await log_in(shop)
    for path in PAGES:
        assert SECRET not in await (await shop.get(path)).text()


def test_the_longest_unused_visits_are_forgotten():
    visits = Visits()
    first, second = visits.keep(Visit()), visits.keep(Visit())
    for _ in range(MAX_VISITS - 2):
        visits.keep(Visit())
    visits.get(first)
    visits.keep(Visit())
    assert visits.get(first) is not None
    assert visits.get(second) is None


async def test_the_live_page_holds_the_key_and_loads_nothing_from_elsewhere(aiohttp_client):
    app = web.Application()
    add_live_page(app, "</script>key", "http://shop.example")
    client = await aiohttp_client(app)
    response = await client.get("/demo/live")
    text = await text_of(response)
    config = json.loads(re.search(r'id="config">(.*?)</script>', text).group(1))
    assert config == {"api_key": "</script>key", "shop_url": "http://shop.example"}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'self';")
    page = Markup(text)
    assert page.problems == []
    assets = [each["src"] for each in page.all("script") if "src" in each] + ["/demo/live/live.css"]
    script = await text_of(await client.get("/demo/live/live.js"))
    assets += [f"/demo/live/{name}" for name in re.findall(r'from "\./([\w.]+)"', script)]
    assert len(assets) == 5
    for each in assets:
        assert (await client.get(each)).status == 200


def test_the_same_seed_tells_the_same_story_and_nothing_of_it_is_in_the_future():
    told = [list(story(each, seed=7, now_ms=NOW_MS)) for each in range(60)]
    assert told == [list(story(each, seed=7, now_ms=NOW_MS)) for each in range(60)]
    events = [event for sessions in told for session in sessions for event in session.events]
    assert len({event["messageId"] for event in events}) == len(events)
    assert max(event["timestamp"] for event in events) < "2026-11-18T12:26:40.000Z"
    names = {event.get("event") for event in events}
    assert {"Product Viewed", "Product Added", "Cart Viewed", "Order Completed", "Page Left"} <= names
    assert told != [list(story(each, seed=8, now_ms=NOW_MS)) for each in range(60)]


async def test_simulated_visitors_are_sent_as_browsers_would_and_counted(aiohttp_server):
    bodies = []

    async def collect(request):
        assert request.headers["Origin"] == "https://shop.example"
        assert request.headers["User-Agent"].startswith("Mozilla/5.0 (")
        bodies.append(await request.json())
        return web.json_response({"success": True, "rejected": [{"index": 0}] if len(bodies) == 1 else []})

    app = web.Application()
    app.router.add_post("/v1/batch", collect)
    server = await aiohttp_server(app)
    url = str(server.make_url("/"))
    counts = await simulate(url, "key", visitors=12, seed=3, now_ms=NOW_MS, identity_secret=SECRET)
    events = [event for body in bodies for event in body["batch"]]
    assert (counts.visitors, counts.requests, counts.rejected) == (12, len(bodies), 1)
    assert counts.events == len(events)
    assert {body["writeKey"] for body in bodies} == {"key"}
    signed = [event for event in events if "userId" in event]
    assert counts.logins > 0
    for event in signed:
        claims = jwt.decode(event["context"]["identityProof"], SECRET, algorithms=["HS256"])
        assert (claims["sub"], claims["anon"]) == (event["userId"], event["anonymousId"])


async def test_a_collector_that_refuses_ends_the_simulation(aiohttp_server):
    server = await aiohttp_server(web.Application())
    with pytest.raises(aiohttp.ClientResponseError):
        await simulate(str(server.make_url("/")), "key", visitors=3, seed=3, now_ms=NOW_MS)
