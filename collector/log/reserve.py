"""Room kept back on the disk, so that an erasure is possible when there is none left.

Somebody's right to be erased does not wait for a larger disk, and erasing writes before it frees anything. An empty
file says that the room was given up, also to the next process.
"""

import errno
import os
from pathlib import Path


class Reserve:
    """A file of nothing that can be given up. Never read."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self.size_bytes = size_bytes

    @property
    def given_up_bytes(self) -> int:
        """What was kept back once, was given up, and is to be kept back again."""
        return self.size_bytes if self._path.exists() and self._held() == 0 else 0

    def keep(self, free_bytes: int, headroom_bytes: int) -> None:
        """Keep the room back, if so much is free besides. Raises OSError."""
        if self._held() >= self.size_bytes or free_bytes < headroom_bytes + self.size_bytes:
            return
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, self.size_bytes)
        except OSError as error:
            os.ftruncate(file, 0)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        finally:
            os.close(file)

    def give_up(self) -> int:
        """Free the room; how many bytes that were. Raises OSError."""
        held = self._held()
        if held:
            os.truncate(self._path, 0)
        return held

    def _held(self) -> int:
        try:
            return self._path.stat().st_blocks * 512  # st_blocks counts 512 bytes each, see stat(2)
        except FileNotFoundError:
            return 0
