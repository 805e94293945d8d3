"""Which column becomes which field of an event. Pure.

A field is written as the event spells it, in either manner (`user_id`, `userId`), or with a path:
`properties.revenue`, `traits.city`, `context.page.url`. Contacts have names of their own: `email`, `phone`, and
`external_ids.loyalty_card` for any other kind.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from collector.runtime.clock import from_text, to_text

WIRE = {
    "type": "type",
    "event": "event",
    "name": "name",
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
    "timestamp": "timestamp",
}
"""Our names of the fields a column may become, and the wire's."""
TREES = ("properties", "traits", "context")
EXTERNAL_IDS = "external_ids"

Path = tuple[str, ...]


class WrongMapping(Exception):
    """A field that no event has, or an assignment that is none. Says which."""


class RowMapping(NamedTuple):
    """How a row becomes an event."""

    columns: Mapping[str, str]
    """Field → column."""
    constants: Mapping[str, str]
    """Field → the same value for every row."""
    numbers: frozenset[str] = frozenset()
    """Fields whose text is to be sent as a number."""
    timestamp_format: str | None = None
    """As strptime has it; None: RFC 3339 or ISO 8601."""
    timezone: str = "UTC"
    """Of times that name none."""


class RowInvalid(Exception):
    """A row that cannot become an event. Says why."""


Build = Callable[[Mapping[str, Any]], dict[str, Any]]
"""A row's values → an event as Segment's HTTP API spells it. Raises RowInvalid."""


def assignments(texts: Sequence[str], option: str) -> dict[str, str]:
    """`FIELD=VALUE` texts as a dict. Raises WrongMapping."""
    found: dict[str, str] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or not field:
            raise WrongMapping(f"{option} {text}: write FIELD=VALUE")
        if field in found:
            raise WrongMapping(f"{option} {field}: is given twice")
        found[field] = value
    return found


def compile_mapping(mapping: RowMapping) -> Build:
    """The function that turns rows into events. Raises WrongMapping for fields that no event has."""
    constants = [(path_of(field), _value(field, text, mapping)) for field, text in mapping.constants.items()]
    constants.sort(key=lambda each: each[0] != ("type",))  # where a contact goes depends on it
    columns = [(field, path_of(field), column) for field, column in mapping.columns.items()]
    columns.sort(key=lambda each: each[0] != "type")  # where a contact goes depends on it
    for field in mapping.numbers - mapping.columns.keys() - mapping.constants.keys():
        raise WrongMapping(f"--number {field}: no column or constant gives this field")
    read_time = _time_reader(mapping.timestamp_format, mapping.timezone)

    def build(values: Mapping[str, Any]) -> dict[str, Any]:
        event: dict[str, Any] = {}
        for path, value in constants:
            _put(event, path, value)
        for field, path, column in columns:
            try:
                value = values[column]
            except KeyError:
                raise RowInvalid(f"no column {column!r}") from None
            if isinstance(value, str):
                value = value.strip()
                if path == ("timestamp",):
                    value = read_time(value)
                elif field in mapping.numbers:
                    value = _number(field, value)
            if value not in ("", None):
                _put(event, path, value)
        return event

    return build


def path_of(field: str) -> Path:
    """Where a field stands in an event on the wire. Raises WrongMapping."""
    if field in WIRE:
        return (WIRE[field],)
    if field in WIRE.values():
        return (field,)
    if field in ("email", "phone"):
        return ("traits", field)
    head, *rest = field.split(".")
    if head in TREES and rest and all(rest):
        return (head, *rest)
    if head in (EXTERNAL_IDS, "externalIds") and len(rest) == 1 and rest[0]:
        return ("context", "externalIds", rest[0])
    known = ", ".join((*WIRE, "email", "phone", f"{EXTERNAL_IDS}.TYPE", *(f"{each}.NAME" for each in TREES)))
    raise WrongMapping(f"{field}: no such field; there are {known}")


def _put(event: dict[str, Any], path: Path, value: Any) -> None:
    if path[:2] == ("context", "externalIds"):
        context = event.setdefault("context", {})
        context.setdefault("externalIds", []).append({"type": path[2], "id": str(value)})
        return
    if path[0] == "traits" and path[-1] in ("email", "phone") and event.get("type") != "identify":
        path = ("context", *path)  # outside of an identify, contacts are read from the context
    *above, last = path
    place = event
    for each in above:
        place = place.setdefault(each, {})
        if not isinstance(place, dict):
            raise RowInvalid(f"{'.'.join(path)}: a part of it is a value already")
    place[last] = value


def _value(field: str, text: str, mapping: RowMapping) -> Any:
    if field not in mapping.numbers:
        return text
    try:
        return _number(field, text)
    except RowInvalid as error:
        raise WrongMapping(str(error)) from error


def _number(field: str, text: str) -> int | float | None:
    if not text:
        return None
    try:
        number = float(text)
        return int(text) if text.lstrip("+-").isdigit() else number
    except ValueError:
        raise RowInvalid(f"{field}: {text[:40]!r} is no number") from None


def _time_reader(pattern: str | None, timezone: str) -> Callable[[str], str]:
    """Texts → RFC 3339 UTC; remembers, since histories repeat their dates. Raises WrongMapping for an unknown zone."""
    try:
        zone = dt.UTC if timezone == "UTC" else ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise WrongMapping(f"--timezone {timezone}: no such time zone") from None

    @lru_cache(maxsize=10_000)
    def read(text: str) -> str:
        try:
            if pattern is None:
                return to_text(from_text(text)) if zone is dt.UTC else _local(dt.datetime.fromisoformat(text), zone)
            return _local(dt.datetime.strptime(text, pattern), zone)  # noqa: DTZ007 - _local adds the zone
        except (ValueError, OverflowError):
            expected = f"like {pattern}" if pattern else "an RFC 3339 time (see --timestamp-format)"
            raise RowInvalid(f"timestamp: {text[:40]!r} is not {expected}") from None

    return read


def _local(when: dt.datetime, zone: dt.tzinfo) -> str:
    aware = when if when.tzinfo else when.replace(tzinfo=zone)
    since = aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return to_text(since // dt.timedelta(milliseconds=1))
