"""`ariane keys`: the keys of a source, and the key that reads profiles."""

from pathlib import Path

import click
import msgspec

from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import open_or_make
from sessionizer.commands.options import data_options, json_option


@click.command(cls=Command)
@data_options
@json_option
@click.option("--source", "name", metavar="NAME", envvar="ARIANE_SOURCE", help="Of this source.  [default: the first]")
def keys(data: Path, as_json: bool, name: str | None) -> None:
    """Show the keys of a source, and the API key.

    Makes the data folder and its keys when there are none, as `ariane serve` does, and says so.
    """
    from collector.runtime.clock import now_ms
    from collector.sources import SourcesFile

    folder = open_or_make(data)
    index = SourcesFile(folder.sources).current(now_ms())
    source = index.default if name is None else index.named(name)
    if source is None:
        raise Failure(f"there is no source {name!r}", "`ariane sources list` shows them.")
    shown = {
        "write_key": source.write_key,
        "server_key": source.server_key,
        "api_key": index.api_key,
        "identity_secret": source.identity_secret,
    }
    if as_json:
        click.echo(msgspec.json.encode(shown))
        return
    says = {
        "write_key": "public: it goes into pages and apps",
        "server_key": "secret: events sent with it are believed",
        "api_key": "secret: reads profiles",
        "identity_secret": "secret: signs the proofs of who is logged in",
    }
    for each, value in shown.items():
        click.echo(f"{each:<16} {value:<68} {says[each]}")
