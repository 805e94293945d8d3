"""SIGKILL while somebody is being erased: it is finished at the next start, or it never began. No trace either way."""

import json
import os
import random
import threading
import time
from http.client import HTTPException
from pathlib import Path

from tests.journeys.test_erasure import batch, delete
from tests.running_ariane import Server, ariane, serving

PEOPLE = int(os.environ.get("JOURNEY_KILLS", "2"))
"""One kill each; `JOURNEY_KILLS=50` for longer."""
LATEST_KILL_S = 0.4
"""After the DELETE was sent: an erasure takes about that long here, its backup included."""


def live(server: Server, mark: str) -> None:
    at = "2026-11-20T0{}:00:00Z".format
    device = {"anonymousId": f"{mark}device", "userId": f"{mark}user"}
    batch(
        server,
        *({"type": "page", **device, "messageId": f"{mark}{n}", "timestamp": at(n)} for n in range(8)),
        {"type": "identify", **device, "messageId": f"{mark}id", "traits": {"email": f"{mark}@x.org"}},
    )
    server.post("/v1/track", {**device, "event": 5})


def holding(folder: Path, mark: str) -> list[str]:
    return [str(each) for each in folder.rglob("*") if each.is_file() and mark.encode() in each.read_bytes()]


def test_an_erasure_that_is_killed_finishes_or_never_began(tmp_path: Path) -> None:
    seed = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))
    chance = random.Random(seed)
    marks = [f"q{n}x{chance.randrange(10**6):06}q" for n in range(PEOPLE)]
    with serving(tmp_path) as server:
        for mark in (*marks, "bob"):
            live(server, mark)
        assert ariane("backup", "--data", tmp_path).status == 0
    for mark in marks:
        with serving(tmp_path) as server:
            asking = threading.Thread(target=_ask, args=(server, mark))
            asking.start()
            time.sleep(chance.uniform(0, LATEST_KILL_S))
            server.process.kill()
            asking.join()
            server.process.wait()
        with serving(tmp_path) as server:
            if server.get(f"/v1/profiles/user_id:{mark}user").status == 200:
                assert delete(server, f"user_id:{mark}user").status in (200, 404)  # 404: it was under way
            deadline = time.monotonic() + 60
            while holding(tmp_path, mark) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert holding(tmp_path, mark) == [], f"JOURNEY_SEED={seed}"
            assert server.get(f"/v1/profiles/user_id:{mark}user").status == 404
            bob = server.get("/v1/profiles/user_id:bobuser/timeline").json()["events"]
            assert len(bob) == 9
    books = json.loads(ariane("verify", "--deep", "--json", "--data", tmp_path).out)
    assert books["problems"] == [], f"JOURNEY_SEED={seed}"
    assert books["erasure"] == PEOPLE


def _ask(server: Server, mark: str) -> None:
    try:
        delete(server, f"user_id:{mark}user")
    except (OSError, HTTPException):
        return  # killed
