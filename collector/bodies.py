"""The bodies in hand: how many bytes they may take together, from their first byte until their events are stored.

What must live here: who has to go when there is no room. Bodies that trickle in hold their room longest, so the one
that has been arriving longest goes first, and a sender who keeps many half-sent bodies open keeps nobody else out.
"""

from typing import Protocol, Self

LARGE_BYTES = 32 * 1024
"""A body above this may hold hundreds of events, and takes turns with others of its kind."""


class NoRoom(TimeoutError):
    """Too much is in hand. Answer 503, and let the sender come again.

    A TimeoutError because aiohttp then lets go of the unread rest of the body without a word, as of one that is late.
    """


class Content(Protocol):
    """Where a body comes from: aiohttp's StreamReader."""

    def set_exception(self, exc: BaseException) -> None: ...


class Bodies:
    """All bodies of a process, at most `max_bytes` in sum."""

    def __init__(self, max_bytes: int) -> None:
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._arriving: dict[Body, None] = {}

    def holding(self, content: Content) -> "Body":
        """A body for a `with` block's length. Whoever reads `content` may meet NoRoom."""
        return Body(self, content)

    def _resize(self, body: "Body", size: int) -> None:
        self.held_bytes += size - body.size
        body.size = size

    def _make_room(self, wanted_by: "Body") -> None:
        while self.held_bytes > self._max_bytes:
            longest = next(iter(self._arriving), wanted_by)
            self._arriving.pop(longest, None)
            self._resize(longest, 0)
            if longest is wanted_by:
                raise NoRoom
            longest.content.set_exception(NoRoom())


class Body:
    """One body, and the bytes it takes."""

    __slots__ = ("_bodies", "content", "size")

    def __init__(self, bodies: Bodies, content: Content) -> None:
        self._bodies = bodies
        self.content = content
        self.size = 0

    def __enter__(self) -> Self:
        self._bodies._arriving[self] = None
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies._resize(self, 0)
        self._bodies._arriving.pop(self, None)

    def grow(self, size: int) -> None:
        """It takes this many bytes now. Raises NoRoom when it is this one that has to go."""
        self._bodies._resize(self, size)
        self._bodies._make_room(self)

    def arrived(self) -> None:
        """It is complete: it stays until its block ends, whoever else wants room."""
        self._bodies._arriving.pop(self, None)
