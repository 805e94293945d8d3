"""Kill the server's processes at random moments under load, and see that nothing acknowledged is lost or doubled.

    python load_tests/crash.py --kills 200

A sender posts batches of a seeded history and repeats each until it is answered with 200. Meanwhile the HTTP process,
the mind, or both get SIGKILL; what is dead is started again. Afterwards every event must be in the export once, and
the exports byte for byte those of a server that heard the same batches in peace, of a replay, and of `ariane export`.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from string import ascii_lowercase
from typing import Any, NamedTuple

import jwt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.runtime import clock
from tests.journeys.running import Message, Row, Stack, rows_of, running
from tests.running_ariane import Answer, Server, ariane, serving

BASE_MS = clock.from_text("2026-03-02T08:00:00Z")
EXPORTS = ("profiles", "events", "sessions")
OF_ARRIVAL = ("received_at", "position")
"""Fields of an exported event that two runs cannot share."""
MINDS_A_LIFE = 3
"""Mind kills between two starts of the server, which waits longer before each of its restarts."""
FOLD_TIMEOUT_S = 300.0
"""How long the mind may take to catch up with everything in the log."""
PAUSES_S = (0.02, 0.8)
"""Between two kills, drawn evenly."""


class Batch(NamedTuple):
    """One request of the history."""

    path: str
    key: str
    body: dict[str, Any]
    message_ids: list[str]


def history(name: str, chance: random.Random, identity_secret: str) -> Iterator[Batch]:
    """Visitors for ever: views, carts, orders, logins, proofs, aliases, undone logins, many of them late. Seeded.

    Histories of other names have other messages about the same visitors.
    """
    nth = 0
    while True:
        key = chance.choice(("write_key", "write_key", "write_key", "server_key"))
        messages = []
        for _ in range(chance.choice((1, 1, 5, 20, 60))):
            nth += 1
            messages.append(message(f"{name}{nth:07}", chance, nth, key, identity_secret))
        yield Batch("/v1/batch", key, {"batch": messages}, [each["messageId"] for each in messages])
        if chance.random() < 0.05:
            undone = [f"{name}{chance.randint(1, nth):07}" for _ in range(3)]
            yield Batch("/v1/identity/retractions", "api_key", {"message_ids": undone, "reason": "a mistake"}, [])


def message(message_id: str, chance: random.Random, nth: int, key: str, secret: str) -> Message:
    """The nth message of a history, sent with the key of that name; `secret` signs its proof, if it has one."""
    late_s = chance.choice((0, 0, 0, 0, chance.randint(0, 20_000)))
    visitor = nth // 30 + chance.randint(0, 15)
    made: Message = {
        "type": "page",
        "messageId": message_id,
        "timestamp": clock.to_text(BASE_MS + (nth * 10 - late_s) * 1000),
        "anonymousId": f"d{visitor}",
        "context": {"userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"},
        "properties": {"url": f"https://shop.example/p/{nth % 40}"},
    }
    user = f"u{visitor // 2}" if chance.random() < 0.8 else f"u{visitor // 2 + 1}"
    email = f"{user}@example.com"
    match chance.randint(0, 13):
        case 0:
            made |= {"type": "identify", "userId": user, "traits": {"email": email, "visits": nth}}
        case 1:
            made |= {"type": "identify", "traits": {"email": f"news{visitor // 3}@example.com"}}
        case 2:
            made |= {"type": "track", "event": "Order Completed"}
            made["properties"] = {"order_id": f"o-{message_id}", "total": f"{nth % 100}.50", "currency": "EUR"}
        case 3:
            made |= {"type": "track", "event": "Product Added"}
            made["properties"] = {"product_id": f"p{nth % 9}", "quantity": 1, "price": 5}
        case 4:
            made |= {"type": "track", "event": "Logged Out"}
        case 5 if key == "server_key":
            made |= {"type": "alias", "userId": user, "previousId": f"u{visitor // 2 + 1}"}
        case 6 if key == "write_key" and visitor % 10 == 0:
            claims = {"sub": user, "anon": made["anonymousId"], "exp": clock.now_ms() // 1000 + 86_400}
            made |= {"type": "identify", "userId": user}
            made["context"]["identityProof"] = jwt.encode(claims, secret, algorithm="HS256")
    return made


class Sender:
    """Posts one history, each batch until it is acknowledged."""

    def __init__(self, name: str, batches: Iterator[Batch], keys: Mapping[str, str]) -> None:
        self.name = name
        self.acknowledged: list[Batch] = []
        """In order."""
        self.retries = 0
        self.most = sys.maxsize
        """How many requests to send at most."""
        self._batches = batches
        self._keys = keys
        self._stack: Stack | None = None

    def run(self, url: Callable[[], str], rest_s: float, done: threading.Event) -> None:
        """Send to wherever the server is until told to stop. Raises AssertionError for an answer nobody should get."""
        while not done.is_set() and len(self.acknowledged) < self.most:
            batch = next(self._batches)
            while not self._send(batch, url()):
                self.retries += 1
                time.sleep(0.02)
            self.acknowledged.append(batch)
            done.wait(rest_s)
        self._let_go()

    def _send(self, batch: Batch, url: str) -> bool:
        if self._stack is None:
            self._stack = Stack(url, self._keys)
        try:
            answer = self._stack.post(batch.path, batch.body, batch.key)
        except (OSError, HTTPException):
            self._let_go()
            return False
        self._answered(answer)
        assert answer.status in (200, 503), answer
        assert answer.status == 503 or "rejected" not in answer.json(), answer
        return answer.status == 200

    def _answered(self, answer: Answer) -> None:
        """For whoever wants to know more."""

    def _let_go(self) -> None:
        if self._stack is not None:
            self._stack.close()
        self._stack = None


class Crashed(NamedTuple):
    """What a tormented folder was sent, and how often it was killed."""

    folder: Path
    killed: Counter[str]
    retries: int
    acknowledged: list[Batch]
    first_lives_s: list[float]
    """How long each restart took until the server was ready."""


def torment(folder: Path, kills: int, seed: int, senders: int = 3, rest_s: float = 0.0) -> Crashed:
    """Send and kill until the last kill is survived and everything sent is acknowledged.

    Each sender rests `rest_s` after each request.
    """
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    lives_s: list[float] = []
    done = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(senders) as pool:
        server = stack.enter_context(serving(folder))
        sending = [
            Sender(name, history(name, random.Random(f"{seed}{name}"), server.keys["identity_secret"]), server.keys)
            for name in ascii_lowercase[:senders]
        ]
        urls = [server.url]
        running_ = [pool.submit(each.run, lambda: urls[-1], rest_s, done) for each in sending]
        try:
            minds = 0
            for _ in range(kills):
                time.sleep(chance.uniform(*PAUSES_S))
                victim = chance.choice(("mind", "http", "both") if minds < MINDS_A_LIFE else ("http", "both"))
                kill(server, victim)
                killed[victim] += 1
                minds += 1
                if victim != "mind":
                    began_s = time.monotonic()
                    server = stack.enter_context(serving(folder))  # at once, while the dead one's mind may be ending
                    lives_s.append(time.monotonic() - began_s)
                    urls.append(server.url)
                    minds = 0
            time.sleep(PAUSES_S[0])
        finally:
            done.set()
        for each in running_:
            each.result(60)
    acknowledged = [batch for each in sending for batch in each.acknowledged]
    return Crashed(folder, killed, sum(each.retries for each in sending), acknowledged, lives_s)


def kill(server: Server, victim: str) -> None:
    """SIGKILL for the `http` process, its `mind`, or `both`."""
    minds = server.children() if victim != "http" else []
    if victim != "mind":
        server.stop(signal.SIGKILL)
    for each in minds:
        each.kill()


Exports = dict[str, bytes]


def exports_of(stack: Stack) -> Exports:
    """Every export of a running server, once it has folded everything it was sent."""
    deadline_s = time.monotonic() + FOLD_TIMEOUT_S
    while stack.get("/v1/profiles?limit=1").status == 504:
        assert time.monotonic() < deadline_s, f"not folded within {FOLD_TIMEOUT_S} s"
    return {what: stack.export(what) for what in EXPORTS}


def exports_of_folder(folder: Path) -> Exports:
    """Every export of a data folder, by the command."""
    return {what: ariane("export", what, "--data", folder).out.encode() for what in EXPORTS}


def exports_after_restart(crashed: Crashed) -> Exports:
    """What a last server says on the tormented folder, once it has folded everything."""
    with running(crashed.folder) as stack:
        stack.send(
            {"type": "page", "messageId": "the-end", "anonymousId": "d-end", "timestamp": "2026-03-02T07:00:00Z"}
        )
        return exports_of(stack)


def exports_in_peace(crashed: Crashed, folder: Path) -> Exports:
    """What a server says that heard the same batches, each once, and was left alone."""
    folder.mkdir(parents=True)
    shutil.copy2(crashed.folder / "sources.toml", folder)
    with running(folder) as stack:
        for batch in crashed.acknowledged:
            answer = stack.post(batch.path, batch.body, batch.key)
            assert answer.status == 200, answer
        stack.send(
            {"type": "page", "messageId": "the-end", "anonymousId": "d-end", "timestamp": "2026-03-02T07:00:00Z"}
        )
        return exports_of(stack)


def without_arrival(events: bytes) -> list[Row]:
    """An events export without what is a fact of arrival."""
    return [{name: value for name, value in row.items() if name not in OF_ARRIVAL} for row in rows_of(events)]


def sent_ids(crashed: Crashed) -> list[str]:
    """The message ids of everything acknowledged, sorted."""
    return sorted([*(each for batch in crashed.acknowledged for each in batch.message_ids), "the-end"])


def problems(crashed: Crashed, scratch: Path) -> list[str]:
    """Everything that went wrong; empty when nothing did. Needs an empty folder for its copies."""
    after = exports_after_restart(crashed)
    stored = sorted(row["message_id"] for row in rows_of(after["events"]))
    found = []
    lost = sorted(set(sent_ids(crashed)) - set(stored))
    if lost:
        found.append(f"{len(lost)} acknowledged events are lost: {lost[:5]}")
    if len(stored) != len(set(stored)):
        found.append(f"{len(stored) - len(set(stored))} events are there twice")
    peace = exports_in_peace(crashed, scratch / "peace")
    found += [
        f"the {what} differ from a run in peace" for what in ("profiles", "sessions") if after[what] != peace[what]
    ]
    if without_arrival(after["events"]) != without_arrival(peace["events"]):
        found.append("the events differ from a run in peace")
    found += [f"`ariane export {what}` differs from the API's" for what in _different(after, crashed.folder)]
    replayed = ariane("replay", "--data", crashed.folder, "--into", scratch / "replayed")
    if replayed.status:
        found.append(f"ariane replay: {replayed.err}")
    else:
        found += [f"the {what} differ after a replay" for what in _different(after, scratch / "replayed")]
    books = ariane("verify", "--data", crashed.folder, "--json")
    if books.status or books.json()["quarantined"]:
        found.append(f"ariane verify: {books.out}{books.err}")
    return found


def _different(exports: Exports, folder: Path) -> list[str]:
    return [what for what, export in exports_of_folder(folder).items() if export != exports[what]]


def main() -> None:
    parser = argparse.ArgumentParser(description="SIGKILL under load; exits with 1 when anything is lost or doubled.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest-s", type=float, default=0.05, help="how long each of the three senders rests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-crash-") as scratch:
        began_s = time.monotonic()
        crashed = torment(Path(scratch) / "data", options.kills, options.seed, rest_s=options.rest_s)
        took_s = time.monotonic() - began_s
        events = len(sent_ids(crashed)) - 1
        kinds = ", ".join(f"{count} {victim}" for victim, count in sorted(crashed.killed.items()))
        print(f"seed {options.seed}: {options.kills} kills ({kinds}) in {took_s:.0f} s")
        print(
            f"{events:,} events acknowledged in {len(crashed.acknowledged):,} requests, {crashed.retries:,} tried again"
        )
        lives_s = sorted(crashed.first_lives_s)
        if lives_s:
            print(f"ready again after {lives_s[len(lives_s) // 2]:.2f} s (median), {lives_s[-1]:.2f} s (longest)")
        found = problems(crashed, Path(scratch))
    print("\n".join(found) or "nothing lost, nothing doubled, every export the same as in peace and after a replay")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
