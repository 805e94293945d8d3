"""The data folder: what lies where in it, and which process it belongs to.

    DATA/ariane.toml    settings, optional          DATA/refused.db   events that did not reach the log
    DATA/sources.toml   sources and their keys      DATA/geo/*.mmdb   geo databases
    DATA/log.db         the event log               DATA/run/         pipes, locks, owner.json of the running server
    DATA/backups.json   where its backups are
    DATA/store.db       what was made of it         DATA/erasure.key  key of the hashes by which erased people are known

Ownership is an flock: the kernel lets go of it however a process ends, so there is nothing stale to clean up. The lock
is never on a database itself. SQLite's own locks are POSIX locks, which a process loses on *all* its descriptors of a
file when it closes *any* of them (https://sqlite.org/howtocorrupt.html, section 2.2).
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from collector.runtime.clock import new_secret, now_ms, to_text


class Taken(Exception):
    """Another process holds this lock. Stop that process (`pid`, where known), or do the work through it."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is held by {f'process {pid}' if pid else 'another process'}")
        self.path = path
        self.pid = pid


class FolderInUse(Exception):
    """A server is running on this data folder. Ask it, at `url` (None while it starts), or stop it."""

    def __init__(self, folder: Path, pid: int | None, url: str | None) -> None:
        where = f" at {url}" if url else ""
        super().__init__(f"{folder} is in use by {f'process {pid}' if pid else 'another process'}{where}")
        self.folder = folder
        self.pid = pid
        self.url = url


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The server that owns a folder, as `run/owner.json` says."""

    pid: int
    url: str | None
    started_at: str


class Lock:
    """An exclusive lock between processes, held from construction to `close()` or the process's end.

    Not inherited by programs the process starts. Raises Taken.
    """

    ATTEMPTS = 5
    """A look at who holds a lock (`holder`) takes it for an instant, so one failure proves nothing."""
    PAUSE_S = 0.02

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not self._acquire():
            pid = _written_pid(self._file)
            os.close(self._file)
            raise Taken(path, pid)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    @classmethod
    def beside(cls, database: Path) -> Self:
        """The lock of the one process that may write this database: `log.db.lock` beside `log.db`."""
        return cls(database.with_name(f"{database.name}.lock"))

    def _acquire(self) -> bool:
        for attempt in range(self.ATTEMPTS):
            if attempt:
                time.sleep(self.PAUSE_S)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
        return False

    @property
    def held(self) -> bool:
        return self._file >= 0

    def close(self) -> None:
        """Let go. Idempotent. The file stays: removing it would let two processes lock two files of one name."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _written_pid(file: int) -> int | None:
    text = os.pread(file, 32, 0).strip()
    return int(text) if text.isdigit() else None


class Ownership:
    """A data folder held by this process; `announce` tells others where to reach it."""

    def __init__(self, folder: "DataFolder", lock: Lock) -> None:
        self._folder = folder
        self._lock = lock

    def announce(self, url: str | None) -> None:
        """Write who we are and where we answer, for commands that look for the running server."""
        owner = Owner(pid=os.getpid(), url=url, started_at=to_text(now_ms()))
        write_atomically(self._folder.owner_file, msgspec.json.encode(owner))

    def close(self) -> None:
        """Give the folder up. Idempotent."""
        if self._lock.held:
            self._folder.owner_file.unlink(missing_ok=True)
        self._lock.close()


class DataFolder:
    """The folder's layout. Making one touches nothing; `create` does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> Self:
        """Make the folder and what it must hold, for its owner's eyes only (0700). An existing one is left as it is.

        On return a power cut takes none of it away: a log that is synced in a folder that is not would go with it.
        """
        fresh = [each for each in (self.root, *self.root.parents) if not each.exists()]
        for each in (self.root, self.run, self.geo):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in (self.root, *fresh):
            sync_names(each)
        with contextlib.suppress(PermissionError):  # whoever gave us a folder in one that we may not read, made it
            sync_names((fresh[-1] if fresh else self.root).absolute().parent)
        return self

    @property
    def settings(self) -> Path:
        return self.root / "ariane.toml"

    @property
    def sources(self) -> Path:
        return self.root / "sources.toml"

    @property
    def log(self) -> Path:
        return self.root / "log.db"

    @property
    def refused(self) -> Path:
        return self.root / "refused.db"

    @property
    def store(self) -> Path:
        return self.root / "store.db"

    @property
    def erasure_key(self) -> Path:
        return self.root / "erasure.key"

    @property
    def backups(self) -> Path:
        """The list of backups made of this folder."""
        return self.root / "backups.json"

    @property
    def backup_lock(self) -> Path:
        """Held while a backup is copied, and while records are erased: never both."""
        return self.run / "backup.lock"

    @property
    def geo(self) -> Path:
        return self.root / "geo"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def lock_file(self) -> Path:
        return self.run / "lock"

    @property
    def owner_file(self) -> Path:
        return self.run / "owner.json"

    @contextlib.contextmanager
    def owned(self, url: str | None = None) -> Iterator[Ownership]:
        """Be the one server on this folder for the block's length. Raises FolderInUse."""
        try:
            lock = Lock(self.lock_file)
        except Taken as taken:
            owner = self._written_owner()
            raise FolderInUse(self.root, taken.pid, owner.url if owner and owner.pid == taken.pid else None) from None
        ownership = Ownership(self, lock)
        try:
            ownership.announce(url)
            yield ownership
        finally:
            ownership.close()

    def owner(self) -> Owner | None:
        """The server running on this folder; None if none is, also when one died and left its note."""
        return self._written_owner() if held(self.lock_file) else None

    def _written_owner(self) -> Owner | None:
        try:
            return msgspec.json.decode(self.owner_file.read_bytes(), type=Owner)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def secret(path: Path, size: int) -> bytes:
    """The key in a file, for its owner's eyes only; drawn when there is none, by whoever comes first."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as writing:
        writing.write(new_secret(size))
        writing.flush()
        os.fsync(writing.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(unfinished, path)
    unfinished.unlink()
    sync_names(path.parent)
    return path.read_bytes()


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file in one step: readers see the old content or the new, never a part.

    On return the new content survives a power cut; one before leaves the old.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(file, "wb") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(writing.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_names(path.parent)


def sync_file(path: Path) -> None:
    """Make what was written to a file survive a power cut, whoever wrote it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder survive a power cut: syncing a file syncs no name."""
    names = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(names)
    finally:
        os.close(names)
