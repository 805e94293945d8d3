import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import collector
from collector.runtime.loop import run

ROOT = Path(collector.__file__).parents[1]
WAIT = """
import asyncio
from collector.runtime.loop import run, until_told_to_stop

async def main():
    told = asyncio.create_task(until_told_to_stop())
    await asyncio.sleep(0)
    print("ready", flush=True)
    await told
    print("tidied", flush=True)

run(main())
"""


async def answer() -> tuple[int, str]:
    return 42, type(asyncio.get_running_loop()).__module__


def test_a_coroutine_runs_to_its_result_on_uvloop_where_there_is_one() -> None:
    number, loop = run(answer())
    assert number == 42
    if "uvloop" in sys.modules:
        assert loop.startswith("uvloop")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_process_told_to_stop_tidies_up_first(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WAIT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(how)
        assert process.stdout.read() == "tidied\n"
        assert process.wait(5) == 0
