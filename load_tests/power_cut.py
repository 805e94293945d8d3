"""Cut the power at random moments, on a model of a disk, and see that nothing acknowledged is lost or damaged.

    python load_tests/power_cut.py --points 1000
    python load_tests/power_cut.py --points 1000 --defect "synchronous normal"     # must lose, or this test is blind

A whole server runs under `shim.c`, which writes down every write, sync, name and answer. At each point the disk is put
together as the cut may leave it (`modelled_disk.py`): what a sync had covered is there, and of the rest whatever chance
kept. Then our own code opens that folder. What it must find: every event of every answer of 200 that had gone out, in
order, whole; the keys; and a store that folds to the same as a new one.
"""

import argparse
import asyncio
import contextlib
import hashlib
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.log import CorruptRecord, EventLog, LogUnavailable, Stored
from collector.log.opening import open_log
from collector.runtime.folder import DataFolder
from collector.sources import SourcesFile, SourcesInvalid
from load_tests.crash import Sender, history
from load_tests.modelled_disk import Disk
from load_tests.sabotage import named, sabotaged
from load_tests.shim import Kind, Record, Shim, records
from sessionizer.commands.folders import hasher_of
from sessionizer.commands.verify import EXPORTS
from sessionizer.people import FoldedPeople
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker
from tests.running_ariane import ROOT, serving

SIZES = (1, 1, 5, 20, 60)
SENDERS = 3
FOLD_EVERY = 50
"""At every so-manieth point the store is folded to the end and compared: that takes longest."""
_ACKNOWLEDGED = re.compile(rb"HTTP/1\.1 200 .*\r\nLog-Position: (\d+)\r\n", re.DOTALL)
DATABASES = ("log.db", "store.db", "refused.db")


class Recording(NamedTuple):
    """What a server did while it was sent events, and what its log then held."""

    disk: Path
    """Where its files were; the data folder is `data` in it."""
    trace: Path
    events: list[bytes]
    """The log's records, from position 1 on."""
    sources: bytes


def record(scratch: Path, requests: int, seed: int, root: Path = ROOT) -> Recording:
    """Run a server of the sources at `root`, send it so many requests, and stop it."""
    disk, trace = scratch / "disk", scratch / "trace"
    disk.mkdir(parents=True)
    shim = Shim(scratch, disk)
    with serving(disk / "data", env=shim.env(trace), root=root) as server, ThreadPoolExecutor(SENDERS) as pool:
        done = threading.Event()
        senders = [
            Sender(name, history(name, random.Random(f"{seed}{name}"), server.keys["identity_secret"]), server.keys)
            for name in "abc"
        ]
        for each in senders:
            each.most = requests // SENDERS
        for sending in [pool.submit(each.run, lambda: server.url, 0.0, done) for each in senders]:
            sending.result()
    log = DataFolder(disk / "data").log
    return Recording(disk, trace, asyncio.run(bodies_of(log)), (disk / "data" / "sources.toml").read_bytes())


async def bodies_of(path: Path) -> list[bytes]:
    """The records of a log, in order."""
    log = await open_log(f"sqlite:{path}", writer=False)
    try:
        return [each.body for each in await _whole(log)]
    finally:
        await log.close()


async def _whole(log: EventLog) -> list[Stored]:
    return await log.read(0, after=0, limit=sys.maxsize)


class Result(NamedTuple):
    """What the cuts left."""

    points: int
    events: int
    acknowledged: int
    lost: int
    """Points after which an acknowledged event was missing."""
    corrupt: int
    """Points after which something could not be read, was damaged, or did not fit."""
    first_problem: str

    def __str__(self) -> str:
        return (
            f"{self.points:,} power cuts in {self.acknowledged:,} acknowledged events: "
            f"{self.lost:,} lost acknowledged events, {self.corrupt:,} were corrupt"
        )


def cut(recording: Recording, points: int, seed: int, scratch: Path) -> Result:
    """Cut the power at so many points after the first acknowledgement, spread evenly over all that was done."""
    chance = random.Random(seed)
    first, last = _from_first_answer(records(recording.trace))
    wanted = sorted(chance.randrange(first, last) for _ in range(points))
    model = Disk(recording.disk, chance)
    acknowledged = lost = corrupt = done = 0
    problem = ""
    for index, each in enumerate(records(recording.trace)):
        while done < points and wanted[done] == index:
            left = scratch / "after"
            model.cut(left)
            folder = DataFolder(left / "data")
            problems = asyncio.run(_problems(folder, recording, acknowledged, fold=done % FOLD_EVERY == 0))
            shutil.rmtree(left)
            lost += "lost" in problems
            corrupt += any(what != "lost" for what in problems)
            problem = problem or "; ".join(f"{what}: {why}" for what, why in problems.items())
            done += 1
        model.take(each)
        acknowledged = max(acknowledged, _acknowledges(each))
    return Result(points, len(recording.events), acknowledged, lost, corrupt, problem)


