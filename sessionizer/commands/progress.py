"""A progress bar on standard error, when somebody is watching; else nothing, so that scripts and logs stay clean."""

import contextlib
import sys
from collections.abc import Callable, Iterator

Show = Callable[[float, float | None], None]
"""Show how much is done, and of how much (None: unknown)."""


def show_nothing(done: float, total: float | None) -> None:
    """Nobody is watching."""


@contextlib.contextmanager
def progress(what: str, *, unit: str = "") -> Iterator[Show]:
    """A bar for the block's length; the function given out moves it."""
    if not sys.stderr.isatty():
        yield show_nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    count = TextColumn("{task.completed:,.0f} " + unit)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
