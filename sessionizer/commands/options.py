"""Options that several commands share, so that they are spelled and explained once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_DATA = "data"


def data_options(function: F) -> F:
    """`--data` and `--config`; the command gets `data: Path`."""
    data = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_DATA,
        show_default=True,
        envvar="ARIANE_DATA",
        help="The data folder.",
    )
    config = click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="ARIANE_CONFIG",
        expose_value=False,
        help="The settings file.  [default: ariane.toml in the data folder]",
    )
    return data(config(function))


def json_option(function: F) -> F:
    """`--json`; the command gets `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, envvar="ARIANE_JSON", help="Answer in JSON, for scripts.")(
        function
    )


def log_option(function: F) -> F:
    """`--log URL`; the command gets `log: str | None`."""
    return click.option(
        "--log", metavar="URL", envvar="ARIANE_LOG", help="The event log.  [default: sqlite:log.db in the data folder]"
    )(function)


def store_option(function: F) -> F:
    """`--store URL`; the command gets `store: str | None`."""
    return click.option(
        "--store", metavar="URL", envvar="ARIANE_STORE", help="The profile store.  [default: sqlite:store.db there]"
    )(function)
