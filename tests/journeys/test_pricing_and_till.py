"""What one person did on two devices and at the till is one story, dated by when it happened."""

from typing import Any

from tests.journeys.running import Message, Stack, at, message_ids

MONDAY = "2026-03-02T09:00:00Z"
DAY_S = 86_400


def pricing(message_id: str, device: str, seconds: float) -> Message:
    return {
        "type": "page",
        "messageId": message_id,
        "anonymousId": device,
        "timestamp": at(MONDAY, seconds),
        "properties": {"url": "https://shop.example/pricing", "path": "/pricing"},
    }


def login(message_id: str, device: str, user: str, seconds: float, **traits: str) -> Message:
    said = {"type": "identify", "messageId": message_id, "anonymousId": device, "userId": user, "traits": traits}
    return {**said, "timestamp": at(MONDAY, seconds)}


def purchase(message_id: str, seconds: float, total: str, **who: Any) -> Message:
    """A till's row: no device, at the time of the purchase."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "timestamp": at(MONDAY, seconds),
        "properties": {"order_id": message_id, "total": total, "currency": "EUR"},
        "context": who,
    }


def test_the_pricing_page_seen_three_times_on_two_devices_counts_three(shop: Stack) -> None:
    shop.send(
        pricing("s9-0", "s9-laptop", 0),
        login("s9-1", "s9-laptop", "s9-jane", 60),
        pricing("s9-2", "s9-phone", DAY_S),
        pricing("s9-3", "s9-laptop", 3 * DAY_S),
    )
    assert shop.profile("user_id:s9-jane")["totals"]["page_views"] == 2

    shop.send(login("s9-4", "s9-phone", "s9-jane", 4 * DAY_S))
    jane = shop.profile("user_id:s9-jane")
    assert (jane["totals"]["page_views"], jane["totals"]["sessions"]) == (3, 4)
    assert [device["anonymous_id"] for device in jane["devices"]] == ["s9-laptop", "s9-phone"]
    timeline = shop.timeline("user_id:s9-jane")
    assert message_ids(timeline) == ["s9-0", "s9-1", "s9-2", "s9-3", "s9-4"]
    seen = [event["timestamp"] for event in timeline if event["derived"].get("page_path") == "/pricing"]
    assert seen == [at(MONDAY), at(MONDAY, DAY_S), at(MONDAY, 3 * DAY_S)]
    sessions = shop.sessions("user_id:s9-jane")
    assert [session["anonymous_id"] for session in sessions] == ["s9-laptop", "s9-phone", "s9-laptop", "s9-phone"]


def test_till_purchases_join_the_web_by_card_and_by_e_mail_however_often_imported(shop: Stack) -> None:
    card = {"externalIds": [{"id": "s13-L-7", "type": "loyalty_card", "collection": "users", "encoding": "none"}]}
    till = [
        purchase("s13-till-1", -400 * DAY_S, "20.00", **card),
        purchase("s13-till-2", -30 * DAY_S, "5.50", traits={"email": "JANE.S13@example.com"}),
    ]
    shop.send(*till, key="server_key")
    by_card = shop.profile("loyalty_card:s13-L-7")
    assert (by_card["status"], by_card["totals"]["revenue"]) == ("known", {"EUR": "20.00"})

    shop.send(
        pricing("s13-0", "s13-laptop", 0), login("s13-1", "s13-laptop", "s13-jane", 60, email="jane.s13@example.com")
    )
    shop.send({**login("s13-2", "s13-laptop", "s13-jane", 90), "context": card})
    jane = shop.profile("user_id:s13-jane")
    assert jane["totals"]["revenue"] == {"EUR": "25.50"}
    assert (jane["totals"]["orders"], jane["totals"]["events"], jane["totals"]["sessions"]) == (2, 5, 1)
    assert jane["first_seen"] == at(MONDAY, -400 * DAY_S), (
        "the purchase counts when it was made, not when it was imported"
    )
    timeline = shop.timeline("user_id:s13-jane")
    assert message_ids(timeline) == ["s13-till-1", "s13-till-2", "s13-0", "s13-1", "s13-2"]
    assert [event["session_id"] is None for event in timeline] == [True, True, False, False, False]
    assert shop.profile(f"profile_id:{by_card['profile_id']}") == jane

    shop.send(*reversed(till), key="server_key")
    assert shop.profile("user_id:s13-jane") == jane
    assert shop.timeline("user_id:s13-jane") == timeline


def test_a_till_file_imported_before_or_after_the_web_visit_says_the_same(shop: Stack) -> None:
    shop.send(login("s13b-1", "s13b-laptop", "s13b-joe", 0, email="joe.s13@example.com"))
    shop.send(purchase("s13b-till", -DAY_S, "12", traits={"email": "joe.s13@example.com"}), key="server_key")
    joe = shop.profile("user_id:s13b-joe")
    assert (joe["totals"]["orders"], joe["totals"]["revenue"]) == (1, {"EUR": "12.00"})
    assert joe["first_seen"] == at(MONDAY, -DAY_S)
