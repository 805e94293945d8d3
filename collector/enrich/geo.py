"""Where an address is: country, region, city and time zone out of any MaxMind DB files (*.mmdb) in one folder.

Two schemas are read: MaxMind's nested one, which DB-IP's own files share (`country.iso_code`, `city.names.en`, …), and
the flat one of the npm package that carries DB-IP's city database (`country_code`, `state1`, `city`, `timezone`; IPv4
and IPv6 apart). A database is mapped into memory, not read, and a process that looks into a mapped file while somebody
copies another over it dies of SIGBUS. So what is mapped is a private copy without a name, and the folder's files may be
replaced in any way at any time.
"""

import ipaddress
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import maxminddb

from collector.enrich.fields import section, text

Place = Mapping[str, str]
"""`country` (ISO 3166-1 alpha-2, upper case), `region`, `city` (English names), `timezone` (IANA), as far as known."""

NOWHERE: Place = {}
_REMEMBERED = 8192


class GeoFile(NamedTuple):
    """One database, open."""

    name: str
    kind: str
    built_ms: int
    """When its maker built it, in milliseconds since 1970."""
    ip_version: int
    reader: maxminddb.Reader


Signature = tuple[tuple[str, int, int, int], ...]
"""What tells one state of the folder from another: name, inode, size and mtime of every file."""


class Geo:
    """All databases of one state of the folder. Never changes; a changed folder is a new Geo."""

    def __init__(self, files: Sequence[GeoFile], problems: Sequence[str], signature: Signature) -> None:
        self.files = tuple(files)
        self.problems = tuple(problems)
        """One sentence for each file that could not be opened, and what to do."""
        self.signature = signature
        self.find = lru_cache(_REMEMBERED)(self._find)
        """The place of an address written as text; NOWHERE for private, reserved, unknown and garbled ones."""

    def _find(self, written: str) -> Place:
        try:
            address = ipaddress.ip_address(written)
        except ValueError:
            return NOWHERE
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if not address.is_global or address.is_multicast:
            return NOWHERE
        for file in self.files:
            if file.ip_version >= address.version:
                try:
                    record = file.reader.get(address)
                except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, ValueError):
                    continue  # a damaged record: another file may know
                if place := _place(record):
                    return place
        return NOWHERE


def signature_of(folder: Path) -> Signature:
    """The folder's state now; empty when there is no such folder."""
    found = []
    for path in sorted(folder.glob("*.mmdb")):
        try:
            stat = path.stat()
        except FileNotFoundError:  # renamed away between the listing and the look
            continue
        found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def open_geo(folder: Path) -> Geo:
    """Open every database of the folder, in the order of their names; what cannot be opened is among the problems."""
    signature = signature_of(folder)
    files, problems = [], []
    for name, *_ in signature:
        try:
            reader = _open_copy(folder / name)
            about = reader.metadata()
        except (maxminddb.InvalidDatabaseError, OSError, UnicodeDecodeError, ValueError) as error:
            problems.append(f"{name} is no readable MaxMind database ({error}): replace or remove it")
            continue
        files.append(GeoFile(name, about.database_type, about.build_epoch * 1000, about.ip_version, reader))
    return Geo(files, problems, signature)


def _open_copy(path: Path) -> maxminddb.Reader:
    """Map a copy that is gone with its reader. Raises what `maxminddb.open_database` raises."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".mapped") as copy:
            shutil.copyfile(path, copy.name)
            return maxminddb.open_database(copy.name)
    except OSError:  # a folder that cannot be written, a full disk: better its places with a risk than none
        return maxminddb.open_database(path)


def _place(record: object) -> Place:
    """A record of either schema as a Place; NOWHERE when it names no country."""
    if not isinstance(record, dict):
        return NOWHERE
    country = text(section(record, "country").get("iso_code")) or text(record.get("country_code"))
    if country is None or len(country) != 2:
        return NOWHERE
    found = {
        "country": country.upper(),
        "region": _region(record),
        "city": text(_english(section(record, "city"))) or text(record.get("city")),
        "timezone": text(section(record, "location").get("time_zone")) or text(record.get("timezone")),
    }
    return {name: value for name, value in found.items() if value}


def _region(record: Mapping[str, Any]) -> str | None:
    divisions = record.get("subdivisions")
    if isinstance(divisions, list) and divisions and isinstance(divisions[0], dict):
        return text(_english(divisions[0])) or text(divisions[0].get("iso_code"))
    return text(record.get("state1")) or text(record.get("region"))


def _english(named: Mapping[str, Any]) -> object:
    return section(named, "names").get("en")
