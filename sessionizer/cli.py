"""The `ariane` command: its table of contents. What a command does is in `commands/`, one file each."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "serve": "sessionizer.commands.serve:serve",
    "demo": "sessionizer.commands.demo:demo",
    "keys": "sessionizer.commands.keys:keys",
    "snippet": "sessionizer.commands.snippet:snippet",
    "sources": "sessionizer.commands.sources:sources",
    "proof": "sessionizer.commands.proof:proof",
    "tail": "sessionizer.commands.tail:tail",
    "export": "sessionizer.commands.export:export",
    "import": "sessionizer.commands.import_file:import_file",
    "replay": "sessionizer.commands.replay:replay",
    "retract": "sessionizer.commands.retract:retract",
    "erase": "sessionizer.commands.erase:erase",
    "backup": "sessionizer.commands.backup:backup",
    "restore": "sessionizer.commands.restore:restore",
    "redrive": "sessionizer.commands.redrive:redrive",
    "verify": "sessionizer.commands.verify:verify",
    "doctor": "sessionizer.commands.doctor:doctor",
    "geo": "sessionizer.commands.geo:geo",
}
"""Where each command is, in the order in which help lists them."""


class Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ariane", prog_name="ariane")
def ariane() -> None:
    """From clicks to customers you know: collector, sessions, identity and profiles in one.

    Every option can also come from ariane.toml in the data folder, or from the environment: --port from ARIANE_PORT, or
    ARIANE_SERVE_PORT for that command alone. The command line wins.
    """


def main(args: Sequence[str] | None = None) -> Any:
    """The console script. Never returns: exits with the command's status."""
    return ariane.main(args=args, prog_name="ariane", auto_envvar_prefix="ARIANE")


if __name__ == "__main__":
    main()
