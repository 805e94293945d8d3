"""`ariane verify`: whether every event is accounted for, and log and store agree."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.erasure import Against, Hasher, read_erased
from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import hasher_of
from sessionizer.commands.options import data_options, json_option, log_option, store_option
from sessionizer.commands.plan import Urls, path_of, urls_for
from sessionizer.commands.progress import Show, progress

EXPORTS = ("profiles", "events", "sessions")


@click.command(cls=Command)
@data_options
@log_option
@store_option
@json_option
@click.option("--deep", is_flag=True, help="Also fold the whole log anew, aside, and compare every export.")
@click.option("--digest", is_flag=True, help="Instead, name the state in one line, to compare two machines.")
def verify(data: Path, log: str | None, store: str | None, as_json: bool, deep: bool, digest: bool) -> None:
    """Check the books, every record's checksum, and that log and store agree.

    received = stored + duplicate + rejected + withheld + suppressed + pending. Changes nothing, and may run beside a
    server. Exits with 1 when something does not add up.
    """
    from collector.runtime import loop

    folder = DataFolder(data)
    urls = urls_for(folder, log, store)
    if not path_of(urls.log).exists():
        raise Failure(f"there is no log at {path_of(urls.log)}", "Give the data folder of your server with --data.")
    if digest:
        if deep:
            raise click.UsageError("--digest names the state and --deep checks it: one at a time.")
        with progress("digesting", unit="rows") as show:
            name = loop.run(_name(folder, urls, show))
        click.echo(msgspec.json.encode(name) if as_json else f"state {name.state}  log {name.log}")
        return
    with progress("verifying", unit="events") as show:
        books = loop.run(_verify(folder, urls, deep, show))
    click.echo(msgspec.json.encode(books) if as_json else _as_text(books))
    if not books.ok:
        click.get_current_context().exit(1)


async def _verify(folder: DataFolder, urls: Urls, deep: bool, show: Show) -> Any:
    from sessionizer.commands.books import Audit, close_books
    from sessionizer.commands.opened import opened_log
    from sessionizer.people import FoldedPeople

    async with opened_log(folder, urls) as log:
        store = await _store_of(urls)
        try:
            async with store.snapshot() as snapshot:
                audit = Audit(snapshot, Against(hasher_of(folder), [read_erased(each) for each in await log.marked()]))
                await audit.run(log, show)
                books = await close_books(
                    audit, snapshot, rejected=await _rejected(folder), **await _counted_by_edge(folder)
                )
            if deep and not books.damaged:
                difference = await _difference(
                    log, hasher_of(folder), FoldedPeople(store, log, hasher_of(folder)), show
                )
                if difference is not None:
                    books.problems.append(difference)
                    books.ok = False
        finally:
            await store.close()
    return books


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


async def _rejected(folder: DataFolder) -> int:
    from sessionizer.commands.redrive import count_refused

    return sum((await count_refused(folder, ())).values())


async def _counted_by_edge(folder: DataFolder) -> dict[str, int]:
    """What only the running server knows; zeros without one."""
    from sessionizer.commands.asking import require_ok, session
    from sessionizer.commands.folders import api_owner

    owner = api_owner(folder)
    if owner is None or owner.url is None:
        return {"withheld": 0, "kept_away": 0}
    from prometheus_client.parser import text_string_to_metric_families

    async with session(owner.url) as http, http.get("/metrics") as response:
        await require_ok(response)
        text = await response.text()
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]

    def total(name: str) -> int:
        return int(sum(each.value for each in samples if each.name == name))

    return {"withheld": total("ariane_events_withheld_total"), "kept_away": total("ariane_events_suppressed_total")}


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


def _as_text(books: Any) -> str:
    columns = ("stored", "duplicate", "rejected", "withheld", "suppressed", "pending")
    said = [f"received {books.received:>14,}"] + [f"  {each:<10} {getattr(books, each):>12,}" for each in columns]
    if books.retraction or books.erasure or books.quarantined:
        said.append(
            f"  (stored: {books.retraction:,} retractions, {books.erasure:,} erasures, "
            f"{books.quarantined:,} set aside as unfoldable)"
        )
    said += [f"damaged record at log position {each}" for each in books.damaged]
    said += [f"PROBLEM: {each}." for each in books.problems] or ["The books balance; log and store agree."]
    return "\n".join(said)
