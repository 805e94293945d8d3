"""How an answer is written: JSON, made from the view's type, that nobody may keep a copy of."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

NOT_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_encoder = msgspec.json.Encoder()


def as_json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer that carries this value."""
    return web.Response(
        status=status,
        body=_encoder.encode(value),
        content_type="application/json",
        headers={**NOT_KEPT, **(headers or {})},
    )
