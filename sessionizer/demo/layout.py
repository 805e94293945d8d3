"""The shell around every page: head, banner, navigation, footer, and what the page tells the tracker."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from sessionizer.demo import goods
from sessionizer.demo.goods import Product
from sessionizer.demo.markup import Html, data_block, fill, html
from sessionizer.demo.settings import ACCOUNTS, SETTINGS, VISIT
from sessionizer.demo.visits import Line

_NAV = (
    ("/running", "Running"),
    ("/tennis", "Tennis"),
    ("/compare", "Compare"),
    ("/pricing", "Club"),
    ("/blog", "Journal"),
)


def render(
    request: web.Request,
    page: str,
    title: str,
    body: Html,
    *,
    state: dict[str, Any] | None = None,
    status: int = 200,
    query: str = "",
) -> web.Response:
    """A whole page. `page` names it for the tests, `state` is what `shop.js` finds in `#shop-state`."""
    settings, visit = request.app[SETTINGS], request[VISIT]
    account = request.app[ACCOUNTS].of(visit.user_id)
    notice, visit.notice = visit.notice, None
    told: dict[str, Any] = {"page": page, **(state or {})}
    if account:
        told["user"] = {"id": account.user_id, "email": account.email, "name": account.name}
    if visit.newsletter_email:
        told["newsletter_email"], visit.newsletter_email = visit.newsletter_email, None
    text = fill(
        "shell.html",
        title=title,
        collector=settings.collector_url,
        write_key=settings.write_key,
        live_url=settings.live_url,
        nav=[_nav_link(request.path, path, label) for path, label in _NAV],
        query=query,
        account=_account_links(account.name if account else None),
        count=sum(visit.cart.values()),
        notice=html('<p class="notice" role="status" data-test="notice">{text}</p>', text=notice) if notice else None,
        page=page,
        body=body,
        state=data_block("shop-state", told),
    )
    return web.Response(text=text, content_type="text/html", status=status)


def _nav_link(here: str, path: str, label: str) -> Html:
    current = Html(' aria-current="page"') if here == path or here.startswith(path + "/") else None
    return html('<a href="{path}"{current}>{label}</a>', path=path, current=current, label=label)


def _account_links(name: str | None) -> Html:
    if name is None:
        return Html('<a href="/login" data-test="login-link">Log in</a>')
    return fill(
        "account-links.html",
        name=name.split()[0],
    )


def card(product: Product) -> Html:
    """A product as a tile that leads to its page."""
    return fill(
        "card.html",
        p=product,
        picture=product.picture(),
        price=goods.euros(product.price_cents),
    )


def shelf(products: Sequence[Product]) -> Html:
    """Products as a grid."""
    return html('<ul class="shelf">{cards}</ul>', cards=[card(each) for each in products])


def as_properties(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Cart or order lines as Segment's e-commerce spec names them; prices are euros."""
    return [
        {
            "product_id": line.product.product_id,
            "name": line.product.name,
            "category": line.product.category,
            "price": line.product.price_cents / 100,
            "quantity": line.quantity,
        }
        for line in lines
    ]
