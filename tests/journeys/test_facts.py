"""A consumer follows the facts of a running server over HTTP, through kills, and needs nothing else."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.running_ariane import Server, serving

KILLS = (6, 9, 12)
"""Rounds in which the mind is killed; each time it is started again a little later."""


class Follower:
    """Keeps what facts told it of visits; trips over any told twice."""

    def __init__(self) -> None:
        self.after = ""
        self.visits: dict[str, dict[str, Any] | None] = {}
        self.cursors: set[str] = set()

    def follow(self, server: Server, written: str, wait_s: int = 0) -> list[str]:
        """Everything there is to hear once `written` is folded in; the kinds."""
        heard = []
        while lines := self._page(server, written, wait_s):
            for fact in lines:
                assert fact["cursor"] not in self.cursors
                self.cursors.add(fact["cursor"])
                self.hear(fact)
                heard.append(fact["fact"])
            wait_s = 0
        return heard

    def _page(self, server: Server, written: str, wait_s: int) -> list[dict[str, Any]]:
        query = f"/v1/facts?limit=7&wait={wait_s}&after={self.after}"
        answer = server.get(query, written)
        while answer.status == 504:  # the mind is not back yet
            answer = server.get(query, written)
        assert answer.status == 200, answer
        self.after = answer.headers["Next-Cursor"]
        return [json.loads(line) for line in answer.body.splitlines()]

    def hear(self, fact: dict[str, Any]) -> None:
        match fact["fact"]:
            case "SessionStarted":
                assert fact["session_id"] not in self.visits
                self.visits[fact["session_id"]] = None
            case "SessionEnded":
                assert self.visits[fact["session"]["session_id"]] is None
                self.visits[fact["session"]["session_id"]] = fact["session"]
            case "SessionAmended":
                for each in fact["before"]:
                    assert self.visits.pop(each["session_id"]) == (each if each["ended"] else None)
                for each in fact["after"]:
                    assert each["session_id"] not in self.visits
                    self.visits[each["session_id"]] = each if each["ended"] else None


def views(round_: int) -> Iterator[dict[str, Any]]:
    """Views of forty devices in one hour; of a third of them two hours earlier, where they extend and join visits."""
    for nth in range(40):
        late = nth % 3 == round_ % 3
        hour = round_ - 2 if late else round_
        for step in range(3):
            at = f"2026-11-10T{hour:02}:{nth % 10 + 10 * step + 5 * late:02}:00Z"
            name = f"d{nth}-{round_}-{step}"
            yield {"type": "page", "anonymousId": f"d{nth}", "messageId": name, "timestamp": at}


def kill_the_mind(server: Server) -> None:
    for child in psutil.Process(server.process.pid).children():
        child.send_signal(signal.SIGKILL)


def ends(server: Server) -> dict[str, tuple[str, int]]:
    """Of every visit in the export: when it ended, and its events."""
    rows = map(json.loads, server.get("/v1/export/sessions").body.splitlines())
    return {row["session_id"]: (row["ended_at"], row["events"]) for row in rows}


def test_whoever_follows_the_facts_knows_every_visit_however_often_the_mind_is_killed(tmp_path: Path) -> None:
    follower = Follower()
    kinds: set[str] = set()
    with serving(tmp_path) as server:
        for round_ in range(4, 14):
            answer = server.post("/v1/batch", {"batch": list(views(round_))})
            if round_ in KILLS:
                kill_the_mind(server)
            kinds.update(follower.follow(server, answer.headers["Log-Position"]))
        assert kinds >= {"SessionStarted", "SessionEnded", "SessionAmended"}
        found = ends(server)
        assert follower.visits.keys() == found.keys()
        told = {id_: (each["ended_at"], each["events"]) for id_, each in follower.visits.items() if each is not None}
        assert told == {id_: found[id_] for id_ in told}
        assert len(found) - len(told) <= 40, "only a device's last visit may still go on"
        server.stop(signal.SIGKILL)
    with serving(tmp_path) as server:
        assert follower.follow(server, "1") == []
        late = {"type": "page", "anonymousId": "d1", "messageId": "late", "timestamp": "2026-11-01T00:00:00Z"}
        written = server.post("/v1/batch", {"batch": [late]}).headers["Log-Position"]
        told = follower.follow(server, written)
        assert told == ["SessionStarted", "SessionEnded", "ProfilesMerged"], (
            "the device's first event names its profile"
        )


def test_a_login_is_told_as_a_merge_that_the_old_id_resolves_to(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        view = {"type": "page", "anonymousId": "d1", "messageId": "m1"}
        written = server.post("/v1/batch", {"batch": [view]}).headers["Log-Position"]
        anonymous = server.get("/v1/profiles/anonymous_id:d1", written).json()["profile_id"]
        after = server.get("/v1/facts", written).headers["Next-Cursor"]
        login = {"type": "identify", "anonymousId": "d1", "userId": "jane", "traits": {"name": "Jane"}}
        server.post("/v1/batch", {"batch": [login]})
        heard = [json.loads(line) for line in server.get(f"/v1/facts?wait=30&after={after}").body.splitlines()]
        assert [each["fact"] for each in heard] == ["ProfilesMerged", "TraitsChanged"]
        assert heard[0]["from"] == anonymous
        assert server.get(f"/v1/profiles/profile_id:{anonymous}").json()["profile_id"] == heard[0]["into"]


def test_a_past_visit_is_over_soon_after_it_came_in(tmp_path: Path) -> None:
    """The long poll waits for the mind's clock: ten seconds in which nothing more came of that visit."""
    with serving(tmp_path) as server:
        follower = Follower()
        view = {"type": "page", "anonymousId": "d1", "messageId": "m1", "timestamp": "2026-11-01T00:00:00Z"}
        written = server.post("/v1/batch", {"batch": [view]}).headers["Log-Position"]
        assert follower.follow(server, written) == ["SessionStarted"]
        assert follower.follow(server, written, wait_s=30) == ["SessionEnded"]
