"""The server as processes: starting, stopping, dying, and its roles apart."""

import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.running_ariane import ARIANE, ROOT, Server, ariane, environment, serving

VIEW = {"anonymousId": "device-1", "messageId": "view-1", "properties": {"url": "https://shop.example/p/A"}}


def stored(server: Server, message_id: str) -> str:
    """Send one page view; the log position that covers it."""
    answer = server.post("/v1/page", {**VIEW, "messageId": message_id})
    assert answer.status == 200
    return answer.headers["Log-Position"]


def views_of(server: Server, after: str) -> int:
    return server.get("/v1/profiles/anonymous_id:device-1", after).json()["totals"]["page_views"]


def test_a_first_start_makes_the_folder_and_answers(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with serving(folder) as server:
        assert str(folder) in server.ready
        assert json.loads((folder / "run" / "owner.json").read_text())["url"] == server.url
        assert views_of(server, stored(server, "view-1")) == 1
        assert server.get("/readyz").status == 200
        assert server.stop() == 0
    assert not (folder / "run" / "owner.json").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_and_leaves_no_child(tmp_path: Path, how: signal.Signals) -> None:
    with serving(tmp_path) as server:
        children = psutil.Process(server.process.pid).children()
        assert len(children) == 1
        assert server.stop(how) == 0
        assert not any(each.is_running() for each in children)


def test_an_open_live_tail_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    with serving(tmp_path, "--stop-timeout", "5") as server:
        argv = [*ARIANE, "tail", "--data", str(tmp_path), "--json"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as tail:
            deadline = time.monotonic() + 20
            assert tail.stdout is not None
            os.set_blocking(tail.stdout.fileno(), False)
            while not tail.stdout.read():
                assert time.monotonic() < deadline, "the tail showed nothing"
                stored(server, f"view-{time.monotonic_ns()}")
                time.sleep(0.05)
            assert server.stop() == 0
            assert tail.wait(10) == 0


def test_a_killed_mind_is_started_again_and_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert views_of(server, stored(server, "view-1")) == 1
        psutil.Process(server.process.pid).children()[0].kill()
        assert views_of(server, stored(server, "view-2")) == 2
        assert len(psutil.Process(server.process.pid).children()) == 1


def test_a_killed_server_takes_its_mind_along_and_loses_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        mind = psutil.Process(server.process.pid).children()[0]
        stored(server, "view-1")
        server.stop(signal.SIGKILL)
        mind.wait(15)
    with serving(tmp_path) as server:
        assert views_of(server, stored(server, "view-2")) == 2


def test_two_servers_on_one_folder_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        second = ariane("serve", "--data", tmp_path, "--port", "0")
        assert second.status == 1
        assert server.url in second.err
        assert "Traceback" not in second.err


def test_a_taken_port_is_one_line_with_advice(tmp_path: Path) -> None:
    with serving(tmp_path / "a") as server:
        second = ariane("serve", "--data", tmp_path / "b", "--port", server.url.rpartition(":")[2])
        assert second.status == 1
        assert "--port" in second.err
        assert second.err.count("\n") == 1


def test_roles_apart_work_together_on_one_folder(tmp_path: Path) -> None:
    mind_argv = [*ARIANE, "serve", "--data", str(tmp_path), "--roles", "mind"]
    with ExitStack() as stack:
        edge = stack.enter_context(serving(tmp_path, "--roles", "edge"))
        mind = subprocess.Popen(mind_argv, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment(None))
        stack.callback(mind.wait, 30)
        stack.callback(mind.terminate)
        api = stack.enter_context(serving(tmp_path, "--roles", "api"))
        assert views_of(api, stored(edge, "view-1")) == 1
        assert api.get("/readyz").status == 200
        assert edge.get("/v1/profiles").status == 404
        exported = ariane("export", "events", "--data", tmp_path)
        assert json.loads(exported.out)["message_id"] == "view-1"
        mind.terminate()
        assert mind.wait(30) == 0


def test_an_address_that_reads_more_often_than_it_may_is_told_when_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--edge", "max_reads_per_s=0.1") as server:
        assert server.get("/v1/profiles").status == 200
        refused = server.get("/v1/profiles")
        assert (refused.status, refused.json()["reason"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.get("/readyz").status == 200


def test_all_roles_are_small_and_idle(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        views_of(server, stored(server, "view-1"))
        parent = psutil.Process(server.process.pid)
        family = [parent, *parent.children(recursive=True)]
        before = sum(sum(each.cpu_times()[:2]) for each in family)
        time.sleep(3)
        assert sum(sum(each.cpu_times()[:2]) for each in family) - before < 0.15
        assert sum(each.memory_info().rss for each in family) < 150 * 2**20
