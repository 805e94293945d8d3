"""`ariane serve`: the server, whole or in parts."""

import os
from pathlib import Path

import click

from collector.runtime.folder import DataFolder
from sessionizer.commands import settings_file
from sessionizer.commands.command import Command
from sessionizer.commands.edge_settings import EDGE, edge_settings
from sessionizer.commands.options import data_options, log_option, store_option
from sessionizer.commands.plan import Logging, Plan, Role, Roles, urls_for


@click.command(cls=Command)
@data_options
@click.option("--host", default="127.0.0.1", show_default=True, envvar="ARIANE_HOST", help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    envvar="ARIANE_PORT",
    help="The port to listen on; 0 finds a free one.",
)
@click.option(
    "--roles",
    type=Roles(),
    default="edge,mind,api",
    show_default=True,
    envvar="ARIANE_ROLES",
    help="What this process does; parts may run in processes of their own.",
)
@log_option
@store_option
@click.option(
    "--edge", "edge", multiple=True, metavar="NAME=VALUE", help="One of the edge's settings; repeat for more."
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="ARIANE_LOG_FORMAT",
    help="How the server writes its own log, on standard error.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    envvar="ARIANE_LOG_LEVEL",
    help="From which level up.",
)
@click.option(
    "--stop-timeout",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    envvar="ARIANE_STOP_TIMEOUT",
    help="How long requests in hand may take when it stops.",
)
@click.pass_context
def serve(
    ctx: click.Context,
    data: Path,
    host: str,
    port: int,
    roles: frozenset[Role],
    log: str | None,
    store: str | None,
    edge: tuple[str, ...],
    log_format: str,
    log_level: str,
    stop_timeout: float,
) -> None:
    """Take events and answer questions, until stopped.

    The first start makes the data folder and its keys. One line on standard output says when everything answers.
    SIGTERM and Ctrl-C finish the requests in hand, then stop.
    """
    from collector.runtime import logs, loop

    folder = DataFolder(data)
    plan = Plan(
        folder=folder,
        roles=roles,
        urls=urls_for(folder, log, store),
        host=host,
        port=port,
        edge=edge_settings(ctx.meta.get(settings_file.META_KEY, {}).get(EDGE, {}), os.environ, edge),
        logging=Logging(log_format, log_level.upper()),
        stop_timeout_s=stop_timeout,
    )
    logs.set_up("json" if log_format == "json" else "text", plan.logging.level)
    folder.create()
    if roles == {Role.MIND}:
        from sessionizer.commands.mind import run_mind

        click.echo(f"Ariane's mind is folding the log. Data in {data.absolute()}.")
        loop.run(run_mind(folder, *plan.urls))
    else:
        from sessionizer.commands.listening import listen

        listener = listen(host, port)
        from sessionizer.commands.http import run_http

        loop.run(run_http(plan, listener, lambda url: click.echo(_ready(url, plan))))


def _ready(url: str, plan: Plan) -> str:
    roles = "" if len(plan.roles) == len(Role) else f" ({','.join(sorted(plan.roles))})"
    root = plan.folder.root
    return f"Ariane{roles} is ready at {url} (data in {root.absolute()}, keys with `ariane keys --data {root}`)"
