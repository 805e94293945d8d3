"""Which log a URL means. The only place that names a backend."""

from pathlib import Path

from collector.log import EventLog
from collector.log.memory import MemoryLog
from collector.log.sqlite import SqliteLog


async def open_log(url: str, *, writer: bool, run_dir: Path | None = None) -> EventLog:
    """Open the log at `sqlite:PATH` (`sqlite:///abs/log.db` and `sqlite:log.db` too) or `memory:`.

    Raises ValueError, saying what there is, for any other URL; and what the backend's own `open` raises.
    """
    scheme, _, rest = url.partition(":")
    match scheme:
        case "sqlite" if rest.strip("/"):
            path = rest.removeprefix("//") if rest.startswith("///") else rest
            return await SqliteLog.open(Path(path), writer=writer, run_dir=run_dir)
        case "memory":
            return MemoryLog()
    raise ValueError(f"no log at {url!r}: the URLs known are sqlite:PATH and memory:")
