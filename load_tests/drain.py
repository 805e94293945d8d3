"""Stop a server under load with SIGTERM, start it again, and see that no sender noticed more than a pause.

    python load_tests/drain.py [--stops 10] [--senders 20]

Each sender posts events one after the other on a connection it keeps, a page view with an id of its own each time, and
counts what it is answered. When a request fails in any way (refused, reset, closed, 503) it waits 3 s and tries once
more, against the server as it is then; should that fail too, the request has failed. Afterwards every event must be in
the export, once. The last line is the number of requests, and how many failed, were lost, and were doubled.
"""

import argparse
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.running_ariane import ARIANE, ROOT, ariane, environment

RETRY_S = 3.0
RUN_S = 4.0
"""Between two stops: longer than a sender that was refused waits."""
ANSWER_S = 30.0


class Outcome(NamedTuple):
    """What the senders saw, and what was kept."""

    requests: int
    again: Counter[str]
    """Requests that were tried once more, by what went wrong the first time."""
    failed: list[str]
    lost: int
    doubled: int
    exits: list[int]
    gaps_s: list[float]
    """From each SIGTERM until the next server listened."""


class Senders:
    """Threads that post until told to stop."""

    def __init__(self, port: int, write_key: str, count: int, pause: Callable[[], None]) -> None:
        self._port = port
        self._pause = pause
        self._path = f"/v1/page?writeKey={write_key}"
        self._stop = threading.Event()
        self.sent: list[str] = []
        self.again: Counter[str] = Counter()
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._post, args=(n,)) for n in range(count)]

    def __enter__(self) -> "Senders":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _post(self, sender: int) -> None:
        connection = self._connection()
        number = 0
        while not self._stop.is_set():
            number += 1
            message_id = f"s{sender}-{number}"
            body = json.dumps({"anonymousId": f"d{sender}", "messageId": message_id}).encode()
            problem = self._attempt(connection, body)
            if problem is not None:
                self.again[problem] += 1
                connection.close()
                self._pause()
                connection = self._connection()
                problem = self._attempt(connection, body)
            if problem is None:
                self.sent.append(message_id)
            else:
                self.failed.append(f"{message_id}: {problem}")
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)

    def _attempt(self, connection: http.client.HTTPConnection, body: bytes) -> str | None:
        """What went wrong; None for a 200."""
        try:
            connection.request("POST", self._path, body)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        return None if answer.status == 200 else str(answer.status)


def start(folder: Path, port: int) -> tuple[subprocess.Popen[str], int, float]:
    """A server, its port, and when it was ready."""
    argv = [*ARIANE, "serve", "--data", str(folder), "--port", str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(None))
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert " is ready at " in ready, ready
    return process, int(ready.split(" at ")[1].split()[0].rpartition(":")[2]), time.monotonic()


def run(folder: Path, stops: int, senders: int, *, run_s: float = RUN_S, patient: bool = False) -> Outcome:
    """Stop and start the server so often under load, then count.

    Senders wait RETRY_S before they try again; patient ones until there is a server, however long its machine takes.
    """
    up = threading.Event()
    up.set()

    def pause() -> None:
        if patient:
            up.wait(60)
        else:
            time.sleep(RETRY_S)

    exits, gaps_s = [], []
    with ExitStack() as stack:
        process, port, _ = start(folder, 0)
        keys = ariane("keys", "--data", folder, "--json").json()
        with Senders(port, keys["write_key"], senders, pause) as posting:
            for _ in range(stops):
                time.sleep(run_s)
                up.clear()
                stopped = time.monotonic()
                process.send_signal(signal.SIGTERM)
                exits.append(process.wait(60))
                process, _, ready = start(folder, port)
                up.set()
                gaps_s.append(ready - stopped)
            time.sleep(run_s)
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)
        exported = ariane("export", "events", "--data", folder)
    kept = Counter(json.loads(line)["message_id"] for line in exported.out.splitlines())
    lost = len(set(posting.sent) - set(kept))
    doubled = sum(count - 1 for count in kept.values())
    return Outcome(len(posting.sent), posting.again, posting.failed, lost, doubled, exits, gaps_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=10)
    parser.add_argument("--senders", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-drain-") as folder:
        seen = run(Path(folder) / "data", options.stops, options.senders)
    print(f"exits {seen.exits}, back after {', '.join(f'{each:.1f}' for each in seen.gaps_s)} s")
    print(f"tried again: {dict(seen.again)}; failed: {seen.failed[:5]}")
    print(
        f"{seen.requests} requests over {options.stops} stops: {len(seen.failed)} failed, {seen.lost} lost, "
        f"{seen.doubled} doubled"
    )
    sys.exit(bool(seen.failed or seen.lost or seen.doubled or any(seen.exits)))


if __name__ == "__main__":
    main()
