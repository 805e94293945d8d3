"""Fill a small real file system under load, erase somebody there, free it again, and see that nothing is lost.

    python load_tests/full_disk.py --rounds 5        # needs root, to mount a tmpfs

A whole server has its data on a tmpfs of 256 MiB and is sent events all the while. In each round a ballast file takes
all that is left: from then on every answer must be 503 with Retry-After, none 500. A person is erased meanwhile, with
a receipt. Then the ballast goes, and events must be taken again within five seconds. In the end everything acknowledged
is there once, nothing of the erased is, and the exports are the same after a replay.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load_tests.crash import EXPORTS, Batch, exports_of_folder
from load_tests.failing_disk import Told, WatchedSender, says_no_time, taken_since, when
from load_tests.shim import Missing
from tests.journeys.running import Stack, rows_of, running
from tests.running_ariane import ROOT, Server, ariane, serving

DISK_MIB = 256
BACK_WITHIN_S = 5.0
WAIT_S = 60.0
FULL_S = 2.0
"""How long the disk stays full in each round, beside what the erasure takes."""
SENDERS = 3


@contextmanager
def small_disk(at: Path, mib: int = DISK_MIB) -> Iterator[Path]:
    """A file system of that size. Raises Missing where none can be mounted."""
    at.mkdir(parents=True)
    if os.geteuid() != 0 or sys.platform != "linux":
        raise Missing("mounting a small file system needs root on Linux")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", at], check=False).returncode:
        raise Missing("this environment allows no mounts")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def fill(ballast: Path) -> None:
    """Take everything that is left of a disk."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


class Outcome(NamedTuple):
    """What a full disk led to."""

    answers: Counter[int]
    """To senders, by status."""
    lies: list[str]
    """Answers of 200 or 500 on a full disk, or of 503 that do not say when to come again."""
    erased: int
    """People erased on a full disk, with a receipt."""
    longest_back_s: float
    """From the moment the disk had room until the next answer of 200."""
    problems: list[str]

    def __str__(self) -> str:
        statuses = ", ".join(f"{count:,} × {status}" for status, count in sorted(self.answers.items()))
        return (
            f"{statuses}; {self.erased} erased while full; back after {self.longest_back_s:.1f} s at most; "
            f"{len(self.lies)} lies, {len(self.problems)} problems"
        )


def pages(name: str) -> Iterator[Batch]:
    """Page views of many devices for ever, in batches of 50, about a kilobyte each."""
    nth = 0
    while True:
        messages: list[dict[str, Any]] = []
        for _ in range(50):
            nth += 1
            page = {"type": "page", "messageId": f"{name}{nth:07}", "anonymousId": f"{name}-d{nth % 100}"}
            messages.append(page | {"timestamp": "2026-03-02T08:00:00Z", "properties": {"path": "/" + "p" * 500}})
        yield Batch("/v1/batch", "write_key", {"batch": messages}, [each["messageId"] for each in messages])


def torment(scratch: Path, rounds: int, full_s: float = FULL_S, root: Path = ROOT) -> Outcome:
    """Fill and free the disk so many times. Raises Missing."""
    back_s, lies, problems, receipts = [0.0], [], [], 0
    with small_disk(scratch / "disk") as disk:
        data = disk / "data"
        with serving(data, "--log-level", "error", root=root) as server, _sending(server) as senders:
            erasing = Stack(server.url, server.keys, timeout_s=100)
            for nth in range(rounds):
                _tell_of(erasing, nth)
                fill(disk / "ballast")
                since_s = when(lambda: _all_refused(senders), WAIT_S)
                if since_s is None:
                    problems.append("the disk never became full for the log")
                    break
                problems += _erased(erasing, nth)
                receipts += 1
                time.sleep(full_s)
                freed_s = time.monotonic()
                full = _between(senders, since_s, freed_s)
                lies += [f"{each.answer.status} on a full disk" for each in full if each.answer.status != 503]
                (disk / "ballast").unlink()
                taken_s = when(lambda since=freed_s: taken_since(senders, since), WAIT_S)
                if taken_s is None:
                    problems.append(f"no event was taken within {WAIT_S} s of there being room")
                back_s.append((taken_s or freed_s + WAIT_S) - freed_s)
            erasing.close()
        told = [each for sender in senders for each in sender.told]
        lies += [f"503 without Retry-After: {each.answer}" for each in told if says_no_time(each.answer)]
        problems += _afterwards(data, scratch / "replayed", [batch for each in senders for batch in each.acknowledged])
    return Outcome(Counter(each.answer.status for each in told), lies, receipts, max(back_s), problems)


