"""Which store a URL means. The only place that names a backend."""

from pathlib import Path

from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.store.sqlite import SqliteStore


async def open_store(url: str, *, writer: bool, run_dir: Path | None = None, unsynced: bool = False) -> ProfileStore:
    """Open the store at `sqlite:PATH` (`sqlite:///abs/store.db` and `sqlite:store.db` too) or `memory:`.

    `unsynced`: for one that counts for nothing until it is complete, and then is synced by whoever made it.

    Raises ValueError, saying what there is, for any other URL; and what the backend's own `open` raises.
    """
    scheme, _, rest = url.partition(":")
    match scheme:
        case "sqlite" if rest.strip("/"):
            path = rest.removeprefix("//") if rest.startswith("///") else rest
            return await SqliteStore.open(Path(path), writer=writer, run_dir=run_dir, unsynced=unsynced)
        case "memory":
            return MemoryStore()
    raise ValueError(f"no profile store at {url!r}: the URLs known are sqlite:PATH and memory:")
