"""Addresses as browsers write them, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.enrich.page import MAX_URL_CHARS, read_address


@pytest.mark.parametrize(
    ("written", "url", "host", "path"),
    [
        ("https://shop.example/p/1?q=2#x", "https://shop.example/p/1?q=2#x", "shop.example", "/p/1"),
        ("https://shop.example", "https://shop.example", "shop.example", "/"),
        ("https://Shop.Example:8443/a", "https://Shop.Example:8443/a", "shop.example", "/a"),
        ("https://me:secret@shop.example/a", "https://shop.example/a", "shop.example", "/a"),
        ("https://a@b@shop.example/a", "https://shop.example/a", "shop.example", "/a"),
        ("//me:secret@shop.example/a", "//shop.example/a", "shop.example", "/a"),
        ("https://shop.example/mail@me", "https://shop.example/mail@me", "shop.example", "/mail@me"),
        ("/p/1?q=2", "/p/1?q=2", "", "/p/1"),
        ("http://[::1]:80/a", "http://[::1]:80/a", "::1", "/a"),
        ("http://[bad/a?b", "http://[bad/a?b", "", "http://[bad/a"),
        ("http://shop.example:notaport/a", "http://shop.example:notaport/a", "shop.example", "/a"),
        ("https://ex\u2100mple/", "https://ex\u2100mple/", "", "https://ex\u2100mple/"),
        ("", "", "", ""),
    ],
)
def test_an_address_is_cut_into_its_parts(written, url, host, path):
    address = read_address(written)
    assert (address.url, address.host, address.path) == (url, host, path)


@given(st.one_of(st.text(), st.from_regex(r"https?://[^/]{0,20}(/|\?|#|@|\[|\]|:|%)*.{0,20}")))
def test_reading_an_address_never_raises(written):
    address = read_address(written)
    assert len(address.url) <= MAX_URL_CHARS
    assert len(address.path) <= MAX_URL_CHARS


def test_a_page_is_read_from_the_context_then_from_the_properties(derive):
    derived = derive(
        context={"page": {"url": "https://shop.example/a"}},
        properties={"url": "https://shop.example/b", "referrer": "https://news.example/"},
    )
    assert (derived.page_url, derived.page_path) == ("https://shop.example/a", "/a")
    assert derived.referrer == "https://news.example/"


def test_a_path_alone_is_a_page(derive):
    derived = derive(type="track", event="Ping", context={"page": {"path": "/cart"}})
    assert (derived.page_url, derived.page_path, derived.channel) == (None, "/cart", "direct")


def test_an_address_is_capped_and_its_campaign_still_read(derive):
    url = f"https://shop.example/?q={'x' * 3000}&utm_source=n&utm_medium=email"
    derived = derive(context={"page": {"url": url, "referrer": f"https://news.example/{'y' * 5000}"}})
    assert derived.page_url is not None
    assert derived.referrer is not None
    assert len(derived.page_url) == len(derived.referrer) == MAX_URL_CHARS
    assert derived.channel == "email"


@pytest.mark.parametrize("wrong", [None, 5, True, [], {}, ["https://shop.example/"], "   "])
def test_what_is_no_text_is_no_address(derive, wrong):
    derived = derive(context={"page": {"url": wrong, "referrer": wrong, "path": wrong}}, properties={"url": wrong})
    assert (derived.page_url, derived.page_path, derived.referrer, derived.channel) == (None, None, None, "direct")


@pytest.mark.parametrize("wrong", [None, 5, "https://shop.example/", []])
def test_a_page_that_is_no_object_is_ignored(derive, wrong):
    assert derive(context={"page": wrong, "campaign": wrong}).channel == "direct"
