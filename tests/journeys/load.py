"""A server under load: good, bad, repeated and taken-back events from three senders at once."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from itertools import count
from typing import Any

from tests.journeys.running import Stack
from tests.running_ariane import Server


class Load:
    """Senders of good, bad, repeated and taken-back events, each repeated until it is acknowledged."""

    def __init__(self, server: Server) -> None:
        self.acknowledged = 0
        self.rejected = 0
        self.sent: list[dict[str, Any]] = []
        """The batches that were acknowledged."""
        self._server = server
        self._enough = threading.Event()
        self._killed = False
        self._counting = threading.Lock()

    def send(self, name: str) -> None:
        stack = Stack(self._server.url, self._server.keys)
        try:
            for n in count():
                if self._enough.is_set():
                    return
                batch = [
                    {"type": "page", "anonymousId": f"{name}{n % 7}", "messageId": f"{name}{n - n % 3}-{i}"}
                    for i in range(n % 5 + 1)
                ]
                batch += [{"type": "track", "anonymousId": name}] * (n % 2)
                answer = stack.post("/v1/batch", {"batch": batch})
                assert answer.status == 200
                if n % 10 == 0:
                    stack.retract(f"{name}{n}-0")
                with self._counting:
                    self.sent.append({"batch": batch})
                    self.acknowledged += len(batch) + (n % 10 == 0)
                    self.rejected += n % 2
        except (OSError, HTTPException):
            if not self._killed:
                raise
        finally:
            stack.close()

    def kill(self) -> None:
        """SIGKILL, in the middle of it."""
        self._killed = True
        self._server.stop(signal.SIGKILL)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(3) as pool:
            senders = [pool.submit(self.send, each) for each in "abc"]
            try:
                yield
            finally:
                self._enough.set()
            for each in senders:
                each.result()
