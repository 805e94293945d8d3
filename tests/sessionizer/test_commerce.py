"""Money is exact, and no amount anybody sends can break a sum."""

from decimal import Decimal

import msgspec
import pytest

from collector.event import Contact, Derived, Event, Trust
from sessionizer import commerce
from tests.folding import fold_in_memory

WHEN = "2026-03-02T10:00:00.000Z"


def told(message_id: str, name: str, **properties: object) -> Event:
    return Event(
        type="track",
        event=name,
        message_id=message_id,
        timestamp=WHEN,
        received_at=WHEN,
        source="default",
        trust=Trust.PUBLIC,
        anonymous_id="d1",
        properties=properties,
        derived=Derived(),
    )


@pytest.mark.parametrize(
    ("said", "money"),
    [
        (59.7, "59.70"),
        ("59.70", "59.70"),
        (" 12 ", "12.00"),
        (1e14, "100000000000000.00"),
        ("0.1234567", "0.123457"),
        (10**15, None),
        ("1e999999999", None),
        ("NaN", None),
        ("12,50", None),
        (True, None),
        (None, None),
    ],
)
def test_an_amount_is_a_plausible_number_or_none(said: object, money: str | None) -> None:
    found = commerce.amount(said)
    assert (None if found is None else commerce.money_text(found)) == money


def test_sums_larger_than_decimals_own_precision_stay_exact() -> None:
    huge = {"price": 9e14, "quantity": 1}
    events = [told(f"r{n}", "Order Refunded", products=[huge], currency="EUR") for n in range(50)]
    events += [told("o", "Order Completed", revenue="0.01", currency="EUR")]
    (profile,) = fold_in_memory(events, [])["profiles"]
    assert profile["totals"]["revenue"] == {"EUR": str(-50 * Decimal("9e14") + Decimal("0.01"))}


def test_refunded_products_worth_more_than_any_order_count_nothing_and_break_nothing() -> None:
    absurd = [{"price": 9e14, "quantity": 1_000_000}] * 100
    found = fold_in_memory([told(f"r{n}", "Order Refunded", products=absurd) for n in range(120)], [])
    assert [profile["totals"]["revenue"] for profile in found["profiles"]] == [{"XXX": "0.00"}]


def test_a_cart_of_a_million_million_is_shown() -> None:
    added = [told(f"a{n}", "Product Added", product_id="A", price=9e14, quantity=1_000_000) for n in range(60)]
    (profile,) = fold_in_memory(added, [])["profiles"]
    assert profile["cart"]["value"] == f"{60 * 10**6 * 9 * 10**14}.00"


def test_a_trait_its_proof_did_not_sign_is_not_shown() -> None:
    event = msgspec.structs.replace(
        told("m", "x"),
        type="identify",
        event=None,
        trust=Trust.PROVEN,
        user_id="mallory",
        contacts=(Contact(type="email", value="m@x.org", signed=True),),
        traits={"email": "victim@x.org", "name": "Mallory"},
    )
    (profile,) = fold_in_memory([event], [])["profiles"]
    assert profile["traits"] == {"name": "Mallory"}
