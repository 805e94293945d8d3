"""The sources registry: who may send, with which keys, from which origins, under which rules.

`sources.toml` in the data folder, made at first start, read again when it changes. Owned by the edge.

Keys are looked up in a dict, not compared in constant time: the lookup hashes the whole key with a secret seed
(SipHash, PEP 456) before anything is compared, so how long it takes says nothing about how near a guess is.
"""

import logging
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from collector.runtime import clock
from collector.runtime.folder import write_atomically

_log = logging.getLogger(__name__)

RELOAD_EVERY_MS = 1000


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One sender of events."""

    name: str
    write_key: str
    server_key: str
    identity_secret: str
    """HS256 secret that signs `context.identityProof`."""
    origins: tuple[str, ...] = ()
    """Web origins that may send (`https://shop.example`); empty: any, but no cookies or credentials for other sites."""
    exclude_bots: bool = False
    honour_opt_out: bool = False
    """Withhold the events of browsers that send Global Privacy Control or Do Not Track."""
    blocked_ids: tuple[str, ...] = ()
    """Values that are no identifiers here, beside the built-in ones (compared trimmed, in any case)."""
    server_only_contacts: tuple[str, ...] = ()
    """Contact types that only server events may carry."""
    phone_region: str | None = None
    """Country (ISO 3166-1 alpha-2) of phone numbers written without one."""
    currency: str | None = None
    """Currency (ISO 4217) of commerce events that name none."""
    store_ip: bool = False


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """All sources, and the key that reads profiles."""

    api_key: str
    sources: Sequence[Source]


class Sender(NamedTuple):
    """Whose key it is, and whether it is the secret one."""

    source: Source
    server: bool


class SourcesInvalid(Exception):
    """`sources.toml` cannot be used. `mistakes` names every one of them; nothing was changed."""

    def __init__(self, path: Path, mistakes: Sequence[str]) -> None:
        super().__init__(f"{path}: " + "; ".join(mistakes))
        self.path = path
        self.mistakes = tuple(mistakes)


class SourceIndex:
    """Sources made ready for lookup. Immutable; a change in the file makes a new one."""

    def __init__(self, sources: Sources) -> None:
        self.api_key = sources.api_key
        self.sources = tuple(sources.sources)
        self.default = next((each for each in self.sources if each.name == "default"), self.sources[0])
        self.listed_origins = frozenset(origin for source in self.sources for origin in source.origins)
        """Every origin that any source lists."""
        self._senders = {source.write_key: Sender(source, False) for source in self.sources}
        self._senders |= {source.server_key: Sender(source, True) for source in self.sources}
        self._by_name = {source.name: source for source in self.sources}

    def find(self, key: str) -> Sender | None:
        """The sender with this write or server key."""
        return self._senders.get(key)

    def named(self, name: str) -> Source | None:
        """The source of this name."""
        return self._by_name.get(name)


class SourceRegistry(Protocol):
    """Where the edge and the API find the sources as they are now."""

    def current(self, now_ms: int) -> SourceIndex: ...


class FixedSources:
    """Sources that never change, for processes that are given them."""

    def __init__(self, sources: Sources) -> None:
        self._index = SourceIndex(sources)

    def current(self, now_ms: int) -> SourceIndex:  # noqa: ARG002
        return self._index


class SourcesFile:
    """The registry in a file, made with fresh keys when there is none, read again when it changes.

    Raises SourcesInvalid when the file cannot be used at the start. Later on a file with mistakes is reported in the
    log, and the sources stay as they were.
    """

    def __init__(self, path: Path, default_origins: Sequence[str] = ()) -> None:
        self.path = path
        if not path.exists():
            write_new(path, default_origins)
        self._stamp = _stamp(path)
        self._index = SourceIndex(load(path))
        self._next_look_ms = 0

    def current(self, now_ms: int) -> SourceIndex:
        """The sources now. Looks at the file at most once a second."""
        if now_ms >= self._next_look_ms:
            self._next_look_ms = now_ms + RELOAD_EVERY_MS
            self._reload_if_changed()
        return self._index

    def _reload_if_changed(self) -> None:
        try:
            stamp = _stamp(self.path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._index = SourceIndex(load(self.path))
        except (SourcesInvalid, OSError) as error:
            _log.error("keeping the sources as they were: %s", error)
        else:
            _log.info("read %s again: %d sources", self.path, len(self._index.sources))


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


# Reading -----------------------------------------------------------------------------------------------------------


def load(path: Path) -> Sources:
    """The sources in a file. Raises SourcesInvalid with all mistakes, OSError when it cannot be read."""
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourcesInvalid(path, [f"not TOML: {error}"]) from error
    tables = document.get("sources", [])
    mistakes = _check_top(document)
    sources = []
    for number, table in enumerate(tables if isinstance(tables, list) else [], 1):
        source, wrong = _read_source(table, f"sources[{number}]")
        mistakes += wrong
        if source is not None:
            sources.append(source)
    mistakes += _check_unique(document.get("api_key"), sources)
    if mistakes:
        raise SourcesInvalid(path, mistakes)
    return Sources(api_key=document["api_key"], sources=tuple(sources))


def _check_top(document: dict[str, Any]) -> list[str]:
    mistakes = [f"{name}: no such setting" for name in document if name not in ("api_key", "sources")]
    if not isinstance(document.get("api_key"), str) or len(document["api_key"]) < 16:
        mistakes.append("api_key: must be a text of at least 16 characters")
    tables = document.get("sources")
    if not isinstance(tables, list) or not tables:
        mistakes.append("sources: at least one [[sources]] table is needed")
    return mistakes


def _read_source(table: Any, where: str) -> tuple[Source | None, list[str]]:
    if not isinstance(table, dict):
        return None, [f"{where}: must be a table"]
    where = f"{where} ({table['name']})" if isinstance(table.get("name"), str) else where
    mistakes = []
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Source):
        if field.name in table:
            try:
                values[field.name] = msgspec.convert(table[field.name], field.type)
            except msgspec.ValidationError as error:
                mistakes.append(f"{where}.{field.name}: {error}")
        elif field.required:
            mistakes.append(f"{where}.{field.name}: is missing")
    mistakes += [f"{where}.{name}: no such setting" for name in table if name not in Source.__struct_fields__]
    mistakes += [f"{where}.{each}" for each in _check_values(values)]
    return (None, mistakes) if mistakes else (Source(**values), [])


def _check_values(values: dict[str, Any]) -> list[str]:
    mistakes = [
        f"origins: {origin!r} is no web origin (scheme://host[:port], nothing after it)"
        for origin in values.get("origins", ())
        if not _is_origin(origin)
    ]
    if ":" in values.get("name", ""):
        mistakes.append(f"name: {values['name']!r} has a colon; take another character")
    for name, least in (("name", 1), ("write_key", 8), ("server_key", 16), ("identity_secret", 32)):
        if name in values and len(values[name]) < least:
            mistakes.append(f"{name}: must be at least {least} characters long")
    for name, pattern in (("phone_region", "[A-Z]{2}"), ("currency", "[A-Z]{3}")):
        if values.get(name) is not None and not re.fullmatch(pattern, values[name]):
            mistakes.append(f"{name}: {values[name]!r} is not {pattern}")
    return mistakes


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and f"{parts.scheme}://{parts.netloc}" == text == text.lower()


def _check_unique(api_key: Any, sources: Sequence[Source]) -> list[str]:
    seen: dict[str, str] = {api_key: "api_key"} if isinstance(api_key, str) else {}
    mistakes = []
    for source in sources:
        for name, value in (("write_key", source.write_key), ("server_key", source.server_key)):
            if value in seen:
                mistakes.append(f"{source.name}.{name}: is the same as {seen[value]}")
            seen[value] = f"{source.name}.{name}"
    names = [source.name for source in sources]
    return mistakes + [f"sources: two are named {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]


# Writing -----------------------------------------------------------------------------------------------------------


def new_source(name: str, origins: Sequence[str] = ()) -> Source:
    """A source with fresh keys."""
    return Source(
        name=name,
        write_key=_draw("wk"),
        server_key=_draw("sk"),
        identity_secret=f"{_draw('is')}{clock.new_id().replace('-', '')}",
        origins=tuple(origins),
    )


def write_new(path: Path, default_origins: Sequence[str] = ()) -> Sources:
    """Write a file with one source, `default`, and fresh keys, for its owner's eyes only; returns what it says."""
    sources = Sources(api_key=_draw("ak"), sources=(new_source("default", default_origins),))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, _to_toml(sources).encode())
    return sources


