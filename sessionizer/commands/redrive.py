"""`ariane redrive`: refused events, driven in again after what was wrong with them is mended."""

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from collector.runtime.clock import now_ms, to_text
from collector.runtime.folder import DataFolder
from collector.settings import EdgeSettings
from sessionizer.commands import settings_file
from sessionizer.commands.command import Command
from sessionizer.commands.edge_settings import EDGE, edge_settings
from sessionizer.commands.options import data_options, json_option, log_option
from sessionizer.commands.plan import Urls, urls_for
from sessionizer.commands.progress import Show, progress

if TYPE_CHECKING:
    from collector.log import Refusal


@click.command(cls=Command)
@data_options
@log_option
@json_option
@click.pass_context
@click.option(
    "--reason", "reasons", multiple=True, metavar="REASON", help="Only those refused for this; repeat for more."
)
@click.option("--list", "only_list", is_flag=True, help="Only show what was refused, and change nothing.")
@click.option("--trusted", is_flag=True, help="As a server's events. Without it they count as public.")
def redrive(
    ctx: click.Context,
    data: Path,
    log: str | None,
    as_json: bool,
    reasons: tuple[str, ...],
    only_list: bool,
    trusted: bool,
) -> None:
    """Drive refused events in again.

    They go through the edge as if sent now, with the time they first came at where they name none. Those refused again
    are kept again, with the new reason. Not while a server runs: it owns them; --list works at any time.
    """
    from collector.runtime import loop

    folder = DataFolder(data).create()
    settings = edge_settings(ctx.meta.get(settings_file.META_KEY, {}).get(EDGE, {}), os.environ, ())
    with progress("driving in again", unit="events") as show:
        counts = loop.run(
            count_refused(folder, reasons)
            if only_list
            else _redrive(folder, urls_for(folder, log, None), settings, reasons, trusted, show)
        )
    if as_json:
        click.echo(msgspec.json.encode(counts))
    elif not counts:
        click.echo("There are no refused events.")
    else:
        for what, count in sorted(counts.items()):
            click.echo(f"{count:>9,}  {what}")


async def count_refused(folder: DataFolder, reasons: tuple[str, ...]) -> dict[str, int]:
    """How many refused events there are, by reason."""
    from collector.log.refused import SqliteRefused

    if not folder.refused.exists():
        return {}
    refused = await SqliteRefused.open(folder.refused, writer=False)
    counts: Counter[str] = Counter()
    try:
        after = 0
        while page := await refused.read(after, 1000):
            after = page[-1].refusal_id
            counts.update(each.reason for each in page if not reasons or each.reason in reasons)
    finally:
        await refused.close()
    return dict(counts)


async def _redrive(
    folder: DataFolder, urls: Urls, settings: EdgeSettings, reasons: tuple[str, ...], trusted: bool, show: Show
) -> dict[str, int]:
    from sessionizer.commands.opened import owned_edge
    from sessionizer.commands.sending import into

    total = sum((await count_refused(folder, reasons)).values())
    counts: Counter[str] = Counter()
    async with owned_edge(folder, urls, settings) as edge:
        after, newest_ms = 0, now_ms() - 1  # those refused again just now are not driven in for ever
        while page := await edge.refused.read(after, 500):
            after = page[-1].refusal_id
            for refusal in page:
                if refusal.received_at_ms > newest_ms or (reasons and refusal.reason not in reasons):
                    continue
                source = edge.sources.current(now_ms()).named(refusal.source)
                if source is None:
                    counts[f"kept: there is no source {refusal.source}"] += 1
                    continue
                send = into(edge, source.server_key if trusted else source.write_key, again=True)
                _, refused_again = await send(_body(refusal))
                why = refused_again[0][1].partition(":")[0] if refused_again else None
                counts[f"refused again: {why}" if why else "accepted"] += 1
                await edge.refused.settle([refusal.refusal_id])
                show(counts.total(), total)
    return dict(counts)


def _body(refusal: "Refusal") -> bytes:
    """The event as it came, with the time it came at, and an id so that a repetition is found."""
    event = msgspec.json.decode(refusal.body)
    if isinstance(event, dict):
        event.pop("sentAt", None)  # it was sent then, not now: its age would look like a wrong clock
        event.setdefault("timestamp", to_text(refusal.received_at_ms))
        if not event.get("messageId"):
            event["messageId"] = f"redriven-{refusal.received_at_ms}-{refusal.refusal_id}"
    return msgspec.json.encode({"batch": [event]})
