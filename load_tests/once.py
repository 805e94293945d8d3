"""Send every event one to twenty times, by every unlucky way there is, and see that each has one effect.

    python load_tests/once.py --events 1000000 --mind-kills 200

Batches of events come again: in the same minute and months later (the server is started anew with its clock ahead, by
`shim.c`), on two connections at once, by senders that hang up without reading the answer or reset the connection in the
middle of the body. In the end each was acknowledged at least once. Then the export must hold every event once, the
state must be that of a server that heard each batch once, in peace, and the books must balance. After that the store is
thrown away and the mind folds the log again, killed at so many random moments: every export must be the same bytes.
"""

import argparse
import asyncio
import base64
import json
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.log.opening import open_log
from collector.runtime.folder import DataFolder
from load_tests.crash import message
from load_tests.shim import Shim
from sessionizer.commands.digests import digest_of
from sessionizer.commands.folders import hasher_of
from sessionizer.commands.progress import show_nothing
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker
from tests.journeys.running import Stack
from tests.running_ariane import ARIANE, ROOT, Server, environment, serving

LIVES_AHEAD_DAYS = (0, 97, 200)
"""How far ahead the server's clock is in each of its lives."""
MOST_COPIES = 20
SENDERS = 2
ANOTHER_COPY = 0.55
"""The probability that a batch comes once more."""


class Ways(NamedTuple):
    """How one copy of a batch comes."""

    life: int
    way: str
    """`answered`, `twice` at once, `unread` (the answer is not waited for), `reset` in the middle of the body."""


class Totals(NamedTuple):
    """What was sent."""

    events: int
    sent: int
    """Copies of events sent whole and acknowledged."""
    ways: Counter[str]
    """Copies of batches, by how they came."""


class Batches:
    """A history in batches, the same whenever it is asked for."""

    def __init__(self, events: int, batch: int, seed: int) -> None:
        self.count = events // batch
        self.events = self.count * batch
        self._batch = batch
        self._seed = seed

    def body(self, number: int) -> bytes:
        """One batch, as sent."""
        chance = random.Random(f"{self._seed} {number}")
        first = number * self._batch
        messages = [
            message(f"once-{nth:08}", chance, nth, "server_key", "") for nth in range(first, first + self._batch)
        ]
        return json.dumps({"batch": messages}).encode()

    def copies(self, number: int) -> list[Ways]:
        """How it comes, again and again; one of the copies at least is answered."""
        chance = random.Random(f"{self._seed} copies {number}")
        count = MOST_COPIES if number % 100 == 0 else 1
        while count < MOST_COPIES and chance.random() < ANOTHER_COPY:
            count += 1
        lives = sorted(chance.randrange(len(LIVES_AHEAD_DAYS)) for _ in range(count))
        ways = [chance.choice(("answered", "twice", "unread", "reset")) for _ in range(count - 1)]
        return [Ways(life, way) for life, way in zip(lives, [*ways, "answered"], strict=True)]