def _tell_of(stack: Stack, nth: int) -> None:
    """Somebody who will ask to be forgotten."""
    who = {"userId": f"leaver-{nth}", "anonymousId": f"leavers-phone-{nth}", "messageId": f"leaver-{nth}"}
    stack.send({"type": "identify", **who, "traits": {"email": f"leaver-{nth}@example.com"}})


def _erased(stack: Stack, nth: int) -> list[str]:
    """Erase somebody on a full disk; what is wrong with the answers."""
    answer = stack.ask("DELETE", f"/v1/profiles/user_id:leaver-{nth}", headers=stack.authorization("api_key"))
    if answer.status != 200 or answer.json()["erased"]["events"] != 1:
        return [f"an erasure on a full disk was answered {answer.status}: {answer.body!r}"]
    after = stack.ask("GET", f"/v1/profiles/user_id:leaver-{nth}", headers=stack.authorization("api_key"))
    return [] if after.status == 404 else [f"the erased is still there: {after.status}"]


def _all_refused(senders: Sequence[WatchedSender]) -> bool:
    return all(each.told and each.told[-1].answer.status == 503 for each in senders)


def _between(senders: Sequence[WatchedSender], since_s: float, until_s: float) -> list[Told]:
    return [each for sender in senders for each in sender.told if each.began_s > since_s and each.ended_s < until_s]


@contextmanager
def _sending(server: Server) -> Iterator[list[WatchedSender]]:
    senders = [WatchedSender(name, pages(name), server.keys) for name in "abc"]
    done = threading.Event()
    with ThreadPoolExecutor(SENDERS) as pool:
        running_ = [pool.submit(each.run, lambda: server.url, 0.05, done) for each in senders]
        try:
            yield senders
        finally:
            done.set()
        for sending in running_:
            sending.result(WAIT_S)


def _afterwards(data: Path, replayed: Path, acknowledged: Sequence[Batch]) -> list[str]:
    """What is wrong with the folder now that it is over."""
    with running(data) as stack:
        stack.send({"type": "page", "messageId": "the-end", "anonymousId": "the-end"})
        exports = [stack.export(what) for what in EXPORTS]
    stored = Counter(row["message_id"] for row in rows_of(exports[EXPORTS.index("events")]))
    sent = {each for batch in acknowledged for each in batch.message_ids}
    found = []
    if lost := sent - stored.keys():
        found.append(f"{len(lost)} acknowledged events are lost")
    if doubled := [each for each, count in stored.items() if count > 1]:
        found.append(f"{len(doubled)} events are there twice")
    files = sorted(data.glob("*.db*"))
    found += [f"{each.name} names an erased person" for each in files if b"leaver-" in each.read_bytes()]
    if (again := ariane("replay", "--data", data, "--into", replayed)).status:
        found.append(f"ariane replay: {again.err}")
    elif exports != list(exports_of_folder(replayed).values()):
        found.append("the exports differ after a replay")
    if (books := ariane("verify", "--data", data)).status:
        found.append(f"ariane verify: {books.out}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="A full disk under load; exits with 1 when anything is lost.")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-full-") as scratch:
        outcome = torment(Path(scratch), options.rounds)
    print("\n".join([*outcome.lies[:5], *outcome.problems]))
    print(outcome)
    sys.exit(bool(outcome.lies or outcome.problems or outcome.longest_back_s > BACK_WITHIN_S))


if __name__ == "__main__":
    main()
