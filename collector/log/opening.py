"""Which log a URL means. The only place that names a backend."""

from pathlib import Path

from collector.log import EventLog, sqlite
from collector.log.memory import MemoryLog
from collector.log.sqlite import SqliteLog


async def open_log(url: str, *, writer: bool, run_dir: Path | None = None) -> EventLog:
    """Open the log at `sqlite:PATH` (`sqlite:///abs/log.db` and `sqlite:log.db` too) or `memory:`.

    Raises ValueError, saying what there is, for any other URL; and what the backend's own `open` raises.
    """
    path = _path(url)
    return MemoryLog() if path is None else await SqliteLog.open(path, writer=writer, run_dir=run_dir)


def make_room_to_start(url: str) -> None:
    """On a disk too full to start a server at all, give up what is kept back there for erasures.

    Call it before anything else is made or opened. The log then refuses appends until there is room. Raises OSError.
    """
    path = _path(url)
    if path is not None and path.exists():
        sqlite.make_room_to_start(path)


def _path(url: str) -> Path | None:
    scheme, _, rest = url.partition(":")
    match scheme:
        case "sqlite" if rest.strip("/"):
            return Path(rest.removeprefix("//") if rest.startswith("///") else rest)
        case "memory":
            return None
    raise ValueError(f"no log at {url!r}: the URLs known are sqlite:PATH and memory:")
