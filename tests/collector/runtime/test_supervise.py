import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

import collector
from collector.runtime.supervise import Child

ROOT = Path(collector.__file__).parents[1]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]
BOUND = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from collector.runtime.supervise import end_with_parent
end_with_parent(timeout_s=0.5)
BEFORE_SLEEP
while True:
    time.sleep(60)
"""
PARENT = f"""
import asyncio, sys
sys.path.insert(0, {str(ROOT)!r})
from collector.runtime.supervise import Child

async def main():
    async with Child([sys.executable, "-c", sys.argv[1]], name="child") as child:
        print(child.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_a_child_runs_until_it_is_stopped() -> None:
    child = Child(SLEEP, name="child")
    await child.start()
    pid = child.pid
    assert pid is not None
    assert alive(pid)
    await child.stop()
    await child.stop()
    assert not alive(pid)
    assert (child.pid, child.running, child.restarts) == (None, False, 0)


async def test_a_child_that_dies_is_started_again() -> None:
    told: list[int] = []
    async with Child(SLEEP, name="child", first_pause_s=0.01, on_restart=lambda: told.append(1)) as child:
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: child.pid not in (None, first))
        assert (child.restarts, told) == (1, [1])


async def test_a_child_that_keeps_dying_is_started_ever_more_slowly() -> None:
    async with Child([sys.executable, "-c", "raise SystemExit(3)"], name="child", first_pause_s=0.1) as child:
        await asyncio.sleep(1.2)
        assert 1 <= child.restarts <= 4  # after 0.1, 0.2, 0.4 … s, and the time Python takes to start


async def test_a_child_that_ignores_the_request_is_killed() -> None:
    async with Child(STUBBORN, name="child", stop_timeout_s=0.3) as child:
        await asyncio.sleep(0.3)
        pid = child.pid
        assert pid is not None
    assert not alive(pid)


async def test_a_stop_while_the_child_waits_for_its_restart_ends_it_for_good() -> None:
    child = Child([sys.executable, "-c", ""], name="child", first_pause_s=30)
    await child.start()
    await eventually(lambda: not child.running)
    await child.stop()
    assert (child.running, child.restarts) == (False, 0)


def orphan(before_sleep: str) -> int:
    """A child's pid whose parent has just been killed without any chance to say goodbye."""
    code = BOUND.replace("BEFORE_SLEEP", before_sleep)
    with subprocess.Popen([sys.executable, "-c", PARENT, code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    return pid


def test_a_process_that_no_parent_watches_over_is_left_alone() -> None:
    code = BOUND.replace("BEFORE_SLEEP", "time.sleep(0.3); raise SystemExit(7)")
    assert subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, check=False).returncode == 7


async def test_a_child_ends_when_its_parent_is_killed() -> None:
    pid = await asyncio.to_thread(orphan, "")
    await eventually(lambda: not alive(pid))


async def test_a_child_that_will_not_end_without_its_parent_is_made_to() -> None:
    pid = await asyncio.to_thread(orphan, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    await eventually(lambda: not alive(pid))
