"""A full disk under load: no lie, no loss, and who wants to be forgotten is. In full: `load_tests/full_disk.py`."""

import time
from pathlib import Path

import pytest

from load_tests.full_disk import fill, small_disk, torment
from load_tests.shim import Missing
from tests.running_ariane import serving

pytestmark = pytest.mark.timeout(300)


def test_a_full_disk_under_load_loses_nothing_and_erases_all_the_same(tmp_path: Path) -> None:
    try:
        outcome = torment(tmp_path, rounds=1, full_s=0.5)
    except Missing as missing:  # a mount is not to be had everywhere, in CI neither
        pytest.skip(str(missing))
    assert (outcome.lies, outcome.problems, outcome.erased) == ([], [], 1)
    assert outcome.answers.keys() == {200, 503}


def test_a_server_that_is_started_on_a_full_disk_answers_and_takes_events_once_there_is_room(tmp_path: Path) -> None:
    page = {"anonymousId": "a", "messageId": "m1", "timestamp": "2026-03-02T08:00:00Z"}
    try:
        with small_disk(tmp_path / "disk") as disk:
            with serving(disk / "data") as server:
                assert server.post("/v1/page", page).status == 200
            fill(disk / "ballast")
            with serving(disk / "data") as server:
                refused = server.post("/v1/page", page)
                assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (503, True)
                assert server.get("/v1/profiles/anonymous_id:a").status == 200
                (disk / "ballast").unlink()
                while server.post("/v1/page", page).status == 503:
                    time.sleep(0.1)
                assert (disk / "data" / "log.db.reserve").stat().st_size > 0
    except Missing as missing:
        pytest.skip(str(missing))
