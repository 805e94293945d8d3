"""`ariane replay`: everything derived, derived anew from the log."""

import os
import shutil
from pathlib import Path

import click

from collector.runtime.folder import DataFolder
from sessionizer.commands.backup import copy_database
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import api_owned, hasher_of
from sessionizer.commands.options import data_options, log_option, store_option
from sessionizer.commands.plan import Urls, path_of, urls_for
from sessionizer.commands.progress import Show, progress


@click.command(cls=Command)
@data_options
@log_option
@store_option
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Make a complete data folder of its own there, log included, and leave this one alone.",
)
def replay(data: Path, log: str | None, store: str | None, into: Path | None) -> None:
    """Rebuild every session and profile from the log.

    Without --into the new store takes the old one's place in one step, when it is complete; no server may run
    meanwhile. With --into a server may run: what it has stored so far is copied.
    """
    from collector.runtime import loop

    folder = DataFolder(data)
    urls = urls_for(folder, log, store)
    if not path_of(urls.log).exists():
        raise Failure(f"there is no log at {path_of(urls.log)}", "Give the data folder of your server with --data.")
    with progress("replaying", unit="events") as show:
        if into is None:
            count = loop.run(_in_place(folder, urls, show))
        else:
            count = loop.run(_into(folder, urls, _empty(into), show))
    click.echo(f"Rebuilt {into or data} from {count:,} records of the log.")


async def _in_place(folder: DataFolder, urls: Urls, show: Show) -> int:
    from collector.runtime.folder import Lock
    from sessionizer.commands.opened import opened_log
    from sessionizer.commands.rebuilding import earlier_state, rebuild, remove_database

    path = path_of(urls.store)
    fresh = path.with_name(f"{path.name}.replay")
    with folder.create().owned(), api_owned(folder):  # an API would go on reading the store that is replaced
        async with earlier_state(path, writer=True) as earlier, opened_log(folder, urls) as log:
            remove_database(fresh)
            count = await rebuild(log, hasher_of(folder), fresh, earlier, show)
        with Lock.beside(path):
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            os.replace(fresh, path)
    return count


async def _into(folder: DataFolder, urls: Urls, target: DataFolder, show: Show) -> int:
    from sessionizer.commands.opened import opened_log
    from sessionizer.commands.rebuilding import earlier_state, rebuild

    async with earlier_state(path_of(urls.store), writer=False) as earlier:  # before the log, which must be no older
        copy_database(path_of(urls.log), target.log, show)
        if folder.refused.exists():
            copy_database(folder.refused, target.refused, show)
        for source, copy in (
            (folder.sources, target.sources),
            (folder.settings, target.settings),
            (folder.erasure_key, target.erasure_key),
        ):
            if source.exists():
                shutil.copy2(source, copy)
        for each in folder.geo.glob("*.mmdb"):
            shutil.copy2(each, target.geo / each.name)
        async with opened_log(target, urls_for(target, None, None)) as log:
            return await rebuild(log, hasher_of(target), target.store, earlier, show)


def _empty(into: Path) -> DataFolder:
    if into.exists() and any(into.iterdir()):
        raise Failure(f"{into} is not empty", "Give a new folder, or an empty one.")
    return DataFolder(into).create()
