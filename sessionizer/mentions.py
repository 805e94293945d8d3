"""Whom a refused event names. It was no Event, so nothing is known of its fields: any text of it counts. Pure."""

from collections.abc import Iterator, Set
from typing import Any

import msgspec

from collector.log import Refusal


def names_any(refusal: Refusal, values: Set[str]) -> bool:
    """Whether one of a refused event's texts is one of these values, as it is or normalised."""
    try:
        texts = set(_texts(msgspec.json.decode(refusal.body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        texts = {refusal.body.decode(errors="replace")}
    normal = {form for text in texts for form in (text, text.strip().lower(), _as_phone(text))}
    if not values.isdisjoint(normal):
        return True
    long = [text for text in texts if len(text) > 100]  # something broken, kept as one text
    return any(value in text for text in long for value in values)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _as_phone(text: str) -> str:
    digits = "".join(each for each in text if each.isdecimal())
    return f"+{digits}" if text.lstrip().startswith("+") else digits
