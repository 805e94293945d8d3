"""Ada asks to be forgotten: over HTTP, on the command line, and when the power goes in the middle."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from tests.running_ariane import Answer, Server, ariane, serving

ADA = ("ada-4711", "ada@example.com", "adas-laptop", "ada-m", "Ada Lovelace")
"""What names Ada, and nobody else."""


def batch(server: Server, *events: dict[str, Any], key: str = "write_key") -> str:
    answer = server.post("/v1/batch", {"batch": list(events)}, key)
    assert answer.json() == {"success": True}
    return answer.headers["Log-Position"]


def tell_story(server: Server) -> str:
    """Ada and Bob on their own devices and on a shared one; a refused event of Ada's."""
    at = "2026-11-20T0{}:00:00Z".format
    batch(
        server,
        {"type": "page", "anonymousId": "adas-laptop", "messageId": "ada-m1", "timestamp": at(1)},
        {
            "type": "identify",
            "anonymousId": "adas-laptop",
            "userId": "ada-4711",
            "messageId": "ada-m2",
            "timestamp": at(2),
            "traits": {"email": "Ada@example.com", "name": "Ada Lovelace"},
        },
        {"type": "page", "anonymousId": "tablet", "userId": "bob", "messageId": "bob-1", "timestamp": at(3)},
        {"type": "page", "anonymousId": "tablet", "userId": "ada-4711", "messageId": "ada-m3", "timestamp": at(4)},
        {"type": "page", "anonymousId": "tablet", "userId": "bob", "messageId": "bob-2", "timestamp": at(5)},
        {"type": "page", "anonymousId": "bobs-phone", "userId": "bob", "messageId": "bob-3", "timestamp": at(6)},
    )
    refused = server.post("/v1/track", {"userId": "ada-4711", "anonymousId": "adas-laptop", "messageId": "ada-m9"})
    assert refused.json()["rejected"][0]["reason"] == "missing_event_name"
    return batch(server, {"type": "page", "anonymousId": "adas-laptop", "messageId": "ada-m1", "timestamp": at(1)})


def delete(server: Server, who: str) -> Answer:
    headers = {"Authorization": f"Bearer {server.keys['api_key']}"}
    return server._ask(Request(f"{server.url}/v1/profiles/{who}", method="DELETE", headers=headers))


def traces(folder: Path) -> list[tuple[str, str]]:
    """Where anything of Ada's is found, byte by byte."""
    while True:
        files = [each for each in folder.rglob("*") if each.is_file()]
        try:
            return [(each.name, name) for each in files for name in ADA if name.encode() in each.read_bytes()]
        except FileNotFoundError:
            continue  # somebody put a WAL away meanwhile: what was in it may now be in a file already read


def of_bob(server: Server, after: str) -> dict[str, bytes]:
    lines = {
        what: server.get(f"/v1/export/{what}", after).body.splitlines(keepends=True)
        for what in ("profiles", "events", "sessions")
    }
    bob = server.get("/v1/profiles/user_id:bob").json()["profile_id"]
    return {what: b"".join(row for row in rows if json.loads(row)["profile_id"] == bob) for what, rows in lines.items()}


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    with serving(tmp_path) as server:
        yield server, tell_story(server)


def test_whoever_is_erased_is_gone_and_bob_is_as_before(told: tuple[Server, str], tmp_path: Path) -> None:
    server, after = told
    before = of_bob(server, after)
    assert traces(tmp_path)

    answer = delete(server, "email:ada@example.com")
    assert answer.status == 200
    assert answer.json()["erased"] == {"events": 3, "sessions": 3, "visitors": 1, "refused": 1, "identifiers": 3}
    assert traces(tmp_path) == []
    after = answer.headers["Log-Position"]
    assert of_bob(server, after) == before
    assert server.get("/v1/profiles/user_id:ada-4711").status == 404
    assert delete(server, "email:ada@example.com").status == 404

    exported = {what: server.get(f"/v1/export/{what}").body for what in ("profiles", "events", "sessions")}
    assert b"".join(exported.values()).count(b"ada") == 0
    told = server.get("/v1/facts").body
    assert told.count(b"bobs-phone") > 0
    assert told.count(b"ada") == 0

    # What she did before comes late, or again: it is not stored. What she does from now on is somebody new.
    late = {"type": "page", "userId": "ada-4711", "anonymousId": "adas-phone", "timestamp": "2026-11-20T07:00:00Z"}
    batch(server, late, {"type": "page", "anonymousId": "adas-laptop", "messageId": "ada-m1"}, key="server_key")
    again = {"type": "page", "userId": "ada-4711", "anonymousId": "adas-laptop", "messageId": "ada-new"}
    after = batch(server, again)
    profile = server.get("/v1/profiles/user_id:ada-4711", after).json()
    assert profile["totals"]["events"] == 1 + 1  # the repeated page has no timestamp, and another key: it is new
    assert of_bob(server, after) == before
    books = ariane("verify", "--data", tmp_path, "--deep", "--json").json()
    assert books["problems"] == []
    assert books["suppressed"] == 1


def test_a_replay_gives_the_same(told: tuple[Server, str], tmp_path: Path) -> None:
    server, _ = told
    answer = delete(server, "user_id:ada-4711")
    assert answer.status == 200
    before = of_bob(server, answer.headers["Log-Position"])
    copy = tmp_path.parent / f"{tmp_path.name}-copy"
    assert ariane("replay", "--data", tmp_path, "--into", copy).status == 0
    assert traces(copy) == []
    with serving(copy) as again:
        assert of_bob(again, answer.headers["Log-Position"]) == before
        late = {"type": "page", "anonymousId": "adas-laptop", "messageId": "x", "timestamp": "2026-11-20T01:30:00Z"}
        after = batch(again, late)
        assert again.get("/v1/profiles/anonymous_id:adas-laptop", after).status == 404


def test_the_command_erases_without_a_server_and_exports_a_person_first(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        tell_story(server)
    about = ariane("export", "person", "email:ada@example.com", "--data", tmp_path)
    assert about.status == 0, about.err
    document = about.json()
    assert [event["message_id"] for event in document["events"]] == ["ada-m1", "ada-m2", "ada-m3"]
    assert document["refused"][0]["event"]["messageId"] == "ada-m9"
    assert document["identity"]["users"] == ["ada-4711"]
    assert len(document["sessions"]) == 3

    done = ariane("erase", "user_id:ada-4711", "--yes", "--json", "--data", tmp_path)
    assert done.status == 0, done.err
    assert done.json()["erased"]["events"] == 3
    assert traces(tmp_path) == []
    assert ariane("erase", "user_id:ada-4711", "--yes", "--data", tmp_path).status == 1
    assert ariane("verify", "--data", tmp_path, "--deep").status == 0


def test_the_command_erases_through_the_running_server(told: tuple[Server, str], tmp_path: Path) -> None:
    done = ariane("erase", "user_id:ada-4711", "--yes", "--data", tmp_path)
    assert done.status == 0, done.err
    assert "Erased 3 events" in done.out
    assert traces(tmp_path) == []
