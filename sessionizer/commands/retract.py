"""`ariane retract`: take back what messages said about who somebody is."""

from pathlib import Path
from typing import Any

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.dry_runs import as_text
from sessionizer.commands.folders import api_owner
from sessionizer.commands.options import data_options, json_option, log_option
from sessionizer.commands.plan import urls_for
from sessionizer.views import DryRun


@click.command(cls=Command)
@data_options
@log_option
@json_option
@click.option("--reason", help="Why; it is kept with the retraction.  [required, but for a dry run]")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.argument("message_ids", nargs=-1, required=True, metavar="MESSAGE_ID...")
def retract(
    data: Path, log: str | None, as_json: bool, reason: str | None, dry_run: bool, message_ids: tuple[str, ...]
) -> None:
    """Take back what these messages said about identity.

    The events stay; users, contacts, aliases and proofs in them count no more, as if they had never been said. Through
    the running server when there is one.
    """
    from collector.runtime import loop

    folder = DataFolder(data)
    unique = list(dict.fromkeys(message_ids))
    owner = api_owner(folder)
    url = owner.url if owner is not None else None
    if dry_run:
        told = loop.run(_try_out(folder, log, url, unique))
        click.echo(msgspec.json.encode(told) if as_json else as_text(told))
        return
    if reason is None:
        raise click.UsageError("Say why with --reason; or look first, with --dry-run.")
    if url is not None:
        answer = loop.run(_through_server(url, folder, unique, reason))
    else:
        answer = loop.run(_into_log(folder, log, unique, reason))
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo(
            f"Retracted {len(unique)} message{'s' if len(unique) > 1 else ''} at log position {answer['position']}."
        )


async def _try_out(folder: DataFolder, log_url: str | None, url: str | None, message_ids: list[str]) -> DryRun:
    """What a retraction would change: as the running server says, else the folder itself, brought up to date."""
    if url is not None:
        from sessionizer.commands.asking import require_ok, session, sources_of

        body = {"retract": message_ids}
        async with (
            session(url, bearer=sources_of(folder).api_key) as http,
            http.post("/v1/identity/dry-runs", json=body) as response,
        ):
            await require_ok(response)
            return msgspec.json.decode(await response.read(), type=DryRun)
    from collector.runtime import clock
    from sessionizer.api.retractions import retraction
    from sessionizer.commands.opened import opened_people

    event = retraction(message_ids, "", message_id=clock.new_id(), now_ms=clock.now_ms())
    async with opened_people(folder, urls_for(folder, log_url, None)) as people:
        return await people.dry_run(event)


async def _through_server(url: str, folder: DataFolder, message_ids: list[str], reason: str) -> dict[str, Any]:
    from sessionizer.commands.asking import require_ok, session, sources_of

    async with session(url, bearer=sources_of(folder).api_key) as http:
        body = {"message_ids": message_ids, "reason": reason}
        async with http.post("/v1/identity/retractions", json=body) as response:
            await require_ok(response)
            said = await response.json()
            return {"message_id": said["message_id"], "position": int(response.headers["Log-Position"])}


async def _into_log(folder: DataFolder, log_url: str | None, message_ids: list[str], reason: str) -> dict[str, Any]:
    from collector.runtime.clock import now_ms
    from sessionizer.api.retractions import retract_into
    from sessionizer.commands.opened import owned_log

    async with owned_log(folder.create(), urls_for(folder, log_url, None)) as log:
        kept = await retract_into(log)(message_ids, reason, now_ms())
        return {"message_id": kept.message_id, "position": kept.position}
