"""One running stack for all stories; each story is about people and ids of its own."""

from collections.abc import Iterator

import pytest

from tests.journeys.running import Stack, running


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("shop") / "data") as stack:
        yield stack


@pytest.fixture
def shop(shared_stack: Stack) -> Stack:
    """The shared stack, with nothing waited for yet."""
    shared_stack.written = None
    return shared_stack
