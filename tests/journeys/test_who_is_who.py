"""Logins, shared computers, shared addresses, proofs, aliases and retractions, as a site and a reader meet them."""

import jwt

from collector.runtime import clock
from tests.journeys.running import Message, Stack, at, message_ids, rows_of

NOON = "2026-03-02T12:00:00Z"


def view(message_id: str, device: str, seconds: float) -> Message:
    return {
        "type": "page",
        "messageId": message_id,
        "anonymousId": device,
        "timestamp": at(NOON, seconds),
        "properties": {"url": "https://shop.example/"},
    }


def login(message_id: str, device: str, user: str | None, seconds: float, **traits: str) -> Message:
    said = {"type": "identify", "messageId": message_id, "anonymousId": device, "traits": traits}
    return {**said, **({"userId": user} if user is not None else {}), "timestamp": at(NOON, seconds)}


def logout(message_id: str, device: str, seconds: float) -> Message:
    said = {"type": "track", "event": "Logged Out", "messageId": message_id, "anonymousId": device}
    return {**said, "timestamp": at(NOON, seconds)}


def test_two_people_on_one_computer_stay_two(shop: Stack) -> None:
    shop.send(
        view("tp-0", "tp-family", 0),
        login("tp-1", "tp-family", "tp-jane", 60),
        view("tp-2", "tp-family", 120),
        login("tp-3", "tp-family", "tp-joe", 180),
        view("tp-4", "tp-family", 240),
    )
    assert message_ids(shop.timeline("user_id:tp-jane")) == ["tp-0", "tp-1", "tp-2"]
    assert message_ids(shop.timeline("user_id:tp-joe")) == ["tp-3", "tp-4"]
    assert shop.profile("anonymous_id:tp-family")["profile_id"] == shop.profile("user_id:tp-joe")["profile_id"]
    assert [len(shop.sessions(f"user_id:{who}")) for who in ("tp-jane", "tp-joe")] == [1, 1]


def test_one_person_on_two_devices_is_one(shop: Stack) -> None:
    shop.send(view("od-0", "od-laptop", 0), login("od-1", "od-laptop", "od-jane", 60))
    shop.send(view("od-2", "od-phone", 30), login("od-3", "od-phone", "od-jane", 90))
    jane = shop.profile("user_id:od-jane")
    assert jane == shop.profile("anonymous_id:od-laptop") == shop.profile("anonymous_id:od-phone")
    assert message_ids(shop.timeline("user_id:od-jane")) == ["od-0", "od-2", "od-1", "od-3"]
    assert jane["totals"]["sessions"] == 2
    assert {part["evidence"]["rule"] for part in shop.identity("user_id:od-jane")["slices"]} == {6}


def test_a_shared_family_e_mail_never_joins_two_customers(shop: Stack) -> None:
    shop.send(
        login("se-0", "se-laptop", "se-jane", 0, email="home.se@example.com"),
        login("se-1", "se-phone", "se-joe", 60, email="home.se@example.com"),
    )
    jane, joe = shop.profile("user_id:se-jane"), shop.profile("user_id:se-joe")
    assert jane["profile_id"] != joe["profile_id"]
    assert shop.profile("email:home.se@example.com") == joe, "a contact is its owner's of now"

    shop.send(login("se-2", "se-tablet", None, 30, email="home.se@example.com"))
    assert "se-2" in message_ids(shop.timeline("user_id:se-jane")), "the address was hers at that time"
    (part,) = [each for each in shop.identity("user_id:se-jane")["slices"] if each["anonymous_id"] == "se-tablet"]
    assert part["evidence"]["rule"] == 9
    assert set(part["evidence"]["message_ids"]) == {"se-0", "se-2"}


def test_after_a_logout_the_browser_is_somebody_unknown(shop: Stack) -> None:
    shop.send(
        login("lo-0", "lo-library", "lo-jane", 0),
        logout("lo-1", "lo-library", 60),
        view("lo-2", "lo-library", 120),
    )
    assert message_ids(shop.timeline("user_id:lo-jane")) == ["lo-0", "lo-1"]
    stranger = shop.profile("anonymous_id:lo-library")
    assert (stranger["status"], stranger["totals"]["page_views"]) == ("anonymous", 1)
    assert stranger["profile_id"] != shop.profile("user_id:lo-jane")["profile_id"]


