"""`ariane snippet`: the line to paste into a site's pages."""

from html import escape
from pathlib import Path

import click

from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import open_or_make
from sessionizer.commands.options import data_options


@click.command(cls=Command)
@data_options
@click.option("--source", "name", metavar="NAME", envvar="ARIANE_SOURCE", help="Of this source.  [default: the first]")
@click.option("--url", metavar="URL", help="The collector's public address.  [default: the running server's]")
@click.option("--pin", is_flag=True, help="With the scripts' hashes: a browser runs these bytes or none.")
def snippet(data: Path, name: str | None, url: str | None, pin: bool) -> None:
    """Print the line that makes a page send its visits, and beside it (on stderr) the scripts' integrity hashes.

    A pinned page stops sending when the server is upgraded, until the new lines are pasted.
    """
    from collector.runtime.clock import now_ms
    from collector.snippet import FILES, integrity
    from collector.sources import SourcesFile

    folder = open_or_make(data)
    index = SourcesFile(folder.sources).current(now_ms())
    source = index.default if name is None else index.named(name)
    if source is None:
        raise Failure(f"there is no source {name!r}", "`ariane sources list` shows them.")
    owner = folder.owner()
    base = (url or (owner.url if owner else None) or "http://127.0.0.1:8080").rstrip("/")
    hashes = {path: integrity(path) for path in FILES}
    pinned = {path: f' integrity="{value}" crossorigin' if pin else "" for path, value in hashes.items()}
    if pin:
        # What a script loads by itself carries no hash of its own; the browser keeps to that of the preload.
        click.echo(f'<link rel="modulepreload" href="{escape(base)}/t-extras.js"{pinned["/t-extras.js"]}>')
    key = escape(source.write_key)
    click.echo(f'<script defer src="{escape(base)}/t.js" data-write-key="{key}"{pinned["/t.js"]}></script>')
    for path, value in hashes.items():
        click.echo(f"{path}  {value}", err=True)
