"""Which processes run on a data folder, and where they answer.

The process with the edge holds `run/lock` and writes `run/owner.json` (collector.runtime.folder). The one with the API,
usually the same, holds `run/api.lock` and writes `run/api.json`, so that readers find it when the roles are apart.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec

from collector.erasure import KEY_BYTES, Hasher
from collector.runtime.clock import now_ms, to_text
from collector.runtime.folder import DataFolder, FolderInUse, Lock, Owner, Taken, held, secret, write_atomically

_API_LOCK, _API_NOTE = "api.lock", "api.json"


@contextlib.contextmanager
def api_owned(folder: DataFolder) -> Iterator[Callable[[str], None]]:
    """Be the API of this folder; the function given out tells others its URL. Raises FolderInUse."""
    note = folder.run / _API_NOTE
    try:
        lock = Lock(folder.run / _API_LOCK)
    except Taken as taken:
        owner = api_owner(folder)
        raise FolderInUse(folder.root, taken.pid, owner.url if owner else None) from None

    def announce(url: str) -> None:
        owner = Owner(pid=os.getpid(), url=url, started_at=to_text(now_ms()))
        write_atomically(note, msgspec.json.encode(owner))

    try:
        yield announce
    finally:
        note.unlink(missing_ok=True)
        lock.close()


def api_owner(folder: DataFolder) -> Owner | None:
    """The process that answers the read API; None when none does, or it is still starting."""
    if not held(folder.run / _API_LOCK):
        return None
    try:
        return msgspec.json.decode((folder.run / _API_NOTE).read_bytes(), type=Owner)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def open_or_make(root: Path) -> DataFolder:
    """The data folder; one that is made is mentioned, because it may be a slip of the pen."""
    folder = DataFolder(root)
    if not root.exists():
        click.echo(f"ariane: there was no data folder {root}, so it was made.", err=True)
    return folder.create()


def hasher_of(folder: DataFolder) -> Hasher:
    """What recognises erased people in this folder; its key is drawn when there is none."""
    return Hasher(secret(folder.erasure_key, KEY_BYTES))
