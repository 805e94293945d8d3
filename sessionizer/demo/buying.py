"""From the cart to the order: cart, shipping, confirmation."""

from aiohttp import web

from collector.runtime.clock import new_id
from sessionizer.demo import forms, goods
from sessionizer.demo.browsing import tracked
from sessionizer.demo.forms import Field
from sessionizer.demo.layout import as_properties, render
from sessionizer.demo.markup import Html, fill, html
from sessionizer.demo.settings import ACCOUNTS, VISIT
from sessionizer.demo.visits import MAX_QUANTITY, Delivery, Line, Order

DELIVERY = (
    Field("name", "Full name", autocomplete="name"),
    Field("email", "E-mail", "email", "email"),
    Field("phone", "Phone, with country code", "tel", "tel", required=False),
    Field("address", "Street and number", autocomplete="street-address"),
    Field("postcode", "Postcode", autocomplete="postal-code"),
    Field("city", "City", autocomplete="address-level2"),
    Field("country", "Country", autocomplete="country-name"),
)


async def add(request: web.Request) -> web.Response:
    """POST /cart/add: `product_id` and `quantity`."""
    values = await forms.read(request)
    product = goods.product(values.get("product_id", ""))
    quantity = _quantity(values.get("quantity", "1"))
    if product is None or quantity is None:
        raise web.HTTPBadRequest(text="No such product, or no such quantity.")
    request[VISIT].put(product.product_id, quantity)
    request[VISIT].notice = f"{product.name} is in your cart."
    raise web.HTTPSeeOther("/cart")


async def remove(request: web.Request) -> web.Response:
    """POST /cart/remove: `product_id`, all of it."""
    values = await forms.read(request)
    request[VISIT].cart.pop(values.get("product_id", ""), None)
    raise web.HTTPSeeOther("/cart")


def _quantity(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        return None
    return int(text) if 1 <= int(text) <= MAX_QUANTITY else None


async def cart(request: web.Request) -> web.Response:
    """GET /cart."""
    lines = request[VISIT].lines()
    if not lines:
        body = fill("cart.html")
    else:
        body = html(
            '<h1>Your cart</h1><div class="till"><ul class="lines">{lines}</ul>{summary}</div>',
            lines=[_cart_line(line) for line in lines],
            summary=_summary(
                lines, Html('<a class="button primary wide" href="/checkout" data-test="checkout">Check out</a>')
            ),
        )
    return render(
        request, "cart", "Cart", body, state={"cart": {"products": as_properties(lines), "currency": goods.CURRENCY}}
    )


def _cart_line(line: Line) -> Html:
    return fill(
        "cart-line.html",
        p=line.product,
        picture=line.product.picture(),
        quantity=line.quantity,
        price=goods.euros(line.product.price_cents),
        sum=goods.euros(line.cents),
        data=tracked(line.product),
    )


def _summary(lines: list[Line], action: Html | None) -> Html:
    subtotal = sum(line.cents for line in lines)
    shipping = goods.shipping_cents(subtotal)
    return fill(
        "summary.html",
        subtotal=goods.euros(subtotal),
        shipping=goods.euros(shipping) if shipping else "Free",
        total=goods.euros(subtotal + shipping),
        action=action,
    )


async def checkout(request: web.Request) -> web.Response:
    """GET /checkout: where to, and POST: order it."""
    visit, account = request[VISIT], request.app[ACCOUNTS].of(request[VISIT].user_id)
    lines = visit.lines()
    if not lines:
        raise web.HTTPSeeOther("/cart")
    known = {"email": account.email, "name": account.name, "country": "France"} if account else {"country": "France"}
    wrong = None
    if request.method == "POST":
        known = await forms.read(request)
        wrong = forms.missing(DELIVERY, known)
        if wrong is None:
            delivery = Delivery(**{field.name: known.get(field.name, "") for field in DELIVERY})
            raise web.HTTPSeeOther(f"/order/{_place(request, lines, delivery).order_id}")
    body = fill(
        "checkout.html",
        wrong=forms.error(wrong),
        hint=None if account else fill("login-hint.html"),
        inputs=forms.inputs(DELIVERY, known),
        lines=[_brief_line(line) for line in lines],
        summary=_summary(lines, None),
    )
    state = {
        "checkout": {
            "value": sum(line.cents for line in lines) / 100,
            "currency": goods.CURRENCY,
            "products": as_properties(lines),
        }
    }
    return render(request, "checkout", "Shipping", body, state=None if wrong else state, status=422 if wrong else 200)


def _place(request: web.Request, lines: list[Line], delivery: Delivery) -> Order:
    visit = request[VISIT]
    subtotal = sum(line.cents for line in lines)
    order = Order(f"AF-{new_id()[:8].upper()}", tuple(lines), goods.shipping_cents(subtotal), delivery)
    visit.orders[order.order_id] = order
    visit.cart.clear()
    if account := request.app[ACCOUNTS].of(visit.user_id):
        account.orders.append(order)
    return order


def _brief_line(line: Line) -> Html:
    return fill(
        "brief-line.html",
        p=line.product,
        picture=line.product.picture(),
        n=line.quantity,
        sum=goods.euros(line.cents),
    )


async def confirmation(request: web.Request) -> web.Response:
    """GET /order/{order_id}: only for the browser that placed it."""
    order = request[VISIT].orders.get(request.match_info["order_id"])
    if order is None:
        raise web.HTTPNotFound
    body = fill(
        "confirmation.html",
        o=order,
        first=order.delivery.name.split()[0],
        lines=[_brief_line(line) for line in order.lines],
        summary=_summary(list(order.lines), None),
    )
    return render(
        request,
        "confirmation",
        "Thank you",
        body,
        state={"order": _order_properties(order), "buyer": _buyer(order.delivery)},
    )


def _order_properties(order: Order) -> dict[str, object]:
    """`Order Completed`: revenue is the goods, without shipping (Segment's e-commerce spec v2)."""
    return {
        "order_id": order.order_id,
        "total": order.total_cents / 100,
        "revenue": order.subtotal_cents / 100,
        "shipping": order.shipping_cents / 100,
        "currency": goods.CURRENCY,
        "products": as_properties(order.lines),
    }


def _buyer(delivery: Delivery) -> dict[str, object]:
    told: dict[str, object] = {
        "email": delivery.email,
        "name": delivery.name,
        "address": {"city": delivery.city, "postalCode": delivery.postcode, "country": delivery.country},
    }
    return told | ({"phone": delivery.phone} if delivery.phone else {})
