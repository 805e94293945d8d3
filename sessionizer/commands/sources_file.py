"""Changes to `sources.toml`: read, changed, checked whole, and only then put in its place."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import tomlkit

from collector.runtime.clock import now_ms
from collector.runtime.folder import write_atomically
from collector.sources import Source, SourcesFile, SourcesInvalid, load, new_source
from sessionizer.commands.failures import Failure


def add(path: Path, name: str, origins: Sequence[str]) -> Source:
    """Add a source with fresh keys, or origins to the source of this name. Raises Failure, SourcesInvalid."""
    index = SourcesFile(path).current(now_ms())
    known = index.named(name)
    if known is not None and not set(origins) - set(known.origins):
        raise Failure(f"there is a source {name!r} already", "Give new origins with --origin, or another name.")
    document = tomlkit.parse(path.read_text("utf-8"))
    tables = document["sources"]
    assert isinstance(tables, tomlkit.items.AoT)
    if known is None:
        tables.append(_table(new_source(name, origins)))
    else:
        table = next(each for each in tables if each["name"] == name)
        table["origins"] = [*known.origins, *(each for each in origins if each not in known.origins)]
    _replace(path, tomlkit.dumps(document))
    changed = SourcesFile(path).current(now_ms()).named(name)
    assert changed is not None
    return changed


def _table(source: Source) -> tomlkit.items.Table:
    table = tomlkit.table()
    for name, value in msgspec.to_builtins(source).items():
        if name in ("name", "write_key", "server_key", "identity_secret", "origins"):
            table.add(name, list(value) if isinstance(value, tuple | list) else value)
    return table


def _replace(path: Path, text: str) -> None:
    """Put the new text in place, if it can be read. Raises Failure with its mistakes."""
    trial = path.with_name(f".{path.name}.trial")
    write_atomically(trial, text.encode())
    try:
        load(trial)
    except SourcesInvalid as error:
        raise Failure("; ".join(error.mistakes), "Nothing was changed.") from error
    finally:
        trial.unlink()
    write_atomically(path, text.encode())
