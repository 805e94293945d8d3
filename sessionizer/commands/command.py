"""What every command of ours can do: take its options from the settings file too, and fail in one line."""

from pathlib import Path
from typing import Any

import click

from sessionizer.commands import settings_file
from sessionizer.commands.failures import explain


class Command(click.Command):
    """A command with `--data` and `--config`, whose options may stand in `ariane.toml`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the settings file that the arguments point at, then parse them with it as defaults."""
        if not ctx.resilient_parsing and "--help" not in args and "-h" not in args:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            config = self._value_of("config", ctx, given)
            data = self._value_of("data", ctx, given)
            path = config or (data or Path()) / "ariane.toml"
            found = settings_file.read(path, required=config is not None)
            ctx.default_map = settings_file.defaults_for(ctx.info_name or "", found)
            ctx.meta[settings_file.META_KEY] = found
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            failure = explain(error)
            if failure is None:
                raise
            raise failure from error

    def _value_of(self, name: str, ctx: click.Context, given: Any) -> Path | None:
        for each in self.params:
            if each.name == name:
                value, _source = each.consume_value(ctx, given)
                return (
                    Path(value) if isinstance(value, str | Path) else None
                )  # click marks "not set" in a way of its own
        return None
