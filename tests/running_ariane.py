"""The real `ariane`, in real processes on real folders: what tests of commands and journeys stand on."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

START_TIMEOUT_S = 60.0
ROOT = Path(__file__).resolve().parent.parent
ARIANE = (sys.executable, "-m", "sessionizer.cli")


class Finished(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def ariane(*arguments: object, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Finished:
    """Run a command to its end."""
    done = subprocess.run(
        [*ARIANE, *map(str, arguments)], input=stdin, capture_output=True, cwd=ROOT, env=environment(env), timeout=110
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """What a command is to find in its environment: nothing of ours but `extra`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ARIANE_")} | dict(extra or {})


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running `ariane serve`."""

    def __init__(self, process: subprocess.Popen[str], ready: str, folder: Path) -> None:
        self.process = process
        self.ready = ready
        self.ready_at = time.monotonic()
        self.url = ready.split(" at ")[1].split()[0]
        self.keys: dict[str, str] = ariane("keys", "--data", folder, "--json").json()

    def post(self, path: str, body: Any, key: str = "write_key") -> Answer:
        """POST JSON with a key, by its name, as HTTP Basic user."""
        user = base64.b64encode(f"{self.keys[key]}:".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {user}"}
        return self._ask(Request(self.url + path, json.dumps(body).encode(), headers))

    def get(self, path: str, after: str | None = None) -> Answer:
        """GET with the API key, once `after` is folded in."""
        headers = {"Authorization": f"Bearer {self.keys['api_key']}"}
        return self._ask(Request(self.url + path, headers={**headers, **({"After-Position": after} if after else {})}))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and wait; its exit status."""
        self.process.send_signal(how)
        return self.process.wait(30)

    def children(self) -> list[psutil.Process]:
        """Its own processes: the mind, if it has one."""
        return psutil.Process(self.process.pid).children()

    def _ask(self, request: Request) -> Answer:
        try:
            with urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except HTTPError as error:
            return Answer(error.code, error.headers, error.read())


@contextmanager
def serving(
    folder: Path,
    *arguments: object,
    env: Mapping[str, str] | None = None,
    root: Path = ROOT,
    under: Sequence[str] = (),
    quiet: bool = False,
) -> Iterator[Server]:
    """A server on a free port for the block's length.

    Of the sources at `root`, `under` another program perhaps; `quiet`: what it logs is not wanted.
    """
    argv = [*under, *ARIANE, "serve", "--data", str(folder), "--port", "0", *map(str, arguments)]
    errors = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=root, env=environment(env))
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert " is ready at " in ready, f"it did not start: {ready!r}, status {process.poll()}"
        yield Server(process, ready, folder)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()