def test_a_retraction_undoes_a_merge_as_if_it_had_never_been(shop: Stack) -> None:
    shop.send(login("re-0", "re-office", "re-jane", 0), view("re-1", "re-kiosk", 10))
    apart = (shop.profile("user_id:re-jane"), shop.profile("anonymous_id:re-kiosk"))

    shop.send(login("re-2", "re-kiosk", "re-jane", 20, name="Jane"))
    merged = shop.identity("user_id:re-jane")
    (wrong,) = [part for part in merged["slices"] if part["anonymous_id"] == "re-kiosk"]
    assert (wrong["evidence"]["rule"], wrong["evidence"]["message_ids"]) == (6, ["re-2"])
    assert apart[1]["profile_id"] in merged["earlier_ids"]

    shop.retract(*wrong["evidence"]["message_ids"], reason="a colleague used the kiosk")
    jane, kiosk = shop.profile("user_id:re-jane"), shop.profile("anonymous_id:re-kiosk")
    assert jane == apart[0]
    assert kiosk["profile_id"] == apart[1]["profile_id"]
    assert message_ids(shop.timeline("anonymous_id:re-kiosk")) == ["re-1", "re-2"], "the events stay"
    assert kiosk["status"] == "anonymous"
    (part,) = shop.identity("anonymous_id:re-kiosk")["slices"]
    assert (part["evidence"]["rule"], part["user_id"]) == (11, None)

    everything = (jane, kiosk)
    shop.retract("re-2")
    assert (shop.profile("user_id:re-jane"), shop.profile("anonymous_id:re-kiosk")) == everything


def test_who_claims_a_proven_name_without_proof_changes_nothing_and_is_shown(shop: Stack) -> None:
    expires_s = clock.now_ms() // 1000 + 3600
    signed = {"sub": "cl-jane", "anon": "cl-laptop", "email": "jane.cl@example.com", "exp": expires_s}
    proof = jwt.encode(signed, shop.keys["identity_secret"], algorithm="HS256")
    shop.send({**login("cl-0", "cl-laptop", "cl-jane", 0), "context": {"identityProof": proof}})
    before = shop.profile("user_id:cl-jane")
    assert ("email", "jane.cl@example.com") in {(each["type"], each["value"]) for each in before["identifiers"]}

    shop.send(login("cl-1", "cl-thief", "cl-jane", 60, email="jane.cl@example.com", name="Mallory"))
    assert shop.profile("user_id:cl-jane") == before
    thief = shop.profile("anonymous_id:cl-thief")
    assert (thief["status"], thief["traits"]) == ("anonymous", {"name": "Mallory"})
    for who in ("user_id:cl-jane", "anonymous_id:cl-thief"):
        claims = shop.identity(who)["claims"]
        assert [(each["type"], each["value"], each["anonymous_id"], each["message_id"]) for each in claims] == [
            ("email", "jane.cl@example.com", "cl-thief", "cl-1"),
            ("user_id", "cl-jane", "cl-thief", "cl-1"),
        ]
    assert shop.timeline("user_id:cl-jane")[0]["trust"] == "proven"
    assert proof not in shop.get("/v1/profiles/user_id:cl-jane/timeline").body.decode(), "a proof is not kept"


def test_an_alias_joins_two_accounts_only_when_a_server_says_so(shop: Stack) -> None:
    shop.send(login("al-0", "al-laptop", "al-old", 0), login("al-1", "al-phone", "al-new", 60))
    alias = {"type": "alias", "userId": "al-new", "previousId": "al-old", "timestamp": at(NOON, 120)}
    shop.send({**alias, "messageId": "al-2", "anonymousId": "al-phone"})
    old, new = shop.profile("user_id:al-old"), shop.profile("user_id:al-new")
    assert old["profile_id"] != new["profile_id"]

    shop.send({**alias, "messageId": "al-3"}, key="server_key")
    joined = shop.profile("user_id:al-new")
    assert joined == shop.profile("user_id:al-old")
    assert joined["profile_id"] == old["profile_id"], "the account that was there first leads"
    assert message_ids(shop.timeline("user_id:al-new")) == ["al-0", "al-1", "al-2", "al-3"]
    identity = shop.identity("user_id:al-new")
    assert (identity["root"], sorted(identity["users"])) == ("user:al-old", ["al-new", "al-old"])
    assert [(each["user_id"], each["previous_id"], each["message_id"]) for each in identity["aliases"]] == [
        ("al-new", "al-old", "al-3")
    ]
    assert identity["earlier_ids"] == [new["profile_id"]]
    assert shop.profile(f"profile_id:{new['profile_id']}") == joined

    shop.retract("al-3")
    assert shop.profile("user_id:al-old") == old


def test_every_earlier_id_goes_on_answering(shop: Stack) -> None:
    shop.send(view("ea-0", "ea-laptop", 0))
    ids = [shop.profile("anonymous_id:ea-laptop")["profile_id"]]
    shop.send(login("ea-1", "ea-laptop", None, 60, email="ea@example.com"))
    ids.append(shop.profile("anonymous_id:ea-laptop")["profile_id"])
    shop.send(login("ea-2", "ea-laptop", "ea-jane", 120, email="ea@example.com"))
    jane = shop.profile("user_id:ea-jane")
    assert len({*ids, jane["profile_id"]}) == 3
    assert shop.identity("user_id:ea-jane")["earlier_ids"] == sorted(ids)
    assert [shop.profile(f"profile_id:{each}") for each in ids] == [jane, jane]
    exported = [row["profile_id"] for row in rows_of(shop.export("profiles"))]
    assert jane["profile_id"] in exported
    assert not set(ids).intersection(exported), "one person is one row"
