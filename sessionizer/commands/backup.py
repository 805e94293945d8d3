"""`ariane backup`: a copy of a data folder, made while the server runs.

The store is copied first: it is behind the log, which only grows, so what it has folded in is in the log's copy. Each
database is read in one transaction, so every copy is one moment's state. Writers go on; their WAL grows meanwhile.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.runtime.folder import DataFolder, Lock, sync_names
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.options import data_options, json_option, log_option, store_option
from sessionizer.commands.plan import Urls, path_of, urls_for
from sessionizer.commands.progress import Show, progress

PAGES_A_STEP = 2000


@click.command(cls=Command)
@data_options
@log_option
@store_option
@json_option
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="A new folder to make it in.  [default: backups/TIME in the data folder]",
)
def backup(data: Path, log: str | None, store: str | None, as_json: bool, to: Path | None) -> None:
    """Copy log, store, refused events, keys and settings, while the server runs.

    What was answered with 200 before it began is in it. It appears, under its name, only once it is whole and on disk,
    with the SHA-256 of every file; `ariane restore` checks them. It holds every key and every person's data: nobody but
    you can read it, and you should see that it stays so. The folder remembers where its backups are, and erases people
    from them too; those it cannot reach then are named in the receipt. Geo databases are left out.
    """
    from collector.runtime import loop
    from collector.runtime.clock import now_ms, to_text

    folder = DataFolder(data)
    urls = urls_for(folder, log, store)
    if not path_of(urls.log).exists():
        raise Failure(f"there is no log at {path_of(urls.log)}", "Give the data folder of your server with --data.")
    now = to_text(now_ms())
    target = to or folder.root / "backups" / now[:19].replace(":", "-")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Failure(f"{target} is there already", "Backups are never written over: name a new folder with --to.")
    folder.create()
    with progress("backing up", unit="pages") as show:
        said = _make(folder, urls, target, lambda unfinished: loop.run(_describe(folder, unfinished, now)), show)
    click.echo(msgspec.json.encode(said) if as_json else _as_text(said))


def _make(folder: DataFolder, urls: Urls, target: Path, describe: Callable[[Path], Any], show: Show) -> dict[str, Any]:
    from sessionizer import backups

    unfinished = backups.unfinished(target)
    backups.remember(folder, target)  # before there is anything in it that an erasure may have to find
    try:
        with Lock(folder.backup_lock):
            backups.clear_unfinished(target)
            unfinished.mkdir(mode=0o700, parents=True)
            _copy_all(folder, urls, unfinished, show)
        manifest = describe(unfinished)
        backups.write_manifest(unfinished, manifest)
        os.rename(unfinished, target)
        sync_names(target.absolute().parent)
    except BaseException:
        backups.clear_unfinished(target)
        backups.forget(folder, target)
        raise
    size = sum(each.bytes for each in manifest.files.values())
    return {"path": str(target.absolute()), "made_at": manifest.made_at, "position": manifest.end, "bytes": size}


def _copy_all(folder: DataFolder, urls: Urls, into: Path, show: Show) -> None:
    copy = DataFolder(into)
    for source, target in (
        (path_of(urls.store), copy.store),
        (path_of(urls.log), copy.log),
        (folder.refused, copy.refused),
    ):
        if source.exists():
            copy_database(source, target, show)
    for source in (folder.sources, folder.settings, folder.erasure_key, folder.backups):
        if source.exists():
            shutil.copyfile(source, into / source.name)
            (into / source.name).chmod(0o600)
    for each in into.iterdir():
        _sync(each)


def copy_database(source: Path, copy: Path, show: Show) -> None:
    """A consistent copy of a file that may be in use (https://sqlite.org/backup.html), for its owner's eyes only."""
    copy.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as reading,
        closing(sqlite3.connect(copy)) as writing,
    ):
        # Read in one transaction: between two steps of a backup others write, and it would start over.
        reading.execute("begin")
        reading.execute("select count(*) from sqlite_master").fetchone()
        reading.backup(writing, pages=PAGES_A_STEP, progress=lambda _, left, all_: show(all_ - left, all_))


def _sync(file: Path) -> None:
    with file.open("rb") as syncing:
        os.fsync(syncing.fileno())


async def _describe(folder: DataFolder, copy: Path, now: str) -> Any:
    """The manifest of a copy. Raises Failure when it is not what it should be."""
    from collector.erasure import read_erased
    from collector.event import from_record_lazily
    from collector.log.opening import open_log
    from sessionizer import backups
    from sessionizer.books import read_books
    from sessionizer.cleaning import leave_files_alone
    from sessionizer.store.opening import open_store

    log = await open_log(f"sqlite:{copy / folder.log.name}", writer=False)
    try:
        there = (copy / folder.store.name).exists()
        store = await open_store(f"sqlite:{copy / folder.store.name}" if there else "memory:", writer=False)
        try:
            async with store.snapshot() as snapshot:
                position, books = snapshot.position, await read_books(snapshot, log)
        finally:
            await store.close()
        if problems := list(books.problems()):
            raise Failure(f"this folder's books do not balance: {problems[0]}", "A backup would keep that.")
        erased = [(each, read_erased(each)) for each in await log.marked()]
        gone = [body for body, each in erased if not await log.fetch(each.order.positions)]
        end = await log.end()
    finally:
        await log.close()
    leave_files_alone(copy)
    return backups.Manifest(
        made_at=now,
        end=end,
        position=position,
        erasures=[from_record_lazily(each.body).message_id for each in gone],
        files=backups.described(copy),
    )


def _as_text(said: dict[str, Any]) -> str:
    return (
        f"Backed up to {said['path']}: {said['bytes'] / 1e6:,.1f} MB, up to log position {said['position']:,}. "
        f"`ariane restore {said['path']} --data NEW_FOLDER` brings it back."
    )
