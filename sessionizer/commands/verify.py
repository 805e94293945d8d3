"""`ariane verify`: whether every event is accounted for, and log and store agree."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.erasure import Hasher, read_erased
from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import hasher_of
from sessionizer.commands.options import data_options, json_option, log_option, store_option
from sessionizer.commands.plan import Urls, path_of, urls_for
from sessionizer.commands.progress import Show, progress

EXPORTS = ("profiles", "events", "sessions")


class Verdict(msgspec.Struct, kw_only=True):
    """What was found, beside the books themselves."""

    damaged: list[int]
    """Log positions whose record does not match its checksum."""
    problems: list[str]
    """What does not add up, each with what to do."""
    ok: bool = True


@click.command(cls=Command)
@data_options
@log_option
@store_option
@json_option
@click.option("--books", "only_books", is_flag=True, help="Only the books: one quick, consistent look.")
@click.option("--deep", is_flag=True, help="Also fold the whole log anew, aside, and compare every export.")
@click.option("--digest", is_flag=True, help="Instead, name the state in one line, to compare two machines.")
@click.option("--completeness", is_flag=True, help="Instead, say for each day how much of what browsers tracked came.")
def verify(
    data: Path,
    log: str | None,
    store: str | None,
    as_json: bool,
    only_books: bool,
    deep: bool,
    digest: bool,
    completeness: bool,
) -> None:
    """Check the books, every record's checksum, and that log and store agree.

    received = stored + duplicate + rejected + withheld + suppressed + pending, at any moment. Changes nothing, and may
    run beside a server. Exits with 1 when something does not add up.
    """
    from collector.runtime import loop

    folder = DataFolder(data)
    urls = urls_for(folder, log, store)
    if not path_of(urls.log).exists():
        raise Failure(f"there is no log at {path_of(urls.log)}", "Give the data folder of your server with --data.")
    if only_books + deep + digest + completeness > 1:
        raise click.UsageError("--books, --deep, --digest and --completeness are different looks: one at a time.")
    if completeness:
        with progress("counting", unit="events") as show:
            days = loop.run(_completeness(folder, urls, show))
        click.echo(msgspec.json.encode(days) if as_json else _days_as_text(days))
        return
    if digest:
        with progress("digesting", unit="rows") as show:
            name = loop.run(_name(folder, urls, show))
        click.echo(msgspec.json.encode(name) if as_json else f"state {name.state}  log {name.log}")
        return
    with progress("verifying", unit="events") as show:
        books, verdict = loop.run(_verify(folder, urls, only_books, deep, show))
    if as_json:
        click.echo(msgspec.json.encode(msgspec.to_builtins(books) | msgspec.to_builtins(verdict)))
    else:
        click.echo(_as_text(books, verdict, only_books))
    if not verdict.ok:
        click.get_current_context().exit(1)


async def _verify(folder: DataFolder, urls: Urls, only_books: bool, deep: bool, show: Show) -> tuple[Any, Verdict]:
    from sessionizer.books import read_books
    from sessionizer.commands.audit import Audit
    from sessionizer.commands.opened import opened_log
    from sessionizer.people import FoldedPeople

    async with opened_log(folder, urls) as log:
        store = await _store_of(urls)
        try:
            async with store.snapshot() as snapshot:
                books = await read_books(snapshot, log)
                verdict = Verdict(damaged=[], problems=list(books.problems()))
                if not only_books:
                    audit = Audit(snapshot, hasher_of(folder), [read_erased(each) for each in await log.marked()])
                    await audit.run(log, show)
                    verdict.damaged = audit.damaged
                    verdict.problems += audit.problems(books)
            if deep and not verdict.damaged:
                hasher = hasher_of(folder)
                difference = await _difference(log, hasher, FoldedPeople(store, log, hasher), show)
                verdict.problems += [difference] if difference is not None else []
        finally:
            await store.close()
    verdict.ok = not verdict.problems
    return books, verdict


async def _completeness(folder: DataFolder, urls: Urls, show: Show) -> Any:
    from sessionizer.commands.completeness import read_completeness
    from sessionizer.commands.opened import opened_log

    async with opened_log(folder, urls) as log:
        return await read_completeness(log, show)


def _days_as_text(days: Any) -> str:
    lines = [
        f"{day} {each.arrived:>12,} arrived {each.missing:>8,} missing {each.share:>8.2%}" for day, each in days.items()
    ]
    return "\n".join(lines) or "No event carries a number: the tracker numbers a tab's events, other senders do not."


async def _name(folder: DataFolder, urls: Urls, show: Show) -> Any:
    """The digests of the state. Raises Failure while events are pending, for then they would say little."""
    from sessionizer.commands.digests import digest_of
    from sessionizer.commands.opened import opened_log

    async with opened_log(folder, urls) as log:
        store = await _store_of(urls)
        try:
            async with store.snapshot() as snapshot:
                behind = await log.end() - snapshot.position
                if behind:
                    advice = "Wait for the mind and try again; when none runs, run `ariane export` once."
                    raise Failure(f"{behind:,} positions of the log are not folded in yet", advice)
                if waiting := (await snapshot.sizes())["waiting"]:
                    advice = "Wait for the mind and try again; when none runs, run `ariane export` once."
                    raise Failure(f"{waiting:,} visitors wait to be folded again after a proof or retraction", advice)
                return await digest_of(snapshot, log, show)
        finally:
            await store.close()


async def _store_of(urls: Urls) -> Any:
    """The store to read; an empty one in memory when the mind has made none yet."""
    from sessionizer.store.opening import open_store

    path = path_of(urls.store)
    return await open_store(urls.store if path.exists() else "memory:", writer=False)


async def _difference(log: Any, hasher: Hasher, people: Any, show: Show) -> str | None:
    """What differs between the store and the log folded anew; None when nothing does."""
    from sessionizer.commands.rebuilding import rebuild
    from sessionizer.people import FoldedPeople
    from sessionizer.store.opening import open_store

    if await people.position() != await log.end():
        return "the mind is behind, so nothing was compared: wait until nothing is pending, or run `ariane export` once"
    with tempfile.TemporaryDirectory(prefix="ariane-verify-") as aside:
        path = Path(aside) / "store.db"
        await rebuild(log, hasher, path, None, show)
        anew = FoldedPeople(await open_store(f"sqlite:{path}", writer=False), log, hasher)
        try:
            for what in EXPORTS:
                if await _digest(people, what) != await _digest(anew, what):
                    return f"the {what} differ from those folded anew from the log: run `ariane replay`, and report it"
        finally:
            await anew.close()
    return None


async def _digest(people: Any, what: str) -> str:
    digest = hashlib.sha256()
    async for chunk in people.export(what):
        digest.update(chunk)
    return digest.hexdigest()


def _as_text(books: Any, verdict: Verdict, only_books: bool) -> str:
    received, *columns = books.columns().items()
    said = ["{} {:>14,}".format(*received)] + [f"  {name:<10} {count:>12,}" for name, count in columns]
    among = {
        "retractions": books.retraction,
        "erasures": books.erasure,
        "set aside as unfoldable": books.quarantined,
        "erased since": books.erased,
    }
    if any(among.values()):
        said.append(f"  (stored: {', '.join(f'{count:,} {what}' for what, count in among.items() if count)})")
    said += [f"damaged record at log position {each}" for each in verdict.damaged]
    if verdict.problems:
        said += [f"PROBLEM: {each}." for each in verdict.problems]
    else:
        said.append("The books balance." if only_books else "The books balance; log and store agree.")
    return "\n".join(said)
