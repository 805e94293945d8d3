"""The defects that load_tests/sabotage.py plants: each a plausible mistake, and the test that must notice it."""

from typing import NamedTuple

LOG = "collector/log/sqlite.py"


class Defect(NamedTuple):
    """A mistake, as changes of words in one file."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    """(sound, broken); the sound words stand in the file exactly once."""
    test: str
    """The test that must turn red."""


DEFECTS = (
    Defect(
        "synchronous normal",
        LOG,
        (('synchronous="full"', 'synchronous="normal"'),),
        "tests/collector/log/test_sqlite_log.py::test_commits_are_synced_and_shared",
    ),
)
