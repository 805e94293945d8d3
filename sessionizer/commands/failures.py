"""Failures that are expected, as one line that says what happened and what to do. Never a traceback."""

import sys
from typing import IO, Any

import click


class Failure(click.ClickException):
    """The command could not do what it was asked. `advice` says what to do about it."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        line = f"ariane: {self.message.rstrip('.')}."
        click.echo(f"{line} {self.advice}".rstrip(), file=file, err=file is None)


def explain(error: Exception) -> Failure | None:
    """The failure that an exception of ours means to whoever typed the command; None when it is a bug."""
    import sqlite3

    from collector.erasure import WrongKey
    from collector.log import CorruptRecord, LogUnavailable
    from collector.runtime.folder import FolderInUse, Taken
    from collector.runtime.sqlite import SchemaTooNew
    from collector.sources import SourcesInvalid
    from sessionizer.store import StoreUnavailable

    aiohttp = sys.modules.get("aiohttp")  # not imported, then not raised
    if aiohttp is not None and isinstance(error, aiohttp.ClientError | TimeoutError):
        what = str(error) or type(error).__name__
        return Failure(f"the running server did not answer as it should: {what}", "See its log, and `ariane doctor`.")
    match error:
        case FolderInUse(url=url):
            return Failure(
                str(error), f"{f'Ask it, at {url},' if url else 'Wait until it has started,'} or stop it first."
            )
        case Taken():
            return Failure(str(error), "Stop that process first, or give another folder with --data.")
        case SourcesInvalid(path=path, mistakes=mistakes):
            return Failure(f"{path} cannot be used: {'; '.join(mistakes)}", "Correct these lines and try again.")
        case WrongKey():
            return Failure(str(error), "Put the folder's own erasure.key back, from a backup.")
        case LogUnavailable() | StoreUnavailable():
            return Failure(str(error), "`ariane doctor` looks at disk, permissions and versions.")
        case CorruptRecord():
            return Failure(str(error), "`ariane verify` lists all damaged records; restore them from a backup.")
        case SchemaTooNew():
            return Failure(
                f"this data folder is newer than this release: {error}", "Install the release that wrote it."
            )
        case sqlite3.Error():
            return Failure(f"a database cannot be used: {error}", "`ariane doctor` looks at disk and permissions.")
        case OSError():
            return Failure(_of_the_system(error), "Check the path, its permissions and the disk.")
    return None


def _of_the_system(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what
