"""`ariane doctor`: looks over the whole installation, and says what to do."""

from pathlib import Path

import click
import msgspec

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.options import data_options, json_option, log_option, store_option
from sessionizer.commands.plan import urls_for

COLOURS = {"ok": "green", "note": "blue", "warning": "yellow", "error": "red"}


@click.command(cls=Command)
@data_options
@log_option
@store_option
@json_option
def doctor(data: Path, log: str | None, store: str | None, as_json: bool) -> None:
    """Check versions, disk, permissions, clocks, keys, origins, geo database, server and mind.

    Changes nothing. Exits with 1 when there is an error; warnings and notes are advice.
    """
    from collector.runtime import loop
    from sessionizer.commands.checkup import examine

    folder = DataFolder(data)
    findings = loop.run(examine(folder, urls_for(folder, log, store)))
    errors = [each for each in findings if each.level == "error"]
    if as_json:
        click.echo(msgspec.json.encode({"ok": not errors, "findings": findings}))
    else:
        for each in findings:
            label = click.style(f"{each.level:<8}", fg=COLOURS[each.level])
            click.echo(f"{label} {each.subject:<12} {each.says}")
            if each.advice:
                click.echo(f"{'':<21} {each.advice}")
    if errors:
        click.get_current_context().exit(1)
