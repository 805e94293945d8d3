"""`ariane.toml`: every option of every command, and the edge's settings, checked whole before anything starts.

port = 9000              # at the top: this option, for every command that has it
[import]                 # in a command's table: for that command alone
type = "identify"
[edge]                   # the edge's limits and deadlines (collector.settings.EdgeSettings)
max_body_bytes = 1000000
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sessionizer.commands.edge_settings import EDGE, wrong_edge_settings
from sessionizer.commands.failures import Failure

META_KEY = "ariane.settings_file"
"""Where a command's context keeps the file's content."""


def read(path: Path, *, required: bool) -> dict[str, Any]:
    """The file's content, checked; nothing when there is no file. Raises Failure naming all of its mistakes."""
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise Failure(f"there is no settings file {path}", "Check --config.") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not TOML: {error}", "Correct it and try again.") from error
    mistakes = check(document, _all_commands(), data_allowed=required)
    if mistakes:
        listed = "".join(f"\n  {each}" for each in mistakes)
        raise Failure(
            f"{path} has mistakes:{listed}\nNothing was started", "Correct these lines; docs/operations.md lists all."
        )
    return document


def defaults_for(command: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one command as the file sets them, for click's `default_map`."""
    shared = {name: value for name, value in document.items() if not isinstance(value, dict)}
    own = document.get(command, {})
    return {name.replace("-", "_"): value for name, value in {**shared, **own}.items()}


def check(document: Mapping[str, Any], commands: Mapping[str, click.Command], *, data_allowed: bool) -> list[str]:
    """All mistakes, each with the name of its setting."""
    mistakes: list[str] = []
    for name, value in document.items():
        if name == EDGE:
            mistakes += wrong_edge_settings(value)
        elif isinstance(value, dict):
            mistakes += _check_table(name, value, commands)
        elif name == "data" and not data_allowed:
            mistakes.append("data: a file in the data folder cannot say where the data folder is")
        else:
            options = [each for command in commands.values() for each in options_of(command) if each.name == _key(name)]
            mistakes += _check_value(name, value, options)
    return mistakes


def options_of(command: click.Command) -> list[click.Option]:
    """The options that a file may set."""
    return [each for each in command.params if isinstance(each, click.Option) and each.name not in ("config", "help")]


def _check_table(table: str, values: Mapping[str, Any], commands: Mapping[str, click.Command]) -> list[str]:
    if table not in commands:
        return [f"[{table}]: no such table; there are [{EDGE}] and one for each command"]
    mistakes: list[str] = []
    for name, value in values.items():
        options = [each for each in options_of(commands[table]) if each.name == _key(name)]
        mistakes += _check_value(f"{table}.{name}", value, options)
    return mistakes


def _check_value(name: str, value: Any, options: list[click.Option]) -> list[str]:
    """What is wrong with it, if it fits none of the options of this name."""
    if not options:
        return [f"{name}: no such setting"]
    complaints = [each for option in options if (each := _complaint(option, value)) is not None]
    return [f"{name}: {complaints[0]}"] if len(complaints) == len(options) else []


def _complaint(option: click.Option, value: Any) -> str | None:
    if option.multiple and not isinstance(value, list):
        return "must be a list"
    if isinstance(value, list) and not option.multiple:
        return "must be a single value"
    try:
        option.type_cast_value(click.Context(click.Command(None)), value)
    except click.BadParameter as error:
        return error.message
    return None


def _key(name: str) -> str:
    return name.replace("-", "_")


def _all_commands() -> dict[str, click.Command]:
    """Every command by name; asked of the root, so that this file knows no table of its own."""
    context = click.get_current_context().find_root()
    group = context.command
    if not isinstance(group, click.Group):
        return {context.info_name or "": group}
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: each for name, each in found.items() if each is not None}
