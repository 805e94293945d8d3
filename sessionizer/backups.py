"""Backups: what one is, whether it is whole, and which ones a data folder has made.

    BACKUP/manifest.json    what belongs to it, each file with its size and SHA-256; written last
    BACKUP/log.db …         the files of a data folder, closed: no WAL beside them

A folder keeps the list of its backups (`backups.json`), so that an erasure finds them. A backup that is being made
has another name until it is whole, and no manifest.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from collector.runtime.folder import DataFolder, write_atomically

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK_BYTES = 1024 * 1024


class NotABackup(Exception):
    """There is no whole backup here: it is torn, truncated, altered, or something else. Use another."""


class Part(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself."""

    format: int = FORMAT
    made_at: str
    end: int
    """The log's end when it was made: up to here it holds the same records as the folder it was made of."""
    position: int
    """Up to where they were folded in."""
    erasures: list[str] = []
    """Ids of the erasures of which no trace is left in it."""
    being_erased_from: bool = False
    """An erasure was at work on it and did not finish: its files may differ from what is said here."""
    files: dict[str, Part] = {}


def read_manifest(backup: Path) -> Manifest:
    """Raises NotABackup."""
    try:
        manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise NotABackup(f"{backup} has no {MANIFEST}: it is no backup, or one that was never finished") from None
    except (msgspec.DecodeError, NotADirectoryError, UnicodeDecodeError) as error:
        raise NotABackup(f"{backup / MANIFEST} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise NotABackup(f"{backup} has format {manifest.format}, and this release knows {FORMAT}")
    return manifest


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """In one step, durably."""
    write_atomically(backup / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))


def described(backup: Path) -> dict[str, Part]:
    """The files that are there, as a manifest lists them."""
    files = sorted(each for each in backup.iterdir() if each.is_file() and each.name != MANIFEST)
    return {each.name: part_of(each) for each in files}


def part_of(file: Path) -> Part:
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as reading:
        while chunk := reading.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return Part(size, digest.hexdigest())


def check(backup: Path, manifest: Manifest) -> Iterator[str]:
    """Look at every file, and give its name when it is as it was. Raises NotABackup."""
    for name, expected in manifest.files.items():
        if "/" in name:
            raise NotABackup(f"{backup / MANIFEST} names {name!r}, outside of it")
        file = backup / name
        if not file.is_file():
            raise NotABackup(f"{file} is missing")
        if not manifest.being_erased_from:
            found = part_of(file)
            if found.bytes != expected.bytes:
                raise NotABackup(f"{file} has {found.bytes:,} bytes, not {expected.bytes:,}")
            if found.sha256 != expected.sha256:
                raise NotABackup(f"{file} is not as it was: its SHA-256 is another")
        yield name


# The list of a folder ----------------------------------------------------------------------------------------------


def known(folder: DataFolder) -> list[Path]:
    """The backups made of this folder, oldest first, whether or not they are still there."""
    try:
        return [Path(each) for each in msgspec.json.decode(folder.backups.read_bytes(), type=list[str])]
    except FileNotFoundError:
        return []


def remember(folder: DataFolder, *backups: Path) -> None:
    """Put backups on the list, durably."""
    paths = dict.fromkeys(str(each.absolute()) for each in (*known(folder), *backups))
    write_atomically(folder.backups, msgspec.json.encode(list(paths)))


def forget(folder: DataFolder, backup: Path) -> None:
    left = [str(each) for each in known(folder) if each != backup.absolute()]
    write_atomically(folder.backups, msgspec.json.encode(left))


def unfinished(backup: Path) -> Path:
    """Where a backup is while it is being made."""
    return backup.with_name(f".{backup.name}.unfinished")


def clear_unfinished(backup: Path) -> None:
    """Remove what a backup that was broken off has left."""
    if unfinished(backup).exists():
        shutil.rmtree(unfinished(backup))
