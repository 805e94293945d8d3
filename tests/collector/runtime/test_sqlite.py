import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import collector
from collector.runtime.sqlite import (
    SchemaTooNew,
    close_all,
    connect,
    linked_version,
    migrate,
    schema_version,
    transaction,
)

ROOT = Path(collector.__file__).parents[1]


def steps(folder: Path, *sql: str) -> Path:
    folder.mkdir(exist_ok=True)
    for number, each in enumerate(sql, 1):
        (folder / f"{number:04}_step.sql").write_text(each)
    return folder


FIRST = """create table a (x);
create trigger t after insert on a begin
    delete from a where x = 1;
    delete from a where x = 2;
end;"""
SECOND = "-- a semicolon; in a comment\ncreate table b (y)"


async def test_a_schema_is_brought_up_step_by_step_and_only_forward(tmp_path: Path) -> None:
    db = await connect(tmp_path / "a.db", writer=True)
    assert await schema_version(db) == 0
    assert await migrate(db, steps(tmp_path / "one", FIRST)) == 1
    both = steps(tmp_path / "two", FIRST, SECOND)
    assert await migrate(db, both) == 2
    assert await migrate(db, both) == 2
    with pytest.raises(SchemaTooNew):
        await migrate(db, tmp_path / "one")
    await db.close()


async def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    db = await connect(tmp_path / "a.db", writer=True)
    with pytest.raises(sqlite3.Error):
        await migrate(db, steps(tmp_path / "bad", FIRST, "create table c (z); create table a (again);"))
    assert await schema_version(db) == 1
    assert await db.run(lambda raw: [row[0] for row in raw.execute("select name from sqlite_schema order by 1")]) == [
        "a",
        "t",
    ]
    await db.close()


async def test_a_gap_between_the_steps_is_an_error(tmp_path: Path) -> None:
    folder = steps(tmp_path / "gap", FIRST, SECOND)
    (folder / "0001_step.sql").unlink()
    db = await connect(tmp_path / "a.db", writer=True)
    with pytest.raises(ValueError, match="numbered"):
        await migrate(db, folder)
    await db.close()


async def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    db = await connect(tmp_path / "a.db", writer=True)
    await db.execute("create table a (x)")

    def insert(raw: sqlite3.Connection, fail: bool) -> None:
        with transaction(raw):
            raw.execute("insert into a values (1)")
            if fail:
                raise ArithmeticError

    await db.run(insert, False)
    with pytest.raises(ArithmeticError):
        await db.run(insert, True)
    assert await db.run(lambda raw: raw.execute("select count(*) from a").fetchone()[0]) == 1
    await db.close()


async def test_a_reader_cannot_write_and_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await connect(tmp_path / "a.db", writer=False)
    writer = await connect(tmp_path / "a.db", writer=True)
    await writer.execute("create table a (x)")
    reader = await connect(tmp_path / "a.db", writer=False)
    with pytest.raises(sqlite3.OperationalError):
        await reader.execute("insert into a values (1)")
    await close_all(reader, None, writer)


async def test_a_cancelled_wait_does_not_undo_the_work(tmp_path: Path) -> None:
    db = await connect(tmp_path / "a.db", writer=True)
    await db.execute("create table a (x)")
    waiting = asyncio.create_task(db.run(lambda raw: raw.execute("insert into a values (1)") and None))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await db.run(lambda raw: raw.execute("select count(*) from a").fetchone()[0]) == 1
    await db.close()


def test_a_connection_left_open_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from collector.runtime.sqlite import connect

async def main():
    global db
    db = await connect(Path(sys.argv[1]), writer=True)
    raise SystemExit(7)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.db"], cwd=ROOT, timeout=10, check=False, capture_output=True
    )
    assert done.returncode == 7


def test_the_linked_version_is_three_numbers() -> None:
    assert linked_version() >= (3, 22, 0)  # 3.22: the first that reads a WAL database read-only