def send_all(data: Path, scratch: Path, batches: Batches, root: Path = ROOT) -> Totals:
    """Send every copy in its life of the server."""
    shim = Shim(scratch / "shim", data.parent)
    sent: Counter[str] = Counter()
    for life, ahead_days in enumerate(LIVES_AHEAD_DAYS):
        env = shim.env(ahead_s=ahead_days * 86_400)
        order = random.Random(life).sample(range(batches.count), batches.count)
        with serving(data, "--log-level", "error", env=env, root=root) as server, ThreadPoolExecutor(SENDERS) as pool:
            for each in pool.map(partial(_send_in_life, batches, life, server), order):
                sent += each
    whole = sent["answered"] + sent["twice"]
    return Totals(batches.events, whole * (batches.events // batches.count), sent)


def _send_in_life(batches: Batches, life: int, server: Server, number: int) -> Counter[str]:
    """Send those copies of a batch that come in this life of the server, on a connection of their own."""
    ways = [copy.way for copy in batches.copies(number) if copy.life == life]
    with closing(Stack(server.url, server.keys)) as stack:
        sent: Counter[str] = Counter()
        for way in ways:
            sent[way] += _send(stack, batches.body(number), way)
        return sent


def _send(stack: Stack, body: bytes, way: str) -> int:
    """Send a copy of a batch; how many copies that were."""
    match way:
        case "answered":
            _until_answered(stack, body)
        case "twice":
            other = Stack(f"http://{stack.host}", stack.keys)
            with ThreadPoolExecutor(2) as pool:
                for each in [pool.submit(_until_answered, one, body) for one in (stack, other)]:
                    each.result()
            other.close()
            return 2
        case "unread":
            _hang_up(stack, body, len(body), reset=False)
        case "reset":
            _hang_up(stack, body, random.Random(body[:200]).randrange(len(body)), reset=True)
    return 1


def _until_answered(stack: Stack, body: bytes) -> None:
    while True:
        with suppress(OSError, HTTPException):
            answer = stack.post("/v1/batch", body, "server_key")
            assert answer.status in (200, 503), answer
            if answer.status == 200:
                return
        time.sleep(0.02)


def _hang_up(stack: Stack, body: bytes, part: int, *, reset: bool) -> None:
    """Send a request, or so much of its body, and let go of the connection: politely, or with a reset."""
    host = urlsplit(f"http://{stack.host}")
    user = base64.b64encode(f"{stack.keys['server_key']}:".encode()).decode()
    head = f"POST /v1/batch HTTP/1.1\r\nHost: {stack.host}\r\nAuthorization: Basic {user}\r\n"
    with suppress(OSError), socket.create_connection((host.hostname, host.port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:part])
        if reset:
            linger = struct.pack("ii", 1, 0)  # close() sends RST, see socket(7)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def in_peace(data: Path, batches: Batches) -> None:
    """A server that hears each batch once."""
    with serving(data, "--log-level", "error") as server:
        stack = Stack(server.url, server.keys)
        for number in range(batches.count):
            _until_answered(stack, batches.body(number))
        stack.close()


def digests(data: Path) -> tuple[str, str]:
    """The digests of a folder's state, and of its three exports; folds first what is not folded yet."""
    return asyncio.run(_digests(DataFolder(data)))


async def _digests(folder: DataFolder) -> tuple[str, str]:
    log = await open_log(f"sqlite:{folder.log}", writer=False)
    store = await open_store(f"sqlite:{folder.store}", writer=True)
    try:
        await Worker(log, store, hasher=hasher_of(folder)).catch_up()
        async with store.snapshot() as snapshot:
            found = await digest_of(snapshot, log, show_nothing)
    finally:
        await store.close()
        await log.close()
    return found.state, found.log


def ariane_for_long(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command that may take its time."""
    argv = [*ARIANE, *map(str, arguments)]
    return subprocess.run(argv, cwd=ROOT, env=environment(None), capture_output=True, text=True, check=False)


def message_ids(data: Path) -> Iterator[str]:
    """The message id of every event in the export."""
    exported = data.parent / "events.ndjson"
    done = ariane_for_long("export", "events", "--data", data, "--output", exported)
    assert done.returncode == 0, done.stderr
    with exported.open("rb") as lines:
        for line in lines:
            yield json.loads(line)["message_id"]
    exported.unlink()


def problems(data: Path, peace: Path, batches: Batches) -> list[str]:
    """What is wrong with a folder that heard everything again and again."""
    found = []
    counts = Counter(message_ids(data))
    if lost := batches.events - len(counts):
        found.append(f"{lost:,} events are lost")
    if doubled := counts.total() - len(counts):
        found.append(f"{doubled:,} events are there more than once")
    in_peace(peace, batches)
    if digests(data)[0] != digests(peace)[0]:
        found.append("the state is not that of a server that heard each event once")
    books = ariane_for_long("verify", "--json", "--data", data)
    if books.returncode or json.loads(books.stdout)["stored"] < batches.events:
        found.append(f"the books: {books.stdout}{books.stderr}")
    return found


def kill_minds(data: Path, kills: int, seed: int, longest_s: float, root: Path = ROOT) -> list[str]:
    """Throw the store away, and let minds fold the log, each killed after a while but the last; what then differs."""
    before = digests(data)
    for each in data.glob("store.db*"):
        each.unlink()
    chance = random.Random(seed)
    argv = [*ARIANE, "serve", "--roles", "mind", "--data", str(data), "--log-level", "error"]
    for _ in range(kills):
        mind = subprocess.Popen(argv, cwd=root, env=environment(None), stdout=subprocess.PIPE, text=True)
        assert mind.stdout is not None
        mind.stdout.readline()  # it is about to open its files
        time.sleep(chance.uniform(0.0, longest_s))
        mind.kill()
        mind.wait()
        mind.stdout.close()
    after = digests(data)
    found = [] if after == before else ["the exports differ from those of a mind that was left alone"]
    books = ariane_for_long("verify", "--json", "--data", data)
    return found + ([f"the books: {books.stdout}{books.stderr}"] if books.returncode else [])


def main() -> None:
    parser = argparse.ArgumentParser(description="Events sent again and again; exits with 1 when one counts twice.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--mind-kills", type=int, default=200)
    parser.add_argument("--longest-s", type=float, default=1.5, help="the longest life of a mind that is killed")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    batches = Batches(options.events, options.batch, options.seed)
    with tempfile.TemporaryDirectory(prefix="ariane-once-") as folder:
        scratch = Path(folder)
        totals = send_all(scratch / "again" / "data", scratch, batches)
        ways = ", ".join(f"{count:,} {way}" for way, count in sorted(totals.ways.items()))
        print(f"{totals.events:,} events, {totals.sent:,} acknowledged copies; batches: {ways}", flush=True)
        found = problems(scratch / "again" / "data", scratch / "peace" / "data", batches)
        shutil.rmtree(scratch / "peace")
        found += kill_minds(scratch / "again" / "data", options.mind_kills, options.seed, options.longest_s)
    print("\n".join(found))
    print(
        f"{totals.events:,} events sent 1 to {MOST_COPIES} times, over {LIVES_AHEAD_DAYS[-1]} days, and "
        f"{options.mind_kills} kills of the mind: {len(found)} differences"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
