"""What `ariane doctor` looks at: one function a subject, each giving its findings."""

import os
import platform
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import PackageNotFoundError, version

import msgspec

from collector.enrich.geo import open_geo
from collector.event import from_record_lazily
from collector.log import CorruptRecord, LogUnavailable
from collector.log.opening import open_log
from collector.runtime.clock import MS_PER_DAY, from_text, now_ms, to_text
from collector.runtime.folder import DataFolder
from collector.runtime.sqlite import FIRST_SAFE_VERSION, linked_version
from collector.sources import Sources, SourcesInvalid, load
from sessionizer.commands.folders import api_owner
from sessionizer.commands.guarded import CONTACTS_ADVICE, DEVICES_ADVICE, shared_contacts, shared_devices
from sessionizer.commands.plan import Urls, path_of
from sessionizer.commands.redrive import count_refused
from sessionizer.store.opening import open_store

LEAST_FREE_BYTES = 64 * 1024 * 1024
LITTLE_FREE_BYTES = 1024 * 1024 * 1024
OLD_GEO_DAYS = 92
PATIENCE_S = 5.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at."""

    level: str
    """`ok`, `note`, `warning` or `error`."""
    subject: str
    says: str
    advice: str = ""


async def examine(folder: DataFolder, urls: Urls) -> list[Finding]:
    """All findings, in a fixed order. Changes nothing."""
    found = [*versions()]
    if not folder.root.is_dir():
        says = f"there is no data folder at {folder.root}"
        advice = "`ariane serve` makes one; or give yours with --data."
        return [*found, Finding(level="warning", subject="folder", says=says, advice=advice)]
    found += [*disk(folder), *permissions(folder), *keys(folder), *geo(folder)]
    for examination in (server, clocks_and_lag, refused):
        found += [each async for each in examination(folder, urls)]
    return found


def versions() -> Iterator[Finding]:
    """Of ariane, Python and the SQLite that Python is linked to."""
    try:
        ours = version("ariane")
    except PackageNotFoundError:
        ours = "not installed as a package"
    yield Finding(level="ok", subject="versions", says=f"ariane {ours}, Python {platform.python_version()}")
    linked = sqlite3.sqlite_version
    if linked_version() >= FIRST_SAFE_VERSION:
        yield Finding(level="ok", subject="sqlite", says=f"SQLite {linked}")
    else:
        says = f"SQLite {linked} can corrupt a database that two programs write at once (mended in 3.51.3)"
        advice = "Ariane never does that. Do not open the .db files for writing with other tools while it runs."
        yield Finding(level="note", subject="sqlite", says=says, advice=advice)


def disk(folder: DataFolder) -> Iterator[Finding]:
    """Free space where the data is."""
    free = shutil.disk_usage(folder.root).free
    says = f"{free / 1e9:.1f} GB free"
    if free < LEAST_FREE_BYTES:
        advice = "Make room: events are answered with 503 until there is some."
        yield Finding(level="error", subject="disk", says=says, advice=advice)
    elif free < LITTLE_FREE_BYTES:
        yield Finding(level="warning", subject="disk", says=says, advice="Make room, or move the data folder.")
    else:
        yield Finding(level="ok", subject="disk", says=says)


def permissions(folder: DataFolder) -> Iterator[Finding]:
    """Whether we may write, and strangers may not read."""
    if not os.access(folder.root, os.R_OK | os.W_OK | os.X_OK):
        advice = "Run as the folder's owner, or give it to this user with chown."
        yield Finding(level="error", subject="permissions", says=f"{folder.root} cannot be written", advice=advice)
    open_to_others = [
        each for each in (folder.root, folder.sources) if each.exists() and stat.S_IMODE(each.stat().st_mode) & 0o077
    ]
    for each in open_to_others:
        says = f"{each} can be read by other users"
        mode = "700" if each.is_dir() else "600"
        yield Finding(level="warning", subject="permissions", says=says, advice=f"chmod {mode} {each}")
    if not open_to_others:
        yield Finding(level="ok", subject="permissions", says="the folder is its owner's alone")


def keys(folder: DataFolder) -> Iterator[Finding]:
    """Whether sources.toml can be read, and which sources take events from any site."""
    if not folder.sources.exists():
        advice = "`ariane keys` or the first `ariane serve` makes them."
        yield Finding(level="note", subject="keys", says="there are no keys yet", advice=advice)
        return
    try:
        sources: Sources = load(folder.sources)
    except SourcesInvalid as error:
        for mistake in error.mistakes:
            yield Finding(level="error", subject="keys", says=mistake, advice=f"Correct it in {error.path}.")
        return
    yield Finding(level="ok", subject="keys", says=f"{len(sources.sources)} source(s), keys in {folder.sources}")
    for each in sources.sources:
        if not each.origins:
            says = f"source {each.name!r} takes events from any site, and so without cookies for other sites"
            advice = f"ariane sources add {each.name} --origin https://your.site"
            yield Finding(level="warning", subject="origins", says=says, advice=advice)


def geo(folder: DataFolder) -> Iterator[Finding]:
    """Which geo databases there are, and how old."""
    found = open_geo(folder.geo)
    for problem in found.problems:
        yield Finding(level="warning", subject="geo", says=problem)
    for each in found.files:
        age_days = (now_ms() - each.built_ms) // MS_PER_DAY
        says = f"{each.name} ({each.kind}), built {to_text(each.built_ms)[:10]}"
        old = age_days > OLD_GEO_DAYS
        advice = "Addresses move: get a newer one (`ariane geo`)." if old else ""
        yield Finding(level="note" if old else "ok", subject="geo", says=says, advice=advice)
    if not found.files:
        advice = "`ariane geo` explains how to get one for free."
        yield Finding(level="note", subject="geo", says="no geo database: events get no country or city", advice=advice)


async def server(folder: DataFolder, urls: Urls) -> AsyncIterator[Finding]:  # noqa: ARG001
    """Whether a server runs and says that it is ready."""
    owner = api_owner(folder) or folder.owner()
    if owner is None or owner.url is None:
        advice = "`ariane serve` starts one."
        yield Finding(level="note", subject="server", says="no server runs on this folder", advice=advice)
        return
    import aiohttp

    try:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{owner.url}/readyz") as response:
            said = msgspec.json.decode(await response.read())
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        says = f"process {owner.pid} holds the folder, but {owner.url} does not answer: {error or type(error).__name__}"
        yield Finding(level="error", subject="server", says=says, advice="See its log; restart it.")
        return
    if response.status == 200:
        yield Finding(level="ok", subject="server", says=f"process {owner.pid} is ready at {owner.url}")
    else:
        says = f"{owner.url} is not ready: {said.get('detail', response.status)}"
        yield Finding(level="error", subject="server", says=says, advice="See its log.")


async def clocks_and_lag(folder: DataFolder, urls: Urls) -> AsyncIterator[Finding]:  # noqa: ARG001
    """Whether this machine's clock runs on from the log's last event, and how far the mind is behind."""
    if not path_of(urls.log).exists():
        yield Finding(
            level="note", subject="log", says="there is no log yet", advice="The first `ariane serve` makes it."
        )
        return
    try:
        log = await open_log(urls.log, writer=False)
    except LogUnavailable as error:
        yield Finding(
            level="error", subject="log", says=str(error), advice="Restore it, or use the release that wrote it."
        )
        return
    try:
        end, count = await log.end(), await log.count()
        yield Finding(
            level="ok", subject="log", says=f"{count:,} records, {path_of(urls.log).stat().st_size / 1e6:.1f} MB"
        )
        try:
            last = await log.fetch([end])
        except CorruptRecord as error:
            yield Finding(level="error", subject="log", says=str(error), advice="`ariane verify` lists all damage.")
            last = []
        for record in last:
            yield _clock(from_record_lazily(record.body).received_at)
        async for each in _mind(urls, end):
            yield each
    finally:
        await log.close()


def _clock(received_at: str) -> Finding:
    ahead_s = (from_text(received_at) - now_ms()) / 1000
    if ahead_s > 1:
        says = f"the last event came {ahead_s:.0f} s from now ({received_at}): this machine's clock has gone back"
        return Finding(
            level="error", subject="clock", says=says, advice="Set the clock; run NTP (timedatectl set-ntp true)."
        )
    return Finding(level="ok", subject="clock", says=f"later than the last event, as it must be ({received_at})")


async def _mind(urls: Urls, end: int) -> AsyncIterator[Finding]:
    if not path_of(urls.store).exists():
        says, advice = "nothing has been folded in yet", "`ariane serve` or `ariane export` does it."
        yield Finding(level="note" if end == 0 else "warning", subject="mind", says=says, advice=advice)
        return
    try:
        store = await open_store(urls.store, writer=False)
        try:
            async with store.snapshot() as snapshot:
                behind = end - snapshot.position
                set_aside = await snapshot.quarantined()
                guarded = await shared_devices(snapshot), await shared_contacts(snapshot)
                waiting = (await snapshot.sizes())["waiting"]
        finally:
            await store.close()
    except sqlite3.Error as error:
        yield Finding(
            level="error", subject="mind", says=f"the store cannot be read: {error}", advice="`ariane replay`"
        )
        return
    if behind > 0:
        advice = "It catches up by itself while a server runs; `ariane export` brings it up to date without one."
        level = "note" if behind < 10_000 else "warning"
        yield Finding(level=level, subject="mind", says=f"{behind:,} events behind the log", advice=advice)
    elif behind < 0:
        says = "the store knows more than the log: they do not belong together, or the log was restored from a backup"
        yield Finding(level="error", subject="mind", says=says, advice="Stop the server and run `ariane replay`.")
    else:
        yield Finding(level="ok", subject="mind", says="everything in the log is folded in")
    if waiting:
        says = f"{waiting:,} visitors wait to be folded again after a proof or a retraction"
        advice = "It happens by itself while a server runs; reads are right meanwhile, exports wait."
        yield Finding(level="note", subject="mind", says=says, advice=advice)
    for position, reason in set_aside[:5]:
        says = f"the event at log position {position} is set aside: {reason}"
        advice = "Report it; after an upgrade `ariane replay` tries again."
        yield Finding(level="warning", subject="mind", says=says, advice=advice)
    for says_of, advice in zip(guarded, (DEVICES_ADVICE, CONTACTS_ADVICE), strict=True):
        if says_of is not None:
            yield Finding(level="note", subject="guards", says=says_of, advice=advice)
    if guarded == (None, None):
        yield Finding(level="ok", subject="guards", says="no device and no contact is shared by implausibly many")


async def refused(folder: DataFolder, urls: Urls) -> AsyncIterator[Finding]:  # noqa: ARG001
    """How many events were refused, and why."""
    counts = await count_refused(folder, ())
    if not counts:
        yield Finding(level="ok", subject="refused", says="no refused events")
        return
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items(), key=lambda each: -each[1]))
    advice = "docs/protocol.md says what each means; mended, `ariane redrive` drives them in again."
    yield Finding(level="warning", subject="refused", says=f"refused events: {reasons}", advice=advice)
