import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import collector
from collector.runtime.doorbell import Doorbell, Ringer, Signal, ring

ROOT = Path(collector.__file__).parents[1]
LISTEN = """
import asyncio, sys
from pathlib import Path
from collector.runtime.doorbell import Doorbell

async def main():
    with Doorbell(Path(sys.argv[1]), "log") as bell:
        print("ready")
        while await bell.wait(20):
            print("heard")

asyncio.run(main())
"""
RING = """
import sys
from pathlib import Path
from collector.runtime.doorbell import Ringer

ringer = Ringer(Path(sys.argv[1]), "log")
for line in sys.stdin:
    ringer.ring()
"""


def python(code: str, run_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, str(run_dir)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def bell_dir(tmp_path: Path) -> Path:
    return tmp_path


async def test_a_ring_wakes_the_listener(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        waiting = asyncio.create_task(bell.wait(5))
        await asyncio.sleep(0.01)
        ring(bell_dir, "log")
        async with asyncio.timeout(0.5):
            assert await waiting


async def test_nobody_rang_is_false_after_the_timeout(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        assert not await bell.wait(0.02)


async def test_a_ring_between_two_waits_is_not_lost_and_several_count_as_one(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        assert not await bell.wait(0)
        for _ in range(3):
            ring(bell_dir, "log")
        assert await bell.wait(0)
        assert not await bell.wait(0)


async def test_a_ring_between_looking_and_waiting_is_not_lost_to_another_waiter(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        heard = bell.heard()
        ring(bell_dir, "log")
        assert await bell.wait(1)
        assert await bell.wait(0, after=heard)


async def test_one_ring_wakes_every_waiter_and_every_listener(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as one, Doorbell(bell_dir, "log") as other:
        heard = one.heard()
        waiting = [asyncio.create_task(one.wait(5, after=heard)) for _ in range(3)]
        waiting.append(asyncio.create_task(other.wait(5)))
        await asyncio.sleep(0.01)
        ring(bell_dir, "log")
        async with asyncio.timeout(0.5):
            assert await asyncio.gather(*waiting) == [True] * 4


async def test_topics_do_not_hear_each_other(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        ring(bell_dir, "store")
        assert not await bell.wait(0)


async def test_a_ring_to_nobody_is_no_error(bell_dir: Path) -> None:
    ring(bell_dir, "log")
    ring(bell_dir / "missing", "log")


async def test_a_closed_bell_leaves_nothing_behind(bell_dir: Path) -> None:
    bell = Doorbell(bell_dir, "log")
    bell.close()
    bell.close()
    assert os.listdir(bell_dir) == []


async def test_a_cancelled_wait_leaves_the_bell_working(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        waiting = asyncio.create_task(bell.wait(5))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        ring(bell_dir, "log")
        assert await bell.wait(0.5)


async def test_a_bell_nobody_answers_never_blocks_the_ringer(bell_dir: Path) -> None:
    with Doorbell(bell_dir, "log") as bell:
        ringer = Ringer(bell_dir, "log")
        for _ in range(70_000):  # a pipe holds 65,536 bytes on Linux
            ringer.ring()
        assert await bell.wait(0)
        ringer.ring()
        assert await bell.wait(0)
        ringer.close()


async def test_a_ringer_notices_a_listener_that_comes_later(bell_dir: Path) -> None:
    ringer = Ringer(bell_dir, "log")
    ringer.ring()
    with Doorbell(bell_dir, "log") as bell:
        for _ in range(12):
            ringer.ring()
            if await bell.wait(0.1):
                break
        else:
            pytest.fail("not noticed in 1.2 s")
    ringer.ring()
    ringer.close()


async def test_a_bell_works_on_uvloop_too(bell_dir: Path) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def story() -> bool:
        with Doorbell(bell_dir, "log") as bell:
            waiting = asyncio.create_task(bell.wait(5))
            await asyncio.sleep(0.01)
            ring(bell_dir, "log")
            return await waiting and not await bell.wait(0.01)

    assert await asyncio.to_thread(lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(story()))


async def test_another_process_is_woken_and_wakes_us(bell_dir: Path) -> None:
    with python(LISTEN, bell_dir) as listener, python(RING, bell_dir) as ringer, Doorbell(bell_dir, "log") as bell:
        assert listener.stdout is not None
        assert ringer.stdin is not None
        assert await asyncio.to_thread(listener.stdout.readline) == "ready\n"
        for _ in range(5):
            ringer.stdin.write("ring\n")
            ringer.stdin.flush()
            assert await bell.wait(5)
            assert await asyncio.to_thread(listener.stdout.readline) == "heard\n"
        listener.terminate()


async def test_the_pipe_of_a_killed_listener_is_removed_by_the_next_ring(bell_dir: Path) -> None:
    ringer = Ringer(bell_dir, "log")
    with python(LISTEN, bell_dir) as known, python(LISTEN, bell_dir) as unknown:
        assert known.stdout is not None
        assert unknown.stdout is not None
        await asyncio.to_thread(known.stdout.readline)
        ringer.ring()
        await asyncio.to_thread(unknown.stdout.readline)
        for each in (known, unknown):
            each.send_signal(signal.SIGKILL)
    assert len(os.listdir(bell_dir)) == 2
    ringer.ring()
    ringer.close()
    assert os.listdir(bell_dir) == []


async def test_a_signal_is_the_same_within_a_process() -> None:
    bell = Signal()
    assert not await bell.wait(0)
    bell.ring()
    bell.ring()
    assert await bell.wait(0)
    waiting = asyncio.create_task(bell.wait(5))
    await asyncio.sleep(0)
    bell.ring()
    assert await waiting
