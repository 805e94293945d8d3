"""What one event that changes very many visitors costs everybody else: a first proof, and its retraction.

    python load_tests/crowds.py --visitors 100000

A crowd of devices says it is Ada, who has proven nothing. Then a proof comes, which takes her from all of them; then
its retraction, which gives her back. Meanwhile single events are sent, and profiles read that have nothing to do with
her, each write waited for (`After-Position`). Prints how long the crowd took to be folded again, and last, the slowest
of writes and of reads meanwhile as a multiple of the slowest in the same time before.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jwt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.journeys.running import Stack
from tests.running_ariane import serving

BATCH = 1000
PAUSE_S = 0.01


class Times(NamedTuple):
    """Milliseconds of each write (to its 200) and of each read that waited for it to be folded in."""

    writes: list[float]
    reads: list[float]

    def said(self) -> str:
        return ", ".join(
            f"{name} median {statistics.median(values):.1f}, slowest {max(values):.0f} ms"
            for name, values in (("writes", self.writes), ("reads", self.reads))
        )


def gather(stack: Stack, visitors: int) -> None:
    for start in range(0, visitors, BATCH):
        batch = [
            {"type": "track", "event": "Said", "anonymousId": f"crowd-{nth}", "userId": "ada", "messageId": f"c{nth}"}
            for nth in range(start, min(visitors, start + BATCH))
        ]
        answer = stack.post("/v1/batch", {"batch": batch})
        assert answer.status == 200, answer
    settle(stack)


def settle(stack: Stack) -> None:
    """Wait until everything sent is folded in: an export of profiles begins only then."""
    while stack.get("/v1/profiles?limit=1").status == 504:
        time.sleep(PAUSE_S)


def watch(stack: Stack, name: str, goes_on: Callable[[int], bool]) -> Times:
    """Write and read somebody else, as long as it goes on."""
    times, nth = Times([], []), 0
    while goes_on(nth):
        nth += 1
        began_s = time.perf_counter()
        answer = stack.post("/v1/page", {"anonymousId": f"other-{name}", "messageId": f"{name}-{nth}"})
        assert answer.status == 200, answer
        times.writes.append((time.perf_counter() - began_s) * 1000)
        began_s = time.perf_counter()
        shown = stack.get(f"/v1/profiles/anonymous_id:other-{name}")
        assert shown.status == 200, shown
        assert shown.json()["totals"]["page_views"] == nth
        times.reads.append((time.perf_counter() - began_s) * 1000)
        time.sleep(PAUSE_S)
    return times


def while_folding(stack: Stack, name: str) -> tuple[Times, float]:
    """The same until the crowd has been folded again; how long that took, in seconds."""
    began_s = time.perf_counter()

    def still(nth: int) -> bool:
        if nth % 20:
            return True
        waiting = stack.get("/metrics").body.decode()
        left = next(
            float(line.split()[1]) for line in waiting.splitlines() if line.startswith("ariane_visitors_waiting ")
        )
        return nth == 0 or left > 0

    times = watch(stack, name, still)
    return times, time.perf_counter() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=100_000, help="how many devices say they are Ada")
    visitors = parser.parse_args().visitors
    with tempfile.TemporaryDirectory(prefix="ariane-crowds-") as folder, serving(Path(folder) / "data") as server:
        stack = Stack(server.url, server.keys)
        gather(stack, visitors)
        before = watch(stack, "before", lambda nth: nth < 300)
        print(f"before: {before.said()}")
        signed = {"sub": "ada", "anon": "hers", "exp": int(time.time()) + 3600}
        proof = jwt.encode(signed, server.keys["identity_secret"], algorithm="HS256")
        hers = {"anonymousId": "hers", "userId": "ada", "messageId": "proof", "context": {"identityProof": proof}}
        assert stack.post("/v1/identify", hers).status == 200
        proving, took_s = while_folding(stack, "proof")
        print(f"a proof that takes her from {visitors:,}: {took_s:.1f} s; meanwhile {proving.said()}")
        assert len(stack.get("/v1/profiles/user_id:ada").json()["devices"]) == 1
        stack.retract("proof")
        taking, took_s = while_folding(stack, "retraction")
        print(f"its retraction: {took_s:.1f} s; meanwhile {taking.said()}")
        stack.close()
    writes, reads = (max(*proving[n], *taking[n]) / max(before[n]) for n in range(2))
    print(f"slowest meanwhile to slowest before: writes {writes:.1f}, reads {reads:.1f}")


if __name__ == "__main__":
    main()
