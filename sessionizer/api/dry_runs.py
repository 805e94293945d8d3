"""What a retraction or an alias would change, shown before it is done. Nothing is stored."""

from typing import Annotated

import msgspec
from aiohttp import web

from collector.event import Event, Trust
from collector.runtime import clock
from sessionizer.api import Api
from sessionizer.api.answers import as_json
from sessionizer.api.problems import Problem, ProblemReason
from sessionizer.api.retractions import NO_NUL, SOURCE, MessageIds, body_of, read_as, retraction
from sessionizer.reading import TooMuch

UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=NO_NUL)]


class AliasRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Two users to be joined, as an `alias` event with a server key would."""

    user_id: UserId
    previous_id: UserId


class DryRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Either messages to retract, or an alias."""

    retract: MessageIds | None = None
    alias: AliasRequest | None = None


_decoder = msgspec.json.Decoder(DryRunRequest)


async def dry_run(request: web.Request, api: Api) -> web.Response:
    """POST /v1/identity/dry-runs"""
    asked = read_as(_decoder, await body_of(request), "a dry run")
    message_id, now_ms = clock.new_id(), clock.now_ms()
    if asked.retract is not None and asked.alias is None:
        event = retraction(list(dict.fromkeys(asked.retract)), "", message_id=message_id, now_ms=now_ms)
    elif asked.alias is not None and asked.retract is None:
        event = alias(asked.alias, message_id=message_id, now_ms=now_ms)
    else:
        raise Problem(ProblemReason.INVALID_BODY, 400, "Name either the messages to `retract`, or an `alias`.")
    try:
        return as_json(await api.people.dry_run(event))
    except TooMuch as error:
        raise Problem(ProblemReason.TOO_MUCH, 422, f"There is no dry run of this: {error}.") from error


def alias(asked: AliasRequest, *, message_id: str, now_ms: int) -> Event:
    """The event that joins two users."""
    now = clock.to_text(now_ms)
    return Event(
        type="alias",
        message_id=message_id,
        timestamp=now,
        received_at=now,
        source=SOURCE,
        trust=Trust.SERVER,
        user_id=asked.user_id,
        previous_id=asked.previous_id,
    )
