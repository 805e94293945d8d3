"""The wire protocols: each turns a request into RawEvents in Segment's spelling, a Receipt into what its SDKs expect.

What must live in an adapter: every wire spelling. What must not: any judgement of an event, which is `validate.py`'s.
"""

from typing import NamedTuple, Protocol

from collector.raw import Parsed, RawRequest, Receipt
from collector.rejection import Refused
from collector.settings import EdgeSettings


class Answer(NamedTuple):
    """What goes back, before CORS, cookies and `Log-Position` are added."""

    status: int
    content_type: str
    body: bytes


class Adapter(Protocol):
    """One wire protocol."""

    name: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    """Exact paths, without a trailing slash; requests may have one."""
    is_pixel: bool
    """It is loaded as an image: the edge may name the device, and answers with an image whatever happens."""

    def parse(self, request: RawRequest, settings: EdgeSettings) -> Parsed:
        """The events of a request. Raises Refused when it cannot be read at all."""
        ...

    def respond(self, receipt: Receipt) -> Answer:
        """The answer to a request that was taken."""
        ...

    def refuse(self, refused: Refused) -> Answer | None:
        """The answer to a refused one; None: problem+json, as everywhere."""
        ...
