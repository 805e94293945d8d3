"""`ariane sources`: who may send events. Edits `sources.toml`, keeping its comments; a running server notices."""

from pathlib import Path

import click
import msgspec

from sessionizer.commands.command import Command
from sessionizer.commands.folders import open_or_make
from sessionizer.commands.options import data_options, json_option


@click.group()
def sources() -> None:
    """Show and add sources: who may send events, and from where."""


@sources.command("list", cls=Command)
@data_options
@json_option
def list_sources(data: Path, as_json: bool) -> None:
    """Show every source with its public key and origins."""
    from collector.runtime.clock import now_ms
    from collector.sources import SourcesFile

    found = SourcesFile(open_or_make(data).sources).current(now_ms()).sources
    shown = [{"name": each.name, "write_key": each.write_key, "origins": list(each.origins)} for each in found]
    if as_json:
        click.echo(msgspec.json.encode(shown))
        return
    for each in found:
        click.echo(
            f"{each.name:<20} {each.write_key:<38} {', '.join(each.origins) or 'any origin (see ariane doctor)'}"
        )


@sources.command("add", cls=Command)
@data_options
@json_option
@click.option(
    "--origin", "origins", multiple=True, metavar="ORIGIN", help="A web origin that may send; repeat for more."
)
@click.argument("name")
def add_source(data: Path, as_json: bool, origins: tuple[str, ...], name: str) -> None:
    """Add a source with fresh keys; to an existing one, add origins."""
    from sessionizer.commands.sources_file import add

    source = add(open_or_make(data).sources, name, origins)
    if as_json:
        click.echo(msgspec.json.encode(source))
    else:
        click.echo(f"{source.name}: write key {source.write_key}, origins {', '.join(source.origins) or 'any'}.")
