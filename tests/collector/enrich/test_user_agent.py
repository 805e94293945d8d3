"""Browsers, systems and kinds of device."""
# ruff: noqa: E501 - a User-Agent is one line

import pytest

from collector.event import Trust

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "browser", "system", "kind"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/120.0.0.0 Safari/537.36", "Chrome 120", "Windows 10", "desktop"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91", "Edge 120.0.2210", "Windows 10", "desktop"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0", "Firefox 121", "Windows 10", "desktop"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.1 Safari/605.1.15", "Safari 17.1", "macOS 10.15.7", "desktop"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/120.0.0.0 Safari/537.36", "Chrome 120", "Chrome OS 14541", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", "Firefox 121", "Linux None", "desktop"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) {WEBKIT} Version/17.1 Mobile/15E148 Safari/604.1", "Safari 17.1", "iOS 17.1", "mobile"),
        (f"Mozilla/5.0 (iPad; CPU OS 15_0 like Mac OS X) {WEBKIT} Version/15.0 Mobile/15E148 Safari/604.1", "Safari 15", "iOS 15", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/120.0.0.0 Mobile Safari/537.36", "Chrome 120", "Android 10", "mobile"),
        (f"Mozilla/5.0 (Linux; Android 13; SM-X906C) {BLINK} Chrome/119.0.0.0 Safari/537.36", "Chrome 119", "Android 13", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 13; SM-S918B) {BLINK} SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36", "Samsung Internet 23", "Android 13", "mobile"),
        (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) {BLINK} Version/5.0 TV Safari/537.36", "Safari 5", "Tizen 5", "tv"),
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {BLINK} Chrome/79.0.3945.79 Safari/537.36", "Chrome 79.0.3945", "Web0S None", "tv"),
        (f"Mozilla/5.0 (Linux; Android 9; AFTMM) {BLINK} Chrome/90.0.0.0 Safari/537.36", "Chrome 90", "Android 9", "tv"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 Chrome/100.0 Safari/537.36 Edge/44.18363", "Edge 44.18363", "Windows 10", "console"),
        ("Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; Tablet PC 2.0)", "IE 9", "Windows 7", "desktop"),
        ("curl/8.4.0", "curl 8.4", "None None", "other"),
        ("something unheard of", "None None", "None None", None),
    ],
)  # fmt: skip
def test_a_user_agent_tells_browser_system_and_device(derive, make_request, user_agent, browser, system, kind):
    derived = derive(make_request(headers={"user-agent": user_agent}))
    assert f"{derived.browser} {derived.browser_version}" == browser
    assert f"{derived.os} {derived.os_version}" == system
    assert derived.device_type == kind


def test_the_context_beats_the_header(derive, make_request):
    phone = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) {WEBKIT} Version/17.1 Mobile/15E148 Safari/604.1"
    assert derive(make_request(), context={"userAgent": phone}).device_type == "mobile"
    assert derive(make_request(), context={"userAgent": 5}).device_type == "desktop"


def test_a_servers_own_user_agent_is_nobodys_device(derive, make_request):
    derived = derive(make_request(), trust=Trust.SERVER, context={"os": {"name": "Linux"}})
    assert (derived.browser, derived.os, derived.device_type) == (None, None, None)


def test_a_server_may_speak_of_its_visitors_browser(derive, make_request):
    phone = f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/120.0.0.0 Mobile Safari/537.36"
    derived = derive(
        make_request(headers={"user-agent": "analytics-python/2.4"}), trust=Trust.SERVER, context={"userAgent": phone}
    )
    assert (derived.browser, derived.os, derived.device_type) == ("Chrome", "Android", "mobile")


def test_a_mobile_sdk_says_its_device_itself(derive, make_request):
    context = {
        "app": {"name": "Shop", "version": "1.2"},
        "device": {"type": "ios", "model": "iPhone15,2"},
        "os": {"name": "iPhone OS", "version": "17.1"},
    }
    derived = derive(
        make_request(headers={"user-agent": "Shop/1 CFNetwork/1335 Darwin/21.6.0"}), type="screen", context=context
    )
    assert (derived.browser, derived.os, derived.os_version, derived.device_type) == (None, "iOS", "17.1", "mobile")
    context["device"] = {"type": "ios", "model": "iPad13,4"}
    assert derive(make_request(), type="screen", context=context).device_type == "tablet"


def test_client_hints_tell_what_the_text_hides(derive):
    hints = {
        "brands": [
            {"brand": "Not_A Brand", "version": "8"},
            {"brand": "Chromium", "version": "120"},
            {"brand": "Brave", "version": "120"},
        ],
        "mobile": False,
        "platform": "Windows",
        "platformVersion": "15.0.0",
    }
    derived = derive(context={"userAgentData": hints})
    assert (derived.browser, derived.os, derived.os_version, derived.device_type) == (
        "Brave",
        "Windows",
        "11",
        "desktop",
    )
    assert derive(context={"userAgentData": hints | {"platformVersion": "10.0.0"}}).os_version == "10"
    tablet = derive(context={"userAgentData": {"mobile": False, "platform": "Android", "platformVersion": "14.0.0"}})
    assert (tablet.os, tablet.os_version, tablet.device_type) == ("Android", "14", "tablet")
    assert derive(context={"userAgentData": {"mobile": True, "platform": "Android"}}).device_type == "mobile"


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {"brands": 5}, {"brands": [5, {"brand": []}]}, {"platform": {}}])
def test_odd_hints_change_nothing(derive, wrong):
    odd = derive(context={"userAgentData": wrong, "os": wrong, "device": wrong})
    assert (odd.browser, odd.os, odd.device_type) == ("Chrome", "Windows", "desktop")


def test_a_long_user_agent_is_cut(derive, lookups):
    derive(context={"userAgent": "x" * 100_000})
    assert derive(context={"userAgent": "x" * 600 + " GPTBot"}).bot is None


def test_user_agents_are_remembered_up_to_a_bound(lookups):
    info = lookups.agent.cache_info()
    assert info.maxsize == 4096
