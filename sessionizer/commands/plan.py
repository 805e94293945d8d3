"""What a process of the server is to be: its folder, its roles, where its log and store are. No I/O."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import click

from collector.runtime.folder import DataFolder
from collector.settings import EdgeSettings
from sessionizer.commands.failures import Failure


class Role(StrEnum):
    """A part of the server, which may run in a process of its own."""

    EDGE = "edge"
    """Takes events; owns the log."""
    MIND = "mind"
    """Makes sessions and profiles of them; owns the store."""
    API = "api"
    """Answers questions; owns nothing."""


class Urls(NamedTuple):
    """Where the log and the store are."""

    log: str
    store: str


class Logging(NamedTuple):
    """How a process writes its own log (collector.runtime.logs)."""

    lines: str = "text"
    level: str = "INFO"


class Plan(NamedTuple):
    """Everything `serve` was told."""

    folder: DataFolder
    roles: frozenset[Role]
    urls: Urls
    host: str
    port: int
    edge: EdgeSettings
    logging: Logging
    stop_timeout_s: float


class Roles(click.ParamType[frozenset[Role]]):
    """`edge,mind,api`: some of the roles, in any order."""

    name = "roles"

    def convert(
        self, value: str | frozenset[Role], param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Role]:
        if isinstance(value, frozenset):
            return value
        names = [each.strip() for each in value.split(",") if each.strip()]
        known = [role.value for role in Role]
        unknown = [each for each in names if each not in known]
        if unknown or not names:
            self.fail(f"{', '.join(unknown) or 'nothing'} is no role; there are {', '.join(known)}.", param, ctx)
        return frozenset(Role(each) for each in names)


def urls_for(folder: DataFolder, log: str | None, store: str | None) -> Urls:
    """The given URLs, or the folder's own files. Raises Failure for a backend this release does not have."""
    return Urls(
        _checked("--log", log, folder.log),
        _checked("--store", store, folder.store),
    )


def _checked(option: str, url: str | None, default: Path) -> str:
    if url is None:
        return f"sqlite:{default.absolute()}"
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite" or not rest.strip("/"):
        raise Failure(f"{option} {url}: this release keeps it in SQLite only", "Write sqlite:PATH, or leave it out.")
    path = Path(rest.removeprefix("//") if rest.startswith("///") else rest)
    return f"sqlite:{path.absolute()}"


def path_of(url: str) -> Path:
    """The file of a URL made by `urls_for`."""
    return Path(url.removeprefix("sqlite:"))


def mind_arguments(plan: Plan) -> Sequence[str]:
    """What `commands.mind` is started with, as a program of its own."""
    return (str(plan.folder.root.absolute()), *plan.urls, *plan.logging)
