"""`ariane restore`: a data folder out of a backup, checked, and with every erasure since carried out on it."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from collector.runtime.folder import DataFolder, sync_names
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import hasher_of
from sessionizer.commands.options import data_options, json_option
from sessionizer.commands.progress import Show, progress

if TYPE_CHECKING:
    from sessionizer.backups import Manifest
    from sessionizer.cleaning import Known


@click.command(cls=Command)
@data_options
@json_option
@click.option(
    "--erasures-of",
    "others",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A data folder or backup that knows of later erasures: these are carried out too; repeat.",
)
@click.argument("backup", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(data: Path, as_json: bool, others: tuple[Path, ...], backup: Path) -> None:
    """Make the data folder --data out of BACKUP.

    Every file is checked first: a torn, truncated or altered backup is refused, and so is a folder that is there
    already. Move yours away first, and name it with --erasures-of: people who were erased since the backup was made
    are erased from what is restored. Erasures that newer backups on the backup's list know of are found without being
    asked. The backup itself stays as it is.
    """
    from collector.runtime import loop
    from sessionizer.backups import NotABackup

    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise Failure(
            f"{data} is there already",
            "Nothing is written over: move it away (and name it with --erasures-of), or give another with --data.",
        )
    try:
        with progress("restoring", unit="files") as show:
            said = _restore(
                backup, data, lambda at, manifest, known: loop.run(_bring_up(at, manifest, (*others, *known))), show
            )
    except NotABackup as error:
        raise Failure(str(error), "Use another backup; nothing was restored.") from error
    if as_json:
        click.echo(msgspec.json.encode(said))
    else:
        click.echo(
            f"Restored {data.absolute()} as it was at {said['made_at']}, up to log position {said['position']:,}; "
            f"{said['erasures']:,} erasures since were carried out. `ariane serve --data {data}` starts it."
        )


def _restore(
    backup: Path, data: Path, bring_up: Callable[[DataFolder, "Manifest", list[Path]], int], show: Show
) -> dict[str, Any]:
    from sessionizer import backups

    manifest = backups.read_manifest(backup)
    unfinished = backups.unfinished(data)
    backups.clear_unfinished(data)
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        _copy(backup, unfinished, manifest, show)
        folder = DataFolder(unfinished).create()
        others = [each for each in backups.known(folder) if each != backup.absolute()]
        backups.remember(folder, backup)
        erasures = bring_up(folder, manifest, [each for each in others if DataFolder(each).log.exists()])
        if data.exists():
            data.rmdir()
        os.rename(unfinished, data)
        sync_names(data.absolute().parent)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    return {"made_at": manifest.made_at, "position": manifest.end, "erasures": erasures}


async def _bring_up(folder: DataFolder, manifest: "Manifest", others: Iterable[Path]) -> int:
    """Carry out the erasures since the backup, and check what that gives; how many. Raises NotABackup."""
    erased = await _erasures_since(folder, manifest, others)
    if erased or manifest.being_erased_from:
        from sessionizer.cleaning import erase_again

        await erase_again(folder, hasher_of(folder), erased, manifest.end)
    await _check(folder)
    return len(erased)


def _copy(backup: Path, into: Path, manifest: "Manifest", show: Show) -> None:
    """Copy every file, and check the copies, so that a bad disk on either side is noticed. Raises NotABackup."""
    from sessionizer import backups

    names = list(manifest.files)
    for name in names:
        if not (backup / name).is_file() or "/" in name:
            raise backups.NotABackup(f"{backup / name} is missing")
    if manifest.being_erased_from:  # broken off, a database may have a WAL that belongs to it
        names += [f"{name}-wal" for name in names if (backup / f"{name}-wal").exists()]
    for name in names:
        shutil.copyfile(backup / name, into / name)
        (into / name).chmod(0o600)
        with (into / name).open("rb") as syncing:
            os.fsync(syncing.fileno())
    for n, _ in enumerate(backups.check(into, manifest), 1):
        show(n, len(manifest.files))


async def _erasures_since(folder: DataFolder, manifest: "Manifest", others: Iterable[Path]) -> "list[Known]":
    """The erasures that others know of and this backup does not, in their order."""
    from collector.log.opening import open_log
    from sessionizer.cleaning import erasures_in, unfinished_in

    found: dict[str, Known] = {}
    for other in dict.fromkeys(others):
        log = await open_log(f"sqlite:{DataFolder(other).log}", writer=False)
        try:
            for each in unfinished_in(await erasures_in(log, hasher_of(folder)), manifest):
                found.setdefault(each.event.message_id, each)
        finally:
            await log.close()
    return sorted(found.values(), key=lambda each: (each.event.timestamp, each.event.message_id))


async def _check(folder: DataFolder) -> None:
    """That log and store belong together. Raises NotABackup."""
    from collector.log.opening import open_log
    from sessionizer.backups import NotABackup
    from sessionizer.books import read_books
    from sessionizer.store.opening import open_store

    log = await open_log(f"sqlite:{folder.log}", writer=False)
    try:
        store = await open_store(f"sqlite:{folder.store}" if folder.store.exists() else "memory:", writer=False)
        try:
            async with store.snapshot() as snapshot:
                problems = list((await read_books(snapshot, log)).problems())
        finally:
            await store.close()
    finally:
        await log.close()
    if problems:
        raise NotABackup(f"the backup's books do not balance: {problems[0]}")
