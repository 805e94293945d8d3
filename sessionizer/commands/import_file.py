"""`ariane import`: rows of a file as events, by the same rules as live ones, safe to repeat."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands import settings_file
from sessionizer.commands.command import Command
from sessionizer.commands.edge_settings import EDGE, edge_settings
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import open_or_make
from sessionizer.commands.options import data_options, json_option, log_option
from sessionizer.commands.plan import Urls, urls_for
from sessionizer.commands.progress import Show, progress

if TYPE_CHECKING:
    from collector.settings import EdgeSettings
    from sessionizer.commands.sending import Send
    from sessionizer.importing.batches import Batch
    from sessionizer.importing.mapping import Build
    from sessionizer.importing.rows import BadRow, Row

WORTH_A_RATE = 1000
"""Rows from which on a rate says something."""
SHOWN_BAD_ROWS = 20
"""Bad rows told one by one; the rest is counted. `--json` tells all."""
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


class Job(NamedTuple):
    """What to do with which file."""

    file: IO[bytes]
    size_bytes: int | None
    rows: Callable[[IO[str]], Iterator["Row | BadRow"]]
    build: "Build"
    encoding: str


class Outcome(msgspec.Struct, kw_only=True):
    """How it went."""

    rows: int = 0
    accepted: int = 0
    """Events now in the log, those included that it held before."""
    bad: list[dict[str, Any]] = []
    """{"line", "reason"} of each row that is not."""
    seconds: float = 0.0
    position: int | None = None
    """The log position that covers them: read with `After-Position` to see them."""


@click.command("import", cls=Command)
@data_options
@log_option
@json_option
@click.option(
    "--source", metavar="NAME", envvar="ARIANE_SOURCE", help="Whose events they are.  [default: the first source]"
)
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Which column a field is in; repeat.")
@click.option(
    "--constant", "constants", multiple=True, metavar="FIELD=VALUE", help="The same value for every row; repeat."
)
@click.option(
    "--number", "numbers", multiple=True, metavar="FIELD", help="Send this field as a number, not as text; repeat."
)
@click.option(
    "--type", "type_", metavar="TYPE", help="What each row is: track, identify, page …  [default: track with --event]"
)
@click.option("--event", metavar="NAME", help="The name of each row's event, as in --event 'Order Completed'.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "ndjson"]),
    help="What the file is.  [default: by its name; else csv]",
)
@click.option("--columns", metavar="A,B,C", help="The columns' names.  [default: the first line has them]")
@click.option(
    "--delimiter", default=",", show_default=True, help="Between columns: a character, tab, or whitespace (runs of it)."
)
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the file's text.")
@click.option("--timestamp-format", metavar="FORMAT", help="Of times, as strptime has it: %Y%m%d.  [default: RFC 3339]")
@click.option("--timezone", default="UTC", show_default=True, help="Of times that name none: Europe/Paris.")
@click.option("--dry-run", is_flag=True, help="Read and check every row, show the first event, send nothing.")
@click.argument("file", type=click.File("rb"))
@click.pass_context
def import_file(ctx: click.Context, /, data: Path, log: str | None, as_json: bool, **options: Any) -> None:
    """Import the rows of FILE (- for standard input) as events.

    CSV rows need --map, to say which column is what: user_id, anonymous_id, email, phone, external_ids.TYPE, timestamp,
    properties.NAME, traits.NAME … NDJSON lines may be whole events in Segment's spelling instead. Imported events are
    trusted as a server's, whatever their age. A row that cannot be imported is told with its line, and costs no other;
    the exit status is then 1. Rows without a message_id get one made from source, row and its n-th occurrence: exact
    copies each count, and importing a file again changes nothing.

    Through the running server when there is one.
    """
    from collector.runtime import loop
    from collector.runtime.clock import monotonic_s

    folder = open_or_make(data)
    job = _job(options)
    started_s = monotonic_s()
    with progress("checking" if options["dry_run"] else "importing", unit="bytes") as show:
        if options["dry_run"]:
            outcome = _check(job, options["source"] or "default", show)
        else:
            file_settings = ctx.meta.get(settings_file.META_KEY, {}).get(EDGE, {})
            settings = edge_settings(file_settings, os.environ, ())
            urls = urls_for(folder, log, None)
            outcome = loop.run(_import(job, folder, urls, options["source"], settings, show))
    outcome.seconds = round(monotonic_s() - started_s, 3)
    _tell(outcome, as_json=as_json, dry_run=options["dry_run"])
    if outcome.bad:
        ctx.exit(1)


def _job(options: dict[str, Any]) -> Job:
    """What the options say, checked. Raises Failure."""
    from sessionizer.importing.mapping import RowMapping, WrongMapping, assignments, compile_mapping
    from sessionizer.importing.rows import WHITESPACE, read_json_lines, read_separated

    file: IO[bytes] = options["file"]
    name = str(getattr(file, "name", ""))
    is_json = options["format_"] == "ndjson" or (
        options["format_"] is None and name.lower().endswith((".ndjson", ".jsonl", ".json"))
    )
    columns = [each.strip() for each in options["columns"].split(",")] if options["columns"] else None
    delimiter = DELIMITERS.get(options["delimiter"], options["delimiter"])
    if delimiter != WHITESPACE and len(delimiter) != 1:
        raise Failure(f"--delimiter {delimiter}: is no single character", "Write one, or tab, or whitespace.")
    try:
        "".encode(options["encoding"])
        maps = assignments(options["maps"], "--map")
        constants = assignments(options["constants"], "--constant")
        whole = is_json and not maps
        constants = {**_kind(options, maps, constants, whole=whole), **constants}
        mapping = RowMapping(
            maps, constants, frozenset(options["numbers"]), options["timestamp_format"], options["timezone"]
        )
        build = compile_mapping(mapping)
    except LookupError as error:
        raise Failure(str(error), "Give the file's encoding, such as latin-1, with --encoding.") from error
    except WrongMapping as error:
        raise Failure(str(error), "`ariane import --help` explains.") from error
    return Job(
        file=file,
        size_bytes=_size(file),
        rows=read_json_lines if is_json else lambda text: read_separated(text, delimiter=delimiter, columns=columns),
        build=(lambda values: {**build(values), **values}) if whole else build,
        encoding=options["encoding"],
    )


def _kind(options: dict[str, Any], maps: dict[str, str], constants: dict[str, str], *, whole: bool) -> dict[str, str]:
    """The constants that `--type` and `--event` are. Raises Failure when nothing says what a row is."""
    kind = options["type_"] or ("track" if options["event"] else None)
    if not maps and not whole:
        raise Failure("nothing says which column is what", "Give --map FIELD=COLUMN, as in --map user_id=customer.")
    if kind is None and not whole and "type" not in {*maps, *constants}:
        raise Failure("nothing says what a row is", "Give --event 'Order Completed', or --type identify.")
    return {name: value for name, value in (("type", kind), ("event", options["event"])) if value}


def _size(file: IO[bytes]) -> int | None:
    try:
        return os.fstat(file.fileno()).st_size or None
    except (OSError, io.UnsupportedOperation):
        return None


def _batches(job: Job, source: str) -> Iterator["Batch"]:
    from sessionizer.importing.batches import to_batches
    from sessionizer.importing.naming import Namer
    from sessionizer.importing.rows import NoColumns

    text = io.TextIOWrapper(job.file, job.encoding, errors="surrogateescape", newline="")
    try:
        yield from to_batches(job.rows(text), job.build, Namer(source))
    except NoColumns as error:
        raise Failure(str(error), "Name the columns with --columns, or give another file.") from error
    except UnicodeDecodeError as error:
        raise Failure(f"the file is not {job.encoding}: {error}", "Give its encoding with --encoding.") from error
    finally:
        text.detach()  # else the file is closed with it, and cannot say how much of it is done


def _done_bytes(job: Job) -> float:
    return float(job.file.tell()) if job.size_bytes else 0.0


def _check(job: Job, source: str, show: Show) -> Outcome:
    outcome = Outcome(bad=[])
    for batch in _batches(job, source):
        if batch.lines and not outcome.accepted:
            first = msgspec.json.decode(batch.body)["batch"][0]
            click.echo(msgspec.json.format(msgspec.json.encode(first), indent=2), err=True)
        _count(outcome, batch, ())
        show(_done_bytes(job), job.size_bytes)
    return outcome


async def _import(
    job: Job, folder: DataFolder, urls: Urls, source_name: str | None, settings: "EdgeSettings", show: Show
) -> Outcome:
    import asyncio

    from sessionizer.commands.sending import sender

    outcome = Outcome(bad=[])
    async with sender(folder, urls, source_name, settings) as (send, source):
        batches = _batches(job, source)
        batch = next(batches, None)
        while batch is not None:
            sending = asyncio.create_task(_send(send, batch, outcome), name="send a batch")
            try:
                following = await asyncio.to_thread(next, batches, None)  # prepared while this one is under way
            finally:
                await sending
            show(_done_bytes(job), job.size_bytes)
            batch = following
    return outcome


async def _send(send: "Send", batch: "Batch", outcome: Outcome) -> None:
    refused: list[tuple[int, str]] = []
    if batch.lines:
        outcome.position, refused = await send(batch.body)
    _count(outcome, batch, refused)


def _count(outcome: Outcome, batch: "Batch", refused: Sequence[tuple[int, str]]) -> None:
    outcome.rows += len(batch.lines) + len(batch.bad)
    outcome.accepted += len(batch.lines) - len(refused)
    found = [*batch.bad, *((batch.lines[index], reason) for index, reason in refused)]
    outcome.bad += [{"line": line, "reason": reason} for line, reason in sorted(found)]


def _tell(outcome: Outcome, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(outcome))
        return
    for each in outcome.bad[:SHOWN_BAD_ROWS]:
        click.echo(f"line {each['line']}: {each['reason']}", err=True)
    if len(outcome.bad) > SHOWN_BAD_ROWS:
        click.echo(f"… and {len(outcome.bad) - SHOWN_BAD_ROWS} more; --json tells all", err=True)
    rate = f", {outcome.rows / outcome.seconds:,.0f} rows/s" if outcome.rows >= WORTH_A_RATE else ""
    verb = "would be imported" if dry_run else "imported"
    click.echo(
        f"{outcome.rows:,} rows: {outcome.accepted:,} {verb}, {len(outcome.bad):,} not; {outcome.seconds:.1f} s{rate}"
    )
    if outcome.accepted and not dry_run:
        click.echo("A row that was imported before counts once, as it was mapped then.")
