"""A running edge for the tests of the edge."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running_edge import RunningEdge, make_edge, running


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with running(make_edge(tmp_path)) as started:
        yield started
