"""The least a durable collector can be, to measure ours against: aiohttp that keeps each body as it came.

    python load_tests/bare.py FOLDER        # prints its address once it listens

A body is one row of a SQLite file; bodies that come while a commit is under way share the next one (`synchronous=FULL`,
WAL). Nothing is parsed, checked or looked up. The same loop, the same page size and checkpoints as the real log.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import uvloop
from aiohttp import web


class Bodies:
    """A file of bodies, with group commit."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for setting in ("page_size = 8192", "journal_mode = wal", "synchronous = full", "wal_autocheckpoint = 2000"):
            self._db.execute(f"pragma {setting}")
        self._db.execute("create table bodies (position integer primary key, body blob not null)")
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def keep(self, body: bytes) -> None:
        """Returns once the body survives a power cut."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((body, kept))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await kept

    async def _commit(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            rows = [(body,) for body, _ in group]
            await asyncio.get_running_loop().run_in_executor(self._thread, self._insert, rows)
            for _, kept in group:
                kept.set_result(None)
        self._committing = None

    def _insert(self, rows: list[tuple[bytes]]) -> None:
        self._db.execute("begin immediate")
        self._db.executemany("insert into bodies (body) values (?)", rows)
        self._db.execute("commit")


async def serve(folder: Path) -> None:
    bodies = Bodies(folder / "bodies.db")

    async def take(request: web.Request) -> web.Response:
        await bodies.keep(await request.read())
        return web.Response(body=b'{"success":true}', content_type="application/json")

    app = web.Application(client_max_size=2**20)
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


@contextmanager
def bare_server(folder: Path) -> Iterator[tuple[str, int]]:
    """Its address and process id, for the block's length."""
    folder.mkdir(parents=True)
    process = Popen([sys.executable, __file__, str(folder)], stdout=PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1])))