def _from_first_answer(trace: Iterable[Record]) -> tuple[int, int]:
    first = last = 0
    for last, each in enumerate(trace, 1):
        if not first and _acknowledges(each):
            first = last
    return first, last


def _acknowledges(record: Record) -> int:
    """Up to which log position an answer acknowledges; 0 for anything else."""
    if record.kind is not Kind.ANSWER:
        return 0
    found = _ACKNOWLEDGED.match(record.data)
    return int(found[1]) if found else 0


async def _problems(folder: DataFolder, recording: Recording, acknowledged: int, *, fold: bool) -> dict[str, str]:
    """What is wrong with a folder after a cut, by kind."""
    folder.create()
    try:
        log = await open_log(f"sqlite:{folder.log}", writer=True)
    except LogUnavailable as error:
        return {"log": str(error)}
    found: dict[str, str] = {}
    try:
        bodies = [each.body for each in await _whole(log)]
        if len(bodies) < acknowledged:
            found["lost"] = f"{acknowledged - len(bodies)} of {acknowledged} acknowledged events"
        elif bodies[:acknowledged] != recording.events[:acknowledged]:
            found["log"] = "its records are others, or in another order"
        found |= _keys(folder, recording)
        if fold and not found:
            found |= await _folded(folder, log)
    except (CorruptRecord, LogUnavailable) as error:
        found["log"] = str(error)
    finally:
        await log.close()
    return found | _damaged(folder.root)


def _keys(folder: DataFolder, recording: Recording) -> dict[str, str]:
    """What is wrong with the keys; making new ones would shut out every sender."""
    try:
        SourcesFile(folder.sources)
    except SourcesInvalid as error:
        return {"keys": str(error)}
    return {} if folder.sources.read_bytes() == recording.sources else {"keys": "they are new ones"}


def _damaged(data: Path) -> dict[str, str]:
    """What SQLite itself finds wrong with the files."""
    found = {}
    for name in DATABASES:
        if (data / name).exists():
            with contextlib.closing(sqlite3.connect(data / name)) as db:
                try:
                    (verdict,) = db.execute("pragma integrity_check").fetchone()
                except sqlite3.DatabaseError as error:
                    verdict = str(error)
            if verdict != "ok":
                found[name] = verdict
    return found


async def _folded(folder: DataFolder, log: EventLog) -> dict[str, str]:
    """What is wrong with the store that was left, folded to the log's end."""
    anew = folder.store.with_name("anew.db")
    digests = [await _digest(folder, log, path) for path in (folder.store, anew)]
    return {} if digests[0] == digests[1] else {"store": "it folds to other exports than a new one"}


async def _digest(folder: DataFolder, log: EventLog, path: Path) -> str:
    store = await open_store(f"sqlite:{path}", writer=True)
    try:
        hasher = hasher_of(folder)
        await Worker(log, store, hasher=hasher).catch_up()
        people = FoldedPeople(store, log, hasher)
        digest = hashlib.sha256()
        for what in EXPORTS:
            async for chunk in people.export(what):
                digest.update(chunk)
        return digest.hexdigest()
    finally:
        await store.close()


def measure(scratch: Path, requests: int, points: int, seed: int, defect: str | None = None) -> Result:
    """Record a server, of sound sources or with a planted defect, and cut its power."""
    root = ROOT if defect is None else sabotaged(named(defect), scratch / "sabotaged")
    return cut(record(scratch, requests, seed, root), points, seed, scratch)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Modelled power cuts; exits with 1 when anything is lost or corrupt.")
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--defect", help="plant one of the defects of load_tests/sabotage.py first")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ariane-power-") as scratch:
        result = measure(Path(scratch), options.requests, options.points, options.seed, options.defect)
    if result.first_problem:
        print(f"first problem: {result.first_problem}")
    print(result)
    sys.exit(bool(result.lost or result.corrupt))


if __name__ == "__main__":
    main()
