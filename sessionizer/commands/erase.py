"""`ariane erase`: erase a person for good."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import api_owner
from sessionizer.commands.options import data_options, json_option, log_option, store_option
from sessionizer.commands.plan import Urls, urls_for

if TYPE_CHECKING:
    from collector.settings import EdgeSettings


@click.command(cls=Command)
@data_options
@log_option
@store_option
@json_option
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@click.argument("who", metavar="WHO")
def erase(data: Path, log: str | None, store: str | None, as_json: bool, yes: bool, who: str) -> None:
    """Erase the person called WHO (type:value, such as email:ada@example.com), for good.

    Every event of theirs leaves the log, the store and the refused events. Late and repeated ones are kept away; what
    the same person does from now on begins a new profile. Nobody else changes. Through the running server when there is
    one. It cannot be undone.
    """
    from collector.runtime import loop
    from collector.settings import EdgeSettings

    folder = DataFolder(data)
    if not folder.sources.exists():
        raise Failure(f"{data} is no data folder", "Give the one of your server with --data.")
    if not yes:
        click.confirm(f"Erase {who} for good?", abort=True)
    owner = api_owner(folder)
    if owner is not None and owner.url is not None:
        receipt = loop.run(_through_server(owner.url, folder, who))
    else:
        receipt = loop.run(_here(folder, urls_for(folder, log, store), EdgeSettings(), who))
    if as_json:
        click.echo(msgspec.json.encode(receipt))
    else:
        erased = receipt["erased"]
        click.echo(
            f"Erased {erased['events']:,} events, {erased['sessions']:,} sessions, "
            f"{erased['refused']:,} refused events; {erased['identifiers']:,} identifiers are kept away. "
            f"Receipt: {receipt['erasure_id']}."
        )
        for each in receipt["backups"]:
            if not each["clean"]:
                click.echo(f"NOT erased from the backup {each['path']}, which is tried again later: {each['why']}.")


async def _through_server(url: str, folder: DataFolder, who: str) -> Any:
    from sessionizer.commands.asking import require_ok, session, sources_of

    path = f"/v1/profiles/{quote(who, safe='')}"
    async with session(url, bearer=sources_of(folder).api_key) as http, http.delete(path) as response:
        if response.status == 404:
            raise _nobody(who)
        await require_ok(response)
        return await response.json()


async def _here(folder: DataFolder, urls: Urls, settings: "EdgeSettings", who: str) -> Any:
    from sessionizer.api.parameters import read_who
    from sessionizer.commands.opened import owned_eraser

    named = read_who(who)
    async with owned_eraser(folder, urls, settings) as eraser:
        done = await eraser.erase(named) if named is not None else None
        if done is None:
            raise _nobody(who)
        return msgspec.to_builtins(done.receipt)


def _nobody(who: str) -> Failure:
    return Failure(f"nobody is called {who}", "Name a person as type:value, such as user_id:42.")
