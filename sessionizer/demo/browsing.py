"""The pages anybody may look at: home, shelves, products, comparison, club, journal, search."""

from aiohttp import web

from sessionizer.demo import articles, goods
from sessionizer.demo.articles import Article
from sessionizer.demo.goods import Plan, Product
from sessionizer.demo.layout import render, shelf
from sessionizer.demo.markup import Html, fill, html
from sessionizer.demo.visits import MAX_QUANTITY

MAX_COMPARED = 4
DEFAULT_COMPARED = ("A100", "A101", "A102")


async def home(request: web.Request) -> web.Response:
    """GET /."""
    body = fill(
        "home.html",
        picture=goods.PRODUCTS[0].picture(),
        best=shelf([each for each in goods.PRODUCTS if each.product_id in {"A100", "A110", "A201", "A220", "A210"}]),
        categories=[
            html('<a class="door {c.slug}" href="/{c.slug}"><h2>{c.name}</h2><p>{c.intro}</p></a>', c=each)
            for each in goods.CATEGORIES
        ],
        journal=_journal(),
    )
    return render(request, "home", "Running and tennis", body)


async def category(request: web.Request) -> web.Response:
    """GET /running and /tennis."""
    shown = goods.category(request.path.strip("/"))
    products = goods.in_category(shown.slug)
    body = html('<h1>{c.name}</h1><p class="lead">{c.intro}</p>{shelf}', c=shown, shelf=shelf(products))
    state = {"list": {"category": shown.slug, "products": [{"product_id": each.product_id} for each in products]}}
    return render(request, "category", shown.name, body, state=state)


async def product(request: web.Request) -> web.Response:
    """GET /p/{product_id}."""
    found = goods.product(request.match_info["product_id"])
    if found is None:
        raise web.HTTPNotFound
    body = fill(
        "product.html",
        p=found,
        data=tracked(found),
        category=goods.category(found.category).name,
        picture=found.picture(),
        price=goods.euros(found.price_cents),
        most=MAX_QUANTITY,
        details=[
            html("<div><dt>{name}</dt><dd>{value}</dd></div>", name=name, value=value) for name, value in found.details
        ],
        free=goods.euros(goods.FREE_SHIPPING_FROM_CENTS),
        also=shelf([each for each in goods.in_category(found.category) if each != found][:4]),
    )
    return render(request, "product", found.name, body)


def tracked(shown: Product) -> Html:
    """The attributes that tell the tracker which product an element, and everything in it, is about."""
    return fill(
        "product-attributes.html",
        p=shown,
        price=goods.amount(shown.price_cents),
        currency=goods.CURRENCY,
    )


async def compare(request: web.Request) -> web.Response:
    """GET /compare, `?with=` naming up to MAX_COMPARED products."""
    asked = [found for each in request.query.getall("with", []) if (found := goods.product(each))]
    chosen = list(dict.fromkeys(asked or [each for each in goods.PRODUCTS if each.product_id in DEFAULT_COMPARED]))[
        :MAX_COMPARED
    ]
    if len(chosen) == 1:
        chosen += [each for each in goods.in_category(chosen[0].category) if each not in chosen][: MAX_COMPARED - 2]
    rows = [
        ("Price", [goods.euros(each.price_cents) for each in chosen]),
        ("In a word", [each.tagline for each in chosen]),
    ]
    names = dict.fromkeys(name for each in chosen for name, _ in each.details)
    rows += [(name, [dict(each.details).get(name, "–") for each in chosen]) for name in names]
    body = fill(
        "compare.html",
        most=MAX_COMPARED,
        choices=[
            html(
                '<label><input type="checkbox" name="with" value="{p.product_id}"{checked}> {p.name}</label>',
                p=each,
                checked=Html(" checked") if each in chosen else None,
            )
            for each in goods.PRODUCTS
        ],
        heads=[
            fill(
                "compare-choice.html",
                p=each,
                picture=each.picture(),
            )
            for each in chosen
        ],
        rows=[
            html(
                '<tr><th scope="row">{name}</th>{cells}</tr>',
                name=name,
                cells=[html("<td>{v}</td>", v=v) for v in values],
            )
            for name, values in rows
        ],
    )
    return render(request, "compare", "Compare", body, state={"compared": [each.product_id for each in chosen]})


async def pricing(request: web.Request) -> web.Response:
    """GET /pricing."""
    body = fill(
        "pricing.html",
        plans=[_plan(each) for each in goods.PLANS],
    )
    return render(request, "pricing", "Club", body)


def _plan(plan: Plan) -> Html:
    return fill(
        "plan.html",
        p=plan,
        price=goods.euros(plan.price_cents) if plan.price_cents else "Free",
        period=" a month" if plan.price_cents else "",
        features=[html("<li>{text}</li>", text=text) for text in plan.features],
    )


async def blog(request: web.Request) -> web.Response:
    """GET /blog."""
    return render(request, "blog", "Journal", html("<h1>Journal</h1>{list}", list=_journal()))


async def article(request: web.Request) -> web.Response:
    """GET /blog/{slug}."""
    found = articles.article(request.match_info["slug"])
    if found is None:
        raise web.HTTPNotFound
    body = fill(
        "article.html",
        a=found,
        text=fill(f"articles/{found.slug}.html"),
        shelf=shelf([each for each in goods.PRODUCTS if each.product_id in found.product_ids]),
    )
    return render(request, "article", found.title, body)


def _journal() -> Html:
    return html('<ul class="journal">{entries}</ul>', entries=[_entry(each) for each in articles.ARTICLES])


def _entry(entry: Article) -> Html:
    return fill(
        "journal-entry.html",
        a=entry,
    )


async def search(request: web.Request) -> web.Response:
    """GET /search?q=."""
    words = request.query.get("q", "").strip()[:100]
    found = goods.search(words)
    body = html(
        "<h1>{count} for “{words}”</h1>{shelf}",
        count=f"{len(found)} {'thing' if len(found) == 1 else 'things'}" if found else "Nothing",
        words=words,
        shelf=shelf(found) if found else Html('<p class="lead">Try “shoe”, “tennis” or “clay”.</p>'),
    )
    return render(request, "search", "Search", body, state={"searched": words}, query=words)
