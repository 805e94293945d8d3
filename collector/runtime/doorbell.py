"""Doorbells: how one process tells another, within a fraction of a millisecond, that there is something new to read.

Every listener has a named pipe in the run folder, and a ring is one byte into each pipe of that topic. No port, no
limit on a path's length (a Unix socket has 108 bytes), no broker, and the next ring tidies up after the dead.

A bell carries no news, only that there may be some: rings may be merged, and a ring to nobody is no error. A ring
can even be missed by a listener that has only just come, so whoever waits also looks by itself once a second.
"""

import asyncio
import contextlib
import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from collector.runtime.clock import monotonic_s

LOOK_AGAIN_S = 1.0
"""How long a listener trusts its bell before it looks by itself, and a ringer its list of listeners."""
SUFFIX = ".bell"

_serial = itertools.count()


class Signal:
    """The bell's own half, within one process: counts rings, and wakes whoever waits for the next.

    To miss nothing, take `heard()`, look for news, and if there is none wait for more rings than that.
    """

    def __init__(self) -> None:
        self._rings = 0
        self._answered = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everyone who waits, and the next who comes to."""
        self._rings += 1
        for each in self._waiters:
            if not each.done():
                each.set_result(None)

    def heard(self) -> int:
        """How often it rang so far, several rings in a row counting as one."""
        return self._rings

    async def wait(self, timeout_s: float, after: int | None = None) -> bool:
        """Wait until it has rung more than `after` times (default: since the last wait); False if time ran out."""
        seen = self._answered if after is None else after
        if self.heard() == seen:
            await self._next_ring(timeout_s)
        self._answered = self._rings
        return self._rings > seen

    async def _next_ring(self, timeout_s: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await waiter
        finally:
            self._waiters.discard(waiter)


class Doorbell(Signal):
    """A bell that other processes can ring: a named pipe in `run_dir`, gone again after `close()`.

    The loop watches the pipe only while somebody waits. A listener that is busy anyway is not woken for every ring; a
    byte in the pipe stands for all of them, and the next wait finds it.
    """

    def __init__(self, run_dir: Path, topic: str) -> None:
        super().__init__()
        self.path = run_dir / f"{topic}.{os.getpid()}-{next(_serial)}{SUFFIX}"
        unfinished = self.path.with_name(f".{self.path.name}")
        with contextlib.suppress(FileNotFoundError):  # left by a dead process that had our number
            unfinished.unlink()
        os.mkfifo(unfinished, 0o600)
        self._reading = os.open(unfinished, os.O_RDONLY | os.O_NONBLOCK)
        # A writer of our own: else the pipe would report its end, for ever readable, whenever no ringer has it open.
        self._writing = os.open(unfinished, os.O_WRONLY | os.O_NONBLOCK)
        # Visible only now that it has a reader: a pipe without one is taken for a dead listener's, and removed.
        unfinished.rename(self.path)

    def heard(self) -> int:
        if _drain(self._reading):
            super().ring()
        return self._rings

    async def _next_ring(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiters:
            loop.add_reader(self._reading, self.heard)
        try:
            await super()._next_ring(timeout_s)
        finally:
            if not self._waiters and self._reading >= 0:
                loop.remove_reader(self._reading)

    def close(self) -> None:
        """Take the bell off the door. Idempotent."""
        if self._reading < 0:
            return
        self.path.unlink(missing_ok=True)
        if self._waiters:
            asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        os.close(self._writing)
        self._reading = self._writing = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _drain(pipe: int) -> bool:
    """Empty the pipe; whether there was anything in it."""
    found = False
    if pipe < 0:
        return found
    with contextlib.suppress(BlockingIOError):
        while os.read(pipe, 65536):
            found = True
    return found


class Ringer:
    """Rings one topic's bells, keeping the pipes open: about as cheap as the two system calls it makes.

    A new listener is noticed when the folder's modification time changes, and at the latest after a second (file
    systems keep that time in ticks of several milliseconds, so two changes may look like one).
    """

    def __init__(self, run_dir: Path, topic: str) -> None:
        self._run_dir = run_dir
        self._topic = topic
        self._pipes: dict[str, int] = {}
        self._folder_mtime_ns = -1
        self._looked_at_s = 0.0

    def ring(self) -> None:
        """Wake every listener. Never blocks, never raises because of a listener."""
        self._look_for_listeners()
        for name, pipe in list(self._pipes.items()):
            try:
                os.write(pipe, b"\0")
            except BlockingIOError:
                continue  # full: it has been rung 65,536 times and not yet looked
            except BrokenPipeError:
                self._forget(name)
                (self._run_dir / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the pipes. Idempotent."""
        for name in list(self._pipes):
            self._forget(name)
        self._folder_mtime_ns = -1

    def _look_for_listeners(self) -> None:
        try:
            mtime_ns = os.stat(self._run_dir).st_mtime_ns
        except FileNotFoundError:
            return
        now_s = monotonic_s()
        if mtime_ns == self._folder_mtime_ns and now_s - self._looked_at_s < LOOK_AGAIN_S:
            return
        self._folder_mtime_ns, self._looked_at_s = mtime_ns, now_s
        there = set(_bells(self._run_dir, self._topic))
        for name in self._pipes.keys() - there:
            self._forget(name)
        for name in there - self._pipes.keys():
            pipe = _open_pipe(self._run_dir / name)
            if pipe is not None:
                self._pipes[name] = pipe

    def _forget(self, name: str) -> None:
        os.close(self._pipes.pop(name))


def ring(run_dir: Path, topic: str) -> None:
    """Ring once, for those who seldom do; a `Ringer` is cheaper."""
    ringer = Ringer(run_dir, topic)
    try:
        ringer.ring()
    finally:
        ringer.close()


def _bells(run_dir: Path, topic: str) -> Iterator[str]:
    prefix = f"{topic}."
    with os.scandir(run_dir) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.name.endswith(SUFFIX):
                yield entry.name


def _open_pipe(path: Path) -> int | None:
    """The pipe's writing end; None, and the pipe removed, if its listener is dead."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ENXIO:  # "no process has the FIFO open for reading", open(2)
            raise
        path.unlink(missing_ok=True)
        return None
