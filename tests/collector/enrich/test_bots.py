"""Machines, and people who look like them."""
# ruff: noqa: E501 - a User-Agent is one line

import crawleruseragents
import pytest

from collector.enrich.bots import Detector, Machine
from collector.event import Trust

BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
PAGE = {"page": {"url": "https://shop.example/"}}


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        (f"Mozilla/5.0 {BLINK}; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GPTBot"),
        (f"Mozilla/5.0 {BLINK}; compatible; ChatGPT-User/1.0; +https://openai.com/bot", "ChatGPT-User"),
        ("Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "ClaudeBot"),
        ("Mozilla/5.0 (compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)", "PerplexityBot"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} HeadlessChrome/120.0.0.0 Safari/537.36", "HeadlessChrome"),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit"),
        ("curl/8.4.0", "curl"),
        ("python-requests/2.31.0", "python-requests"),
        ("Go-http-client/1.1", "Go-http-client"),
    ],
)
def test_a_machine_on_a_page_is_named(derive, make_request, user_agent, name):
    assert derive(make_request(headers={"user-agent": user_agent}), context=PAGE).bot == name


@pytest.mark.parametrize(
    "user_agent",
    [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/120.0.0.0 Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 9; CUBOT_NOTE_S) {BLINK} Chrome/90.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {BLINK} Notion/3.1.0 Chrome/120.0 Electron/28.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/21B74 PayPal/8.48.0",
        "Mozilla/5.0 (Linux; Android 12) AppleWebKit/537.36 Version/4.0 Chrome/120.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/440.0]",
    ],
)
def test_a_person_is_no_bot(derive, make_request, user_agent):
    assert derive(make_request(headers={"user-agent": user_agent}), context=PAGE).bot is None


def test_a_http_library_is_a_bot_only_where_it_claims_a_page(derive, make_request):
    request = make_request(headers={"user-agent": "okhttp/4.9.0"})
    assert derive(request, type="track", event="Ping", context={"device": {"type": "android"}}).bot is None
    assert derive(request, context=PAGE).bot == "okhttp"


def test_a_servers_library_is_never_judged(derive, make_request):
    request = make_request(headers={"user-agent": "python-requests/2.31.0"})
    assert derive(request, trust=Trust.SERVER, context=PAGE).bot is None
    assert derive(request, trust=Trust.SERVER, context={"userAgent": "GPTBot/1.0"}).bot == "GPTBot"


def test_a_browser_without_a_user_agent_is_a_bot(derive, make_request):
    assert derive(make_request(headers={"origin": "https://shop.example"})).bot == "empty_user_agent"
    assert derive(make_request(headers={"sec-fetch-site": "same-origin", "user-agent": " "})).bot == "empty_user_agent"
    assert derive(make_request(headers={})).bot is None


def test_a_pattern_the_matcher_does_not_understand_is_left_out_and_named(monkeypatch):
    listed = [*crawleruseragents.CRAWLER_USER_AGENTS_DATA, {"pattern": "Looking(?=Ahead)"}]
    monkeypatch.setattr(crawleruseragents, "CRAWLER_USER_AGENTS_DATA", listed)
    detector = Detector()
    assert detector.left_out == ["Looking(?=Ahead)"]
    assert detector.find("GPTBot/1.0") == Machine("GPTBot", library=False)


def test_every_pattern_of_the_package_is_understood():
    assert Detector().left_out == []


def test_a_driven_browser_says_so(derive):
    assert derive(context={"webdriver": True}).bot == "webdriver"
    assert derive(context={"webdriver": "true"}).bot is None


def test_a_mail_services_picture_proxy_is_its_reader(derive, make_request):
    gmail = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    derived = derive(
        make_request(headers={"user-agent": gmail}, remote_ip="81.2.69.142"), type="track", event="Email Opened"
    )
    assert (derived.bot, derived.browser, derived.country) == (None, None, None)
