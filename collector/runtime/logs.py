"""What a process says about itself: one line an event on standard error, as `key=value` or as JSON.

Say what happened in the message, and to what in `extra`: `log.warning("child ended", extra={"child": name})`.
Addresses of people never appear: the access log is off, and whatever path of a person slips into a message is cut.
"""

import logging
import re
import sys
from typing import Any, Literal, TextIO

import msgspec

from collector.runtime.clock import to_text

Format = Literal["text", "json"]

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
_PERSON = re.compile(r"(/profiles/)[^/\s?\"'\\]+")
_PLAIN = re.compile(r"[^\s\"=\\]+\Z")


def set_up(lines: Format = "text", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send this process's log to `stream` (standard error) from `level` up. Replaces what was set up before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if lines == "json" else KeyValueLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    access = logging.getLogger("aiohttp.access")
    access.handlers = [logging.NullHandler()]
    access.propagate = False
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # at DEBUG it writes a line a statement, values and all


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What is said of one event: time, level, logger, message, then the caller's own fields."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {
        "time": to_text(int(record.created * 1000)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
        **extra,
    }


class JsonLines(logging.Formatter):
    """One JSON object a line; a traceback is its `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _without_people(msgspec.json.encode(fields, enc_hook=str).decode())


class KeyValueLines(logging.Formatter):
    """`key=value` pairs, quoted as JSON strings where they must be; a traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        line = " ".join(f"{name}={_quoted(value)}" for name, value in fields_of(record).items())
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return _without_people(line)


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.match(text) else msgspec.json.encode(text).decode()


def _without_people(line: str) -> str:
    return _PERSON.sub(r"\1{who}", line)