def _draw(prefix: str) -> str:
    return f"{prefix}_{clock.new_id().replace('-', '')}"


_COMMENTS = {
    "name": "the source's name, as events show it",
    "write_key": "public: it goes into pages and apps",
    "server_key": "secret: events sent with it are believed",
    "identity_secret": "secret: signs the proofs (JWT, HS256) of who is logged in",
    "origins": 'web origins that may send, e.g. ["https://shop.example"]; empty: any, but no cookies for other sites',
    "exclude_bots": "true: events of known bots are withheld instead of flagged",
    "honour_opt_out": "true: events of browsers with Global Privacy Control or Do Not Track are withheld",
    "blocked_ids": "values that are no identifiers here, beside null, undefined, guest and the like",
    "server_only_contacts": 'contact types that only server events may carry, e.g. ["loyalty_card"]',
}


def _to_toml(sources: Sources) -> str:
    import tomlkit  # only a first start writes

    document = tomlkit.document()
    document.add(tomlkit.comment("Who may send events, and the key that reads profiles. Changes count in a second"))
    document.add(tomlkit.comment("Keep this file to yourself: it holds secrets."))
    document.add(tomlkit.nl())
    document.add("api_key", tomlkit.item(sources.api_key).comment("secret: reads profiles"))
    tables = tomlkit.aot()
    for source in sources.sources:
        table = tomlkit.table()
        for name, value in msgspec.structs.asdict(source).items():
            if value is not None and name in _COMMENTS:
                table.add(
                    name, tomlkit.item(list(value) if isinstance(value, tuple) else value).comment(_COMMENTS[name])
                )
        table.add(tomlkit.comment('phone_region = "FR"   # country of phone numbers written without one'))
        table.add(tomlkit.comment('currency = "EUR"      # currency of orders that name none'))
        table.add(tomlkit.comment("store_ip = true       # keep visitors' addresses in the events"))
        tables.append(table)
    document.add("sources", tables)
    return tomlkit.dumps(document)
