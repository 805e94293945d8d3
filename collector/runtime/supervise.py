"""A child process that is kept running, and that never outlives its parent.

The child is a new program, not a fork: it inherits no event loop, no database connection, no lock and no thread caught
in the middle of something. Its standard input is a pipe that only the parent holds the other end of; the kernel closes
that end however the parent dies, SIGKILL included, and the child's `end_with_parent` sees it. That works wherever there
are pipes, unlike Linux's PR_SET_PDEATHSIG, which moreover fires when the parent's *thread* ends (prctl(2)).
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Self

from collector.runtime.clock import monotonic_s

FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
"""A child that ran this long has recovered; its next restart is quick again."""
STOP_TIMEOUT_S = 10.0
"""How long a child may take to end after SIGTERM, before SIGKILL."""

PARENT_PIPE = "_ARIANE_PARENT_PIPE"
"""The environment variable that tells a child which descriptor ends when its parent does."""

_log = logging.getLogger(__name__)


class Child:
    """Runs `argv` as a child process while the block lasts, starting it again, with growing pauses, when it ends.

    Its standard output and error pass through. It runs in a session of its own, so that a Ctrl-C in the terminal
    reaches only the parent, which then ends its children in order.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        name: str,
        first_pause_s: float = FIRST_PAUSE_S,
        stop_timeout_s: float = STOP_TIMEOUT_S,
        on_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._argv = list(argv)
        self._first_pause_s = first_pause_s
        self._stop_timeout_s = stop_timeout_s
        self._on_restart = on_restart
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the child and watch over it. Raises OSError when the program cannot be started at all."""
        await self._spawn()
        self._watcher = asyncio.create_task(self._keep_running(), name=f"watch {self.name}")

    async def stop(self) -> None:
        """End the child: SIGTERM, and SIGKILL when it takes longer than `stop_timeout_s`. Idempotent."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
            self._watcher = None
        process, self._process = self._process, None
        if process is not None:
            await _end(process, self._stop_timeout_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, PARENT_PIPE: "0"},
        )

    async def _keep_running(self) -> None:
        pause_s = self._first_pause_s
        while True:
            started_s = monotonic_s()
            status = await self._process.wait() if self._process else None
            if monotonic_s() - started_s >= STEADY_AFTER_S:
                pause_s = self._first_pause_s
            _log.error("child ended", extra={"child": self.name, "status": status, "again_in_s": pause_s})
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LAST_PAUSE_S)
            self.restarts += 1
            self._on_restart()
            try:
                await self._spawn()
            except OSError as error:  # no memory, no processes left: as if it had ended at once
                _log.error("child not started", extra={"child": self.name, "error": str(error)})


async def _end(process: asyncio.subprocess.Process, timeout_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def end_with_parent(timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End in an orderly way (as by SIGTERM) when the `Child` that started us is gone, and by force after `timeout_s`.

    Watches from a thread, so that a process whose loop is busy notices as well. Does nothing in a process that no
    `Child` started.
    """
    named = os.environ.pop(PARENT_PIPE, None)
    if named is None:
        return
    pipe = int(named)

    def watch() -> None:
        while os.read(pipe, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(timeout_s)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
