"""Whose address counts, and who may say so."""

import pytest

from collector.proxies import TrustedProxies, Visitor

FORWARDED = {
    "host": "inner",
    "x-forwarded-for": "6.6.6.6, 9.9.9.9, 10.1.1.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
}


def test_nobody_is_believed_unless_listed() -> None:
    assert TrustedProxies(()).visitor("10.0.0.1", False, FORWARDED) == Visitor("10.0.0.1", False, "inner")
    assert TrustedProxies(("10.0.0.0/8",)).visitor("8.8.8.8", False, FORWARDED) == Visitor("8.8.8.8", False, "inner")


def test_of_a_chain_the_last_that_is_no_proxy_counts() -> None:
    proxies = TrustedProxies(("10.0.0.0/8", "::1"))
    for peer in ("10.0.0.1", "::1", "::ffff:10.0.0.1"):
        assert proxies.visitor(peer, False, FORWARDED) == Visitor("9.9.9.9", True, "shop.example")


@pytest.mark.parametrize(
    ("header", "ip"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("1.2.3.4, junk, 10.0.0.9", "10.0.0.9"),
    ],
)
def test_addresses_are_read_in_every_spelling(header: str, ip: str) -> None:
    visitor = TrustedProxies(("10.0.0.0/8",)).visitor("10.0.0.1", False, {"x-forwarded-for": header})
    assert visitor.ip == ip


def test_a_proxy_that_is_no_address_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        TrustedProxies(("nonsense",))
