"""`ariane export`: everything of one kind, as the export endpoints give it, or as a table."""

import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import IO

import click

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import api_owner
from sessionizer.commands.options import data_options, log_option, store_option
from sessionizer.commands.plan import Urls, urls_for
from sessionizer.commands.progress import Show, progress

FORMATS = ("ndjson", "csv", "parquet")


@click.command(cls=Command)
@data_options
@log_option
@store_option
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="ndjson", show_default=True, help="How rows are written."
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.  [default: standard output]"
)
@click.argument("what", type=click.Choice(["profiles", "events", "sessions", "person"]))
@click.argument("who", required=False, metavar="[WHO]")
def export(
    data: Path, log: str | None, store: str | None, format_: str, output: Path | None, what: str, who: str | None
) -> None:
    """Write all profiles, events or sessions; or everything about one person.

    `person WHO` (type:value, such as email:ada@example.com) gives one JSON document: profile, identity with its
    evidence, sessions, events, and refused events that name them.

    Everything accepted so far is in it. Through the running server when there is one; else the folder is brought up to
    date first. The same state gives the same bytes. csv and parquet lay nested values flat (docs/operations.md). A file
    appears only once it is complete.
    """
    from collector.runtime import loop
    from sessionizer.tabular.writers import ParquetMissing, make_writer

    folder = DataFolder(data)
    if not folder.sources.exists():
        raise Failure(f"{data} is no data folder", "Give the one of your server with --data.")
    if (what == "person") != (who is not None):
        raise click.UsageError("`person` takes one WHO (type:value), all else takes none")
    if who is not None:
        _export_person(folder, urls_for(folder, log, store), who, format_, output)
        return
    with _target(output) as file, progress(f"exporting {what}", unit="rows") as show:
        try:
            writer = make_writer(format_, what, file)
        except ParquetMissing:
            raise Failure("Parquet needs pyarrow, which is not installed", "pip install 'ariane[parquet]'") from None
        loop.run(_export(folder, urls_for(folder, log, store), what, writer.write, show))
        writer.close()


def _export_person(folder: DataFolder, urls: Urls, who: str, format_: str, output: Path | None) -> None:
    import msgspec

    from collector.runtime import loop
    from sessionizer.api.parameters import read_who
    from sessionizer.commands.one_person import about

    named = read_who(who)
    if format_ != "ndjson" or named is None:
        raise click.UsageError("a person is named type:value, and is written as JSON only")
    with progress("exporting a person", unit="events") as show:
        document = msgspec.json.encode(loop.run(about(folder, urls, named, show)))
    with _target(output) as file:
        file.write(document + b"\n")


async def _export(folder: DataFolder, urls: Urls, what: str, write: Callable[[bytes], None], show: Show) -> None:
    done = 0
    async with contextlib.aclosing(_chunks(folder, urls, what, show)) as chunks:
        async for chunk, total in chunks:
            write(chunk)
            done += chunk.count(b"\n")
            show(done, total)


async def _chunks(
    folder: DataFolder, urls: Urls, what: str, show: Show
) -> AsyncGenerator[tuple[bytes, int | None], None]:
    """Chunks of whole lines, each with the number of rows to come in all, where known."""
    owner = api_owner(folder)
    if owner is not None and owner.url is not None:
        async for chunk in _from_server(owner.url, folder, urls, what):
            yield chunk, None
        return
    from sessionizer.commands.opened import opened_people

    async with opened_people(folder, urls, show) as people:
        total = await people.size(what)
        async with contextlib.aclosing(people.export(what)) as chunks:
            async for chunk in chunks:
                yield chunk, total


async def _from_server(url: str, folder: DataFolder, urls: Urls, what: str) -> AsyncGenerator[bytes, None]:
    from sessionizer.commands.asking import require_ok, session, sources_of
    from sessionizer.commands.opened import opened_log

    async with opened_log(folder, urls) as log:
        end = await log.end()
    async with session(url, bearer=sources_of(folder).api_key) as http:
        while True:
            async with http.get(f"/v1/export/{what}", headers={"After-Position": str(end)}) as response:
                if response.status == 504:  # the mind is behind, and getting on
                    continue
                await require_ok(response)
                rest = b""
                async for piece in response.content.iter_any():
                    whole, newline, rest_ = (rest + piece).rpartition(b"\n")
                    rest = rest_
                    if newline:
                        yield whole + newline
                return


@contextlib.contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that takes its name when the block ends well."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        os.replace(unfinished, output)
    finally:
        unfinished.unlink(missing_ok=True)
