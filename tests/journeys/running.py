"""A really running stack to tell stories to: one connection that sends Segment's messages and reads its own writes."""

import base64
import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from collector.runtime import clock
from tests.running_ariane import Answer, serving

Row = dict[str, Any]
Message = dict[str, Any]

JANE_AT_HOME = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
MAX_IDLE_S = 20.0
"""A connection kept longer than this without use may be closed by the server at any moment: it closes at 75 s."""
JSON_HEADERS = {"Content-Type": "application/json", "User-Agent": JANE_AT_HOME}


class Stack:
    """A running `ariane serve`, asked over one kept connection. Reads see everything sent before through it."""

    def __init__(self, url: str, keys: Mapping[str, str], timeout_s: float = 30.0) -> None:
        self.keys = keys
        self.written: str | None = None
        """The newest `Log-Position` it was told."""
        self.host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self.host, timeout=timeout_s)
        self._used_at_s = clock.monotonic_s()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request as it is; raises OSError or http.client.HTTPException when the server is gone."""
        if clock.monotonic_s() - self._used_at_s > MAX_IDLE_S:
            self._connection.close()  # opened again by the request
        try:
            self._connection.request(method, path, body, dict(headers or {}))
            response = self._connection.getresponse()
            answer = Answer(response.status, dict(response.headers), response.read())
        except BaseException:
            self._connection.close()
            raise
        self._used_at_s = clock.monotonic_s()
        if answer.status == 200 and "Log-Position" in answer.headers:
            self.written = answer.headers["Log-Position"]
        return answer

    def post(
        self, path: str, body: Any, key: str | None = "write_key", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST JSON (or bytes as they are) with a key, by its name in `ariane keys`, or none."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data, {**JSON_HEADERS, **self.authorization(key), **(headers or {})})

    def send(self, *messages: Message, key: str = "write_key") -> None:
        """Send messages (each with its `type`) in one batch; every one must be accepted."""
        answer = self.post("/v1/batch", {"batch": list(messages)}, key)
        assert (answer.status, answer.json()) == (200, {"success": True})

    def retract(self, *message_ids: str, reason: str = "a mistake") -> None:
        """Take back what these messages said about identity."""
        answer = self.post("/v1/identity/retractions", {"message_ids": message_ids, "reason": reason}, "api_key")
        assert answer.status == 200, answer

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET with the API key, once everything sent is folded in."""
        after = {"After-Position": self.written} if self.written else {}
        return self.ask("GET", path, headers={**self.authorization("api_key"), **after, **(headers or {})})

    def profile(self, who: str) -> Row:
        """The profile of `type:value`."""
        return self._of(who, "")

    def identity(self, who: str) -> Row:
        """Why it is them."""
        return self._of(who, "/identity")

    def timeline(self, who: str, order: str = "asc") -> list[Row]:
        """Their events; up to 200, oldest first."""
        events: list[Row] = self._of(who, f"/timeline?limit=200&order={order}")["events"]
        return events

    def sessions(self, who: str) -> list[Row]:
        """Their visits, oldest first."""
        sessions: list[Row] = self._of(who, "/sessions?limit=200&order=asc")["sessions"]
        return sessions

    def export(self, what: str) -> bytes:
        """An export's bytes."""
        answer = self.get(f"/v1/export/{what}")
        assert answer.status == 200, answer
        return answer.body

    def close(self) -> None:
        self._connection.close()

    def _of(self, who: str, rest: str) -> Row:
        answer = self.get(f"/v1/profiles/{quote(who)}{rest}")
        assert answer.status == 200, answer
        row: Row = answer.json()
        return row

    def authorization(self, key: str | None) -> dict[str, str]:
        """The header that gives a key, by its name in `ariane keys`; none for None."""
        if key is None:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.keys[key]}:".encode()).decode()}


@contextmanager
def running(folder: Path, *arguments: object) -> Iterator[Stack]:
    """A server of one's own on a free port, for the block's length."""
    with serving(folder, *arguments) as server:
        stack = Stack(server.url, server.keys)
        try:
            yield stack
        finally:
            stack.close()


def rows_of(export: bytes) -> list[Row]:
    """An export's lines, decoded."""
    return [json.loads(line) for line in export.splitlines()]


def at(when: str, seconds: float = 0) -> str:
    """A time some seconds after another, as RFC 3339."""
    return clock.to_text(clock.from_text(when) + round(seconds * 1000))


def message_ids(rows: Sequence[Row]) -> list[str]:
    """The message ids of events, in their order."""
    return [row["message_id"] for row in rows]
