"""What people type into the shop's forms, read and checked."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from sessionizer.demo.markup import Html, fill, html

MAX_FIELD_CHARACTERS = 254
"""RFC 5321's longest address; enough for a name or a street."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+\Z")


class Field(NamedTuple):
    """One labelled input. Its name is also its id and, as `field-NAME`, its test hook."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "on"
    required: bool = True


async def read(request: web.Request) -> dict[str, str]:
    """The text fields of a posted form, trimmed and cut at MAX_FIELD_CHARACTERS; the last of a name counts."""
    posted = await request.post()
    return {name: value.strip()[:MAX_FIELD_CHARACTERS] for name, value in posted.items() if isinstance(value, str)}


def is_email(text: str) -> bool:
    """Whether this could be an address: something, an @, a domain with a dot."""
    return _EMAIL.match(text) is not None


def missing(fields: tuple[Field, ...], values: Mapping[str, str]) -> str | None:
    """One sentence about the first field that is not filled in as it must be, or None."""
    for field in fields:
        value = values.get(field.name, "")
        if field.required and not value:
            return f"Please fill in “{field.label}”."
        if value and field.kind == "email" and not is_email(value):
            return "That does not look like an e-mail address."
    return None


def inputs(fields: tuple[Field, ...], values: Mapping[str, str]) -> Html:
    """The inputs with their labels; passwords are never filled in."""
    return Html(
        "".join(
            fill(
                "field.html",
                name=field.name,
                label=field.label,
                optional=None if field.required else Html(' <span class="muted">(optional)</span>'),
                kind=field.kind,
                value="" if field.kind == "password" else values.get(field.name, ""),
                autocomplete=field.autocomplete,
                longest=MAX_FIELD_CHARACTERS,
                required=Html(" required") if field.required else None,
            )
            for field in fields
        )
    )


def error(text: str | None) -> Html | None:
    """What was wrong, announced to screen readers."""
    return html('<p class="error" role="alert" data-test="error">{text}</p>', text=text) if text else None
