"""How many reads may be answered at once, and how often one address may ask: before anything is looked up."""

import contextlib
from collections.abc import Iterator

from aiohttp import web

from sessionizer.api import Api
from sessionizer.api.problems import Problem, ProblemReason

AGAIN_S = 2
"""What a reader is told when too many are before it."""


class Gate:
    """Counts the reads in hand, waits for a position and whole exports included."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open = 0
        api.metrics.gauge("open_reads", "Reads that are being answered.").set_function(lambda: self._open)

    def refuse_floods(self, request: web.Request) -> None:
        """Take one read from the address's bucket. Raises Problem (429)."""
        retry_after_s = self._api.retry_after_s(request)
        if retry_after_s is not None:
            raise Problem(
                ProblemReason.RATE_LIMITED,
                429,
                "This address asks more often than it may.",
                headers={"Retry-After": str(retry_after_s)},
            )

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """One more read for the block's length. Raises Problem (503)."""
        if self._open >= self._api.max_open_reads:
            detail = "Too many reads are being answered; try again."
            raise Problem(ProblemReason.TOO_BUSY, 503, detail, headers={"Retry-After": str(AGAIN_S)})
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
