"""An anonymous visitor becomes a profile, and a newsletter sign-up gives it a name."""

import re

from tests.journeys.running import JANE_AT_HOME, Message, Stack, at, message_ids

MORNING = "2026-03-02T08:00:00Z"


def view(message_id: str, device: str | None, path: str, seconds: float, **context: object) -> Message:
    """A page view of the shop."""
    return {
        "type": "page",
        "messageId": message_id,
        **({"anonymousId": device} if device is not None else {}),
        "timestamp": at(MORNING, seconds),
        "context": {"page": {"url": f"https://shop.example{path}", "path": path}, **context},
    }


def test_three_product_pages_without_login_are_one_anonymous_profile(shop: Stack) -> None:
    browser = {"Origin": f"http://{shop.host}", "Sec-Fetch-Site": "same-origin", "User-Agent": JANE_AT_HOME}
    cookies: dict[str, str] = {}
    for nth, path in enumerate(("/p/A", "/p/B", "/p/C")):
        answer = shop.post("/v1/page", view(f"s1-{nth}", None, path, nth * 60), headers={**browser, **cookies})
        assert answer.json() == {"success": True}
        set_cookie = answer.headers["Set-Cookie"]
        cookies = {"Cookie": set_cookie.partition(";")[0]}
        assert re.fullmatch(r"ariane_id=[\w-]{36}; Max-Age=33696000; Path=/; HttpOnly; SameSite=Lax", set_cookie), (
            set_cookie
        )
    device = cookies["Cookie"].partition("=")[2]

    profile = shop.profile(f"anonymous_id:{device}")
    assert profile["status"] == "anonymous"
    assert profile["identifiers"] == [
        {"type": "anonymous_id", "value": device, "first_seen": at(MORNING), "last_seen": at(MORNING, 120)}
    ]
    assert (profile["totals"]["page_views"], profile["totals"]["sessions"]) == (3, 1)
    assert profile["first_touch"]["landing_page"] == "https://shop.example/p/A"
    assert [(each["browser"], each["os"], each["type"]) for each in profile["devices"]] == [
        ("Firefox", "Linux", "desktop")
    ]

    timeline = shop.timeline(f"anonymous_id:{device}")
    assert message_ids(timeline) == ["s1-0", "s1-1", "s1-2"]
    assert [event["derived"]["page_path"] for event in timeline] == ["/p/A", "/p/B", "/p/C"]
    (session,) = shop.sessions(f"anonymous_id:{device}")
    assert {event["session_id"] for event in timeline} == {session["session_id"]}
    assert (session["events"], session["page_views"], session["engaged"]) == (3, 3, True)
    assert (session["entry_page"], session["exit_page"]) == ("https://shop.example/p/A", "https://shop.example/p/C")
    assert (session["started_at"], session["ended_at"]) == (at(MORNING), at(MORNING, 120))


def test_another_sites_page_gets_no_cookie(shop: Stack) -> None:
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    answer = shop.post("/v1/page", view("s1-x", None, "/", 0), headers=elsewhere)
    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_newsletter_sign_up_names_the_visitor_and_keeps_the_history(shop: Stack) -> None:
    from_google = {"referrer": "https://www.google.com/"}
    first = view("s2-0", "s2-browser", "/p/A", 0)
    first["context"]["page"] |= from_google
    shop.send(first, view("s2-1", "s2-browser", "/p/B", 60), view("s2-2", "s2-browser", "/blog/shoes", 3600))
    before = shop.profile("anonymous_id:s2-browser")
    assert before["status"] == "anonymous"

    sign_up = {"type": "identify", "messageId": "s2-3", "anonymousId": "s2-browser", "timestamp": at(MORNING, 3660)}
    shop.send({**sign_up, "traits": {"email": " Jane.S2@Example.com ", "firstName": "Jane"}})

    jane = shop.profile("email:jane.s2@example.com")
    assert jane["status"] == "known"
    assert jane["traits"] == {"email": " Jane.S2@Example.com ", "firstName": "Jane"}, "a trait is as it was said"
    assert {(each["type"], each["value"]) for each in jane["identifiers"]} == {
        ("anonymous_id", "s2-browser"),
        ("email", "jane.s2@example.com"),
    }
    assert jane == shop.profile("anonymous_id:s2-browser")
    assert jane == shop.profile(f"profile_id:{before['profile_id']}"), (
        "the id of the anonymous visitor goes on resolving"
    )
    assert jane["first_seen"] == before["first_seen"] == at(MORNING)
    assert jane["first_touch"] == before["first_touch"]
    assert (jane["first_touch"]["channel"], jane["first_touch"]["source"]) == ("organic_search", "google")
    assert (jane["totals"]["page_views"], jane["totals"]["sessions"]) == (3, 2)
    assert message_ids(shop.timeline("email:jane.s2@example.com")) == ["s2-0", "s2-1", "s2-2", "s2-3"]
    assert [session["events"] for session in shop.sessions("email:jane.s2@example.com")] == [2, 2]


def test_the_order_of_arrival_of_visit_and_sign_up_does_not_matter(shop: Stack) -> None:
    shop.send(
        {"type": "identify", "messageId": "s2b-1", "anonymousId": "s2b-browser", "timestamp": at(MORNING, 60)}
        | {"traits": {"email": "late.s2@example.com"}}
    )
    shop.send(view("s2b-0", "s2b-browser", "/p/A", 0))
    assert message_ids(shop.timeline("email:late.s2@example.com")) == ["s2b-0", "s2b-1"]
