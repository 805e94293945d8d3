"""`GET /pixel.gif?...`: events without JavaScript, such as the opening of an e-mail. The query is the event.

`writeKey`, `type` (default `track` when `event` is given, else `page`), `event`, `name`, `anonymousId`, `userId`,
`email`, `url`, `referrer`, `title`, `messageId`, `timestamp`; everything else becomes a property. The answer is a
transparent 1 x 1 GIF with the true status, so that a browser shows nothing broken and a tester sees what happened.
"""

from typing import Any

import msgspec

from collector.protocols import Answer
from collector.raw import Parsed, RawEvent, RawRequest, Receipt
from collector.rejection import Reason, Refused
from collector.settings import EdgeSettings

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""43 bytes, one transparent pixel."""

_FIELDS = ("anonymousId", "userId", "messageId", "timestamp", "name")
_PAGE = ("url", "referrer", "title")

name: str = "pixel"
methods: tuple[str, ...] = ("GET",)
paths: tuple[str, ...] = ("/pixel.gif",)
is_pixel: bool = True


def parse(request: RawRequest, settings: EdgeSettings) -> Parsed:
    """The one event of a query. The key stays in the query."""
    query = {name: value for name, value in request.query.items() if name != "writeKey" and value != ""}
    body = msgspec.json.encode(query)
    flaw, detail = None, ""
    if len(body) > settings.max_event_bytes:
        flaw, detail = Reason.EVENT_TOO_LARGE, f"{len(body)} bytes; an event may have {settings.max_event_bytes}"
    elif any("\0" in name or "\0" in value for name, value in query.items()):
        flaw, detail = Reason.NUL_CHARACTER, "a text holds the character U+0000"
    return Parsed(events=(RawEvent(index=0, fields=_fields(query), body=body, flaw=flaw, detail=detail),))


def respond(receipt: Receipt) -> Answer:  # noqa: ARG001
    """The picture."""
    return Answer(200, "image/gif", GIF)


def refuse(refused: Refused) -> Answer | None:
    """The picture too, with the true status."""
    return Answer(refused.status, "image/gif", GIF)


def _fields(query: dict[str, str]) -> dict[str, Any]:
    rest = dict(query)
    event = rest.pop("event", None)
    fields: dict[str, Any] = {"type": rest.pop("type", "track" if event is not None else "page")}
    if event is not None:
        fields["event"] = event
    fields |= {name: rest.pop(name) for name in _FIELDS if name in rest}
    context: dict[str, Any] = {}
    page = {name: rest.pop(name) for name in _PAGE if name in rest}
    if page:
        context["page"] = page
    email = rest.pop("email", None)
    if email is not None:
        context["traits"] = {"email": email}
        if fields["type"] == "identify":
            fields["traits"] = {"email": email}
    if context:
        fields["context"] = context
    if rest:
        fields["properties"] = rest
    return fields
