"""Taking back what was said about who somebody is: a retraction is an event in the log like any other.

It names messages; the mind then treats them as if they had named no user and no contact (docs/identity.md, rule 3).
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from collector.event import RETRACTION, Event, Trust, to_record
from collector.log import EventLog, Record
from collector.runtime import clock
from sessionizer.api import Api, Retract, Retraction
from sessionizer.api.answers import as_json
from sessionizer.api.problems import Problem, ProblemReason

MAX_MESSAGES = 1000
MAX_BODY_BYTES = 1_048_576
BODY_TIMEOUT_S = 10.0
SOURCE = "api"
"""The source of events that came by the API key."""

NO_NUL = r"^[^\x00]*$"

MessageIds = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=NO_NUL)]],
    msgspec.Meta(min_length=1, max_length=MAX_MESSAGES),
]
T = TypeVar("T")


class RetractionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages' words about identity no longer count, and why."""

    message_ids: MessageIds
    reason: Annotated[str, msgspec.Meta(max_length=1000, pattern=NO_NUL)] = ""


class RetractionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The retraction is durable; read with `After-Position` to see its effect."""

    success: bool
    message_id: str
    """Of the retraction itself."""
    retracted: int
    """How many different messages it names, whether or not they have arrived."""


_decoder = msgspec.json.Decoder(RetractionRequest)


async def retract(request: web.Request, api: Api) -> web.Response:
    """POST /v1/identity/retractions"""
    asked = read_as(_decoder, await body_of(request), "a retraction")
    message_ids = list(dict.fromkeys(asked.message_ids))
    message_id, position = await api.retract(message_ids, asked.reason, clock.now_ms())
    answer = RetractionAnswer(success=True, message_id=message_id, retracted=len(message_ids))
    return as_json(answer, headers={"Log-Position": str(position)})


def retraction(message_ids: Sequence[str], reason: str, *, message_id: str, now_ms: int) -> Event:
    """The event that takes these messages' words about identity back."""
    now = clock.to_text(now_ms)
    return Event(
        type=RETRACTION,
        message_id=message_id,
        timestamp=now,
        received_at=now,
        source=SOURCE,
        trust=Trust.SERVER,
        properties={"message_ids": list(message_ids), "reason": reason},
    )


def retract_into(log: EventLog) -> Retract:
    """A Retract that appends to this log, which this process must own."""

    async def keep(message_ids: Sequence[str], reason: str, now_ms: int) -> Retraction:
        event = retraction(message_ids, reason, message_id=clock.new_id(), now_ms=now_ms)
        position = await log.append([Record(key="", body=to_record(event))])
        return Retraction(event.message_id, position)

    return keep


async def body_of(request: web.Request) -> bytes:
    """A request's body, bounded in size and time. Raises Problem (400, 408, 413, 415)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(ProblemReason.UNSUPPORTED_ENCODING, 415, "Send the body as it is, without Content-Encoding.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Problem(ProblemReason.BODY_TOO_LARGE, 413, f"A body has at most {MAX_BODY_BYTES} bytes.")
    except (web.RequestPayloadError, asyncio.IncompleteReadError) as error:
        raise Problem(ProblemReason.INVALID_BODY, 400, "The body's transfer coding is broken.") from error
    except TimeoutError as error:
        raise Problem(
            ProblemReason.TIMED_OUT, 408, f"The body did not arrive within {BODY_TIMEOUT_S:.0f} s."
        ) from error
    return bytes(body)


def read_as(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    """The body as the decoder reads it. Raises Problem (400), which says that it is not `what`."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the latter two escape msgspec 0.22
        raise Problem(ProblemReason.INVALID_BODY, 400, f"The body is not {what}: {error}") from error
