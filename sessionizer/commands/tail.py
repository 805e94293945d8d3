"""`ariane tail`: what the running server takes and refuses, as it happens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.options import data_options, json_option, store_option
from sessionizer.commands.plan import path_of, urls_for

COLOURS = {"accepted": "green", "rejected": "red", "withheld": "yellow", "duplicates": "blue", "missed": "magenta"}

WHO = ("user_id", "userId", "anonymous_id", "anonymousId")
"""What shows whose event it is; a refused one is as it was sent."""


@click.command(cls=Command)
@data_options
@store_option
@json_option
def tail(data: Path, store: str | None, as_json: bool) -> None:
    """Show every event as the running server takes, refuses or withholds it, until stopped.

    The mind finds duplicates a moment later than the edge takes events, so they are told as a count of those found
    since the tail began.
    """
    from collector.runtime import loop

    folder = DataFolder(data)
    owner = folder.owner()
    if owner is None or owner.url is None:
        raise Failure(f"no server runs on {data}", "Start one with `ariane serve`, or give its folder with --data.")
    show = _show_json if as_json else _show_pretty
    with contextlib.suppress(KeyboardInterrupt):  # how one stops it
        loop.run(_follow(owner.url, folder, path_of(urls_for(folder, None, store).store), show))


async def _follow(url: str, folder: DataFolder, store: Path, show: Callable[[dict[str, Any]], None]) -> None:
    from sessionizer.commands.asking import require_ok, session, sources_of

    counting = asyncio.create_task(_count_duplicates(folder, store, show), name="count duplicates")
    try:
        async with (
            session(url, bearer=sources_of(folder).api_key) as http,
            http.get("/v1/live", headers={"Accept": "application/x-ndjson"}) as response,
        ):
            await require_ok(response)
            async for line in _lines(response.content):
                show(msgspec.json.decode(line))
        click.echo("ariane: the server has stopped.", err=True)
    finally:
        counting.cancel()
        await asyncio.wait([counting])


async def _lines(content: Any) -> AsyncIterator[bytes]:
    """Lines of any length; aiohttp's own reader has a limit. Empty ones only show that it lives, and are left out."""
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for each in whole:
            if each.strip():
                yield each


async def _count_duplicates(folder: DataFolder, path: Path, show: Callable[[dict[str, Any]], None]) -> None:
    """Tell whenever the mind has found more duplicates than at the start."""
    from sessionizer.store.opening import open_store

    store = await open_store(f"sqlite:{path}", writer=False, run_dir=folder.run)
    try:
        first: int | None = None
        told = 0
        while True:
            heard = store.heard()
            async with store.snapshot() as snapshot:
                found = (await snapshot.counts()).get("duplicate", 0)
            first = found if first is None else first
            if found - first > told:
                told = found - first
                show({"outcome": "duplicates", "count": told})
            await store.wait(1.0, heard)
    finally:
        await store.close()


def _show_json(outcome: dict[str, Any]) -> None:
    click.echo(msgspec.json.encode(outcome))


def _show_pretty(outcome: dict[str, Any]) -> None:
    kind = outcome.get("outcome", "")
    event = outcome.get("event")
    label = click.style(f"{kind:<10}", fg=COLOURS.get(kind))
    if kind in ("duplicates", "missed"):
        since = " since this tail began" if kind == "duplicates" else ""
        click.echo(f"{'':<12} {label} {outcome.get('count', 0)}{since}")
        return
    fields = event if isinstance(event, dict) else {}
    who = (
        fields.get("user_id") or fields.get("userId") or fields.get("anonymous_id") or fields.get("anonymousId") or "-"
    )
    what = " ".join(str(each) for each in (fields.get("type", "-"), fields.get("event") or fields.get("name")) if each)
    derived = fields.get("derived")
    page = (derived.get("page_path") or "") if isinstance(derived, dict) else ""
    why = " ".join(str(each) for each in (outcome.get("reason"), outcome.get("detail")) if each)
    when = str(fields.get("received_at", ""))[11:23]
    told = _printable(f"{outcome.get('source', ''):<12} {what:<28} {who!s:<36} {page} {why}").rstrip()
    click.echo(f"{_printable(when):<12} {label} {told}")


def _printable(text: str) -> str:
    """Text that cannot command a terminal: anybody may name an event."""
    return "".join(each if each.isprintable() else "�" for each in text)
