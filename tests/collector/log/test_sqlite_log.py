"""What only a log in a file can be asked: crashes, full disks, bit rot, other processes."""

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import collector
from collector.log import CorruptRecord, LogUnavailable, Record
from collector.log.opening import open_log
from collector.log.sqlite import SqliteLog
from collector.runtime.folder import Taken
from collector.runtime.sqlite import SchemaTooNew

ROOT = Path(collector.__file__).parents[1]


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Our Python, in a process of its own, with its output to read."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def record(body: str) -> Record:
    return Record("visitor", body.encode())


def large(size: int) -> Record:
    """A record that takes so many bytes at least, however well the log packs it."""
    return record(Random(size).randbytes(size).hex())


async def bodies(log: SqliteLog, after: int = 0) -> list[str]:
    return [each.body.decode() for each in await log.read(0, after=after, limit=1_000_000)]


async def test_records_and_positions_outlive_the_process(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    end = await log.append([record("a"), record("b")])
    await log.close()
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    assert await log.end() == end
    assert await log.append([record("c")]) > end
    assert await bodies(log) == ["a", "b", "c"]
    await log.close()


async def test_commits_are_synced_and_shared(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    assert log._writing is not None
    settings = await log._writing.run(
        lambda db: [db.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert settings == ["wal", 2]  # 2: FULL, https://sqlite.org/pragma.html#pragma_synchronous
    commits: list[str] = []
    await log._writing.run(
        lambda db: db.set_trace_callback(lambda sql: commits.append(sql) if sql == "commit" else None)
    )
    await asyncio.gather(*(log.append([record(str(i))]) for i in range(500)))
    assert len(commits) == 1
    await log.close()


async def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await log.append([record("a")])
    for each in os.scandir(tmp_path):
        assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each
    await log.close()


async def test_two_writers_of_one_log_are_refused(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    with pytest.raises(Taken) as refused:
        await SqliteLog.open(tmp_path / "log.db", writer=True)
    assert refused.value.pid == os.getpid()
    await log.close()
    await (await SqliteLog.open(tmp_path / "log.db", writer=True)).close()


async def test_a_reader_needs_a_log_to_read(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable):
        await SqliteLog.open(tmp_path / "log.db", writer=False)
    assert os.listdir(tmp_path) == []


async def test_a_reader_cannot_append(tmp_path: Path) -> None:
    writer = await SqliteLog.open(tmp_path / "log.db", writer=True)
    reader = await SqliteLog.open(tmp_path / "log.db", writer=False)
    with pytest.raises(LogUnavailable):
        await reader.append([record("a")])
    assert not await reader.healthy()
    await reader.close()
    await writer.close()


async def test_a_reader_sees_what_a_closed_writer_left(tmp_path: Path) -> None:
    writer = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await writer.append([record("a")])
    await writer.close()
    reader = await SqliteLog.open(tmp_path / "log.db", writer=False)
    assert await bodies(reader) == ["a"]
    assert (await reader.end(), await reader.count()) == (1, 1)
    await reader.close()


@pytest.mark.parametrize("with_bell", [True, False])
async def test_a_waiting_reader_hears_of_an_append(tmp_path: Path, with_bell: bool) -> None:
    run_dir = tmp_path if with_bell else None
    writer = await SqliteLog.open(tmp_path / "log.db", writer=True, run_dir=run_dir)
    reader = await SqliteLog.open(tmp_path / "log.db", writer=False, run_dir=run_dir)
    waiting = asyncio.create_task(reader.read(0, after=0, limit=10, wait_s=10))
    await asyncio.sleep(0.1)
    await writer.append([record("a")])
    async with asyncio.timeout(0.5 if with_bell else 2):
        assert [each.body for each in await waiting] == [b"a"]
    await reader.close()
    await writer.close()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".bell")]


async def test_a_record_whose_bytes_changed_is_never_served(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await log.append([record("a"), record("b"), record("c")])
    await log.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as db:
        db.execute("update records set body = x'78' where position = 2")
        db.commit()
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    with pytest.raises(CorruptRecord) as corrupt:
        await log.read(0, after=0, limit=10)
    assert corrupt.value.position == 2
    with pytest.raises(CorruptRecord):
        await log.fetch([2])
    assert [each.body for each in await log.fetch([1, 3])] == [b"a", b"c"]
    await log.close()


async def test_a_file_from_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    await (await SqliteLog.open(tmp_path / "log.db", writer=True)).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(SchemaTooNew):
        await SqliteLog.open(tmp_path / "log.db", writer=True)
    with pytest.raises(LogUnavailable):
        await SqliteLog.open(tmp_path / "log.db", writer=False)


async def test_a_url_chooses_the_backend(tmp_path: Path) -> None:
    for url in (f"sqlite:{tmp_path}/log.db", f"sqlite://{tmp_path}/log.db"):
        log = await open_log(url, writer=True)
        await log.append([record("a")])
        await log.close()
    assert (tmp_path / "log.db").exists()
    assert await (await open_log("memory:", writer=True)).end() == 0
    with pytest.raises(ValueError, match="sqlite:PATH"):
        await open_log("nats://localhost", writer=True)


APPEND_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from collector.log import Record
from collector.log.sqlite import SqliteLog

async def keep_appending(log, name):
    for i in range(1_000_000):
        body = f"{sys.argv[2]}/{name}/{i}"
        position = await log.append([Record("", body.encode()), Record("", (body + "+").encode())])
        print(position, body)

async def main():
    log = await SqliteLog.open(Path(sys.argv[1]), writer=True)
    await asyncio.gather(*(keep_appending(log, name) for name in range(8)))

asyncio.run(main())
"""


async def test_whatever_was_acknowledged_before_a_kill_is_there_once(tmp_path: Path) -> None:
    acknowledged: dict[int, str] = {}
    for life in range(4):
        with python(APPEND_FOR_EVER, tmp_path / "log.db", life) as writer:
            assert writer.stdout is not None
            for _ in range(300 + life * 77):
                line = writer.stdout.readline().split()
                acknowledged[int(line[0])] = line[1]
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read()
        for whole in rest.splitlines(keepends=True):
            if whole.endswith("\n"):
                acknowledged[int(whole.split()[0])] = whole.split()[1]
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    stored = {each.position: each.body.decode() for each in await log.read(0, after=0, limit=1_000_000)}
    assert len(acknowledged) > 1500
    for position, body in acknowledged.items():
        assert (stored[position - 1], stored[position]) == (body, f"{body}+")
    assert len(set(stored.values())) == len(stored)
    await log.close()


READ_ALONG = """
import asyncio, sys
from pathlib import Path
from collector.log.sqlite import SqliteLog

async def main():
    log = await SqliteLog.open(Path(sys.argv[1]), writer=False, run_dir=Path(sys.argv[2]))
    print("ready")
    after = 0
    while after < 50:
        for each in await log.read(0, after=after, limit=7, wait_s=20):
            after = each.position
            print(each.position, each.body.decode())
    await log.close()

asyncio.run(main())
"""


async def test_another_process_reads_along_in_order(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True, run_dir=tmp_path)
    with python(READ_ALONG, tmp_path / "log.db", tmp_path) as reader:
        assert reader.stdout is not None
        await asyncio.to_thread(reader.stdout.readline)
        for i in range(1, 51):
            assert await log.append([record(f"r{i}")]) == i
            line = await asyncio.to_thread(reader.stdout.readline)
            assert line == f"{i} r{i}\n"
        assert reader.wait(5) == 0
    await log.close()


async def test_a_write_that_fails_stops_appends_until_one_succeeds(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True, headroom_bytes=0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (1_000_000, before[1])
    )  # writes beyond fail: EFBIG, to SQLite an I/O error
    try:
        answers = await asyncio.gather(*(log.append([large(300_000)]) for _ in range(4)), return_exceptions=True)
        assert {type(each) for each in answers} == {LogUnavailable}
        assert not await log.healthy()
        with pytest.raises(LogUnavailable):
            await log.append([record("small")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    async with asyncio.timeout(15):
        while not await log.healthy():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await log.append([record("again")]) == 1
    assert await bodies(log) == ["again"]
    await log.close()


async def test_closing_a_log_in_trouble_ends_its_attempts(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True, headroom_bytes=1 << 60)
    assert log._writing is not None
    log._stop_appending(log._writing, sqlite3.OperationalError("disk I/O error"))
    await asyncio.sleep(0.4)
    assert not await log.healthy()
    await log.close()
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("log ")] == []


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database, " * 1000)
    for writer in (True, False):
        with pytest.raises(LogUnavailable, match="not a database"):
            await SqliteLog.open(tmp_path / "log.db", writer=writer)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small file system needs root on Linux")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this environment allows no mounts")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # a log that failed may still be open


async def test_a_full_disk_stops_appends_until_there_is_room_again(small_disk: Path) -> None:
    log = await SqliteLog.open(small_disk / "log.db", writer=True, headroom_bytes=300_000)
    acknowledged = [await log.append([record("first")])]
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    with contextlib.suppress(LogUnavailable):
        while True:
            acknowledged.append(await log.append([large(20_000)]))
    assert not await log.healthy()
    with pytest.raises(LogUnavailable):  # latched: not even a small one, which might fit
        await log.append([record("small")])
    await asyncio.sleep(0.6)  # long enough for a probe, which finds no headroom
    assert not await log.healthy()
    assert len(await bodies(log)) == len(acknowledged)

    ballast.unlink()
    async with asyncio.timeout(15):
        while not await log.healthy():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    last = await log.append([record("again")])
    assert last == acknowledged[-1] + 1
    stored = await log.read(0, after=0, limit=10_000)
    assert [each.position for each in stored] == [*acknowledged, last]
    assert stored[-1].body == b"again"
    await log.close()


async def test_on_a_full_disk_what_was_kept_back_serves_erasures_alone(small_disk: Path) -> None:
    log = await SqliteLog.open(small_disk / "log.db", writer=True, headroom_bytes=100_000, reserve_bytes=600_000)
    reserve = small_disk / "log.db.reserve"
    assert reserve.stat().st_blocks * 512 >= 600_000
    first = await log.append([record("secret")])
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(LogUnavailable):
        await log.append([record("x" * 200_000)])
    with pytest.raises(LogUnavailable):
        await log.append_marked([record("x" * 200_000)])

    await log.make_room()
    assert await log.append_marked([record("erase the first")]) == first + 1
    assert await log.erase([first]) == 1
    assert b"secret" not in (small_disk / "log.db").read_bytes()
    await asyncio.sleep(0.6)  # long enough for a probe
    with pytest.raises(LogUnavailable):
        await log.append([record("small")])
    assert reserve.stat().st_size == 0

    ballast.unlink()
    async with asyncio.timeout(15):
        while not await log.healthy():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await bodies(log) == ["erase the first"]
    assert reserve.stat().st_blocks * 512 >= 600_000
    await log.close()


async def test_an_erased_last_record_keeps_its_position_over_a_restart(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    last = await log.append([record("a"), record("b")])
    await log.erase([last])
    await log.close()
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    assert await log.append([record("c")]) == last + 1
    assert await bodies(log) == ["a", "c"]
    await log.close()


async def test_a_disk_with_room_keeps_its_reserve_through_an_erasure(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True, headroom_bytes=0, reserve_bytes=500_000)
    await log.make_room()
    assert (tmp_path / "log.db.reserve").stat().st_size == 500_000
    await log.close()


async def test_all_who_share_a_failed_commit_are_told(small_disk: Path) -> None:
    log = await SqliteLog.open(small_disk / "log.db", writer=True)
    answers = await asyncio.gather(
        log.append([record(f"more than a statement takes, {n}") for n in range(100)]),
        *(log.append([large(100_000)]) for _ in range(40)),
        log.append([record("tiny")]),
        return_exceptions=True,
    )
    assert {type(each) for each in answers} == {LogUnavailable}
    assert await log.count() == 0
    await log.close()
