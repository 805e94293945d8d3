"""`ariane retract`: take back what messages said about who somebody is."""

from pathlib import Path
from typing import Any

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.folders import api_owner
from sessionizer.commands.options import data_options, json_option, log_option
from sessionizer.commands.plan import urls_for


@click.command(cls=Command)
@data_options
@log_option
@json_option
@click.option("--reason", required=True, help="Why; it is kept with the retraction.")
@click.argument("message_ids", nargs=-1, required=True, metavar="MESSAGE_ID...")
def retract(data: Path, log: str | None, as_json: bool, reason: str, message_ids: tuple[str, ...]) -> None:
    """Take back what these messages said about identity.

    The events stay; users, contacts, aliases and proofs in them count no more, as if they had never been said. Through
    the running server when there is one.
    """
    from collector.runtime import loop

    folder = DataFolder(data)
    unique = list(dict.fromkeys(message_ids))
    owner = api_owner(folder)
    if owner is not None and owner.url is not None:
        answer = loop.run(_through_server(owner.url, folder, unique, reason))
    else:
        answer = loop.run(_into_log(folder, log, unique, reason))
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo(
            f"Retracted {len(unique)} message{'s' if len(unique) > 1 else ''} at log position {answer['position']}."
        )


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
