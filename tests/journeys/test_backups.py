"""Backups: made under load, restored whole or not at all, and no way back for whoever was erased."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionizer.backups import NotABackup, check, read_manifest
from tests.journeys.load import Load
from tests.journeys.test_erasure import batch, delete, of_bob, tell_story, traces
from tests.running_ariane import Server, ariane, serving

Names = list[tuple[str, str]]
"""(device, message id) of events: what tells them apart."""


def events_of(server: Server, after: str | None = None) -> Names:
    rows = map(json.loads, server.get("/v1/export/events", after).body.splitlines())
    return sorted((row["anonymous_id"], row["message_id"]) for row in rows)


def names(batches: list[dict[str, Any]]) -> Names:
    sent = [event for each in batches for event in each["batch"]]
    return [(event["anonymousId"], event["messageId"]) for event in sent if "messageId" in event]


def folded(folder: Path) -> str:
    """The state's name, once what was pending is folded in."""
    assert ariane("export", "profiles", "--data", folder).status == 0
    return ariane("verify", "--digest", "--data", folder).out


def test_a_backup_under_load_holds_all_that_was_acknowledged_before_and_dedupes_what_comes_after(
    tmp_path: Path,
) -> None:
    data, copy, restored = tmp_path / "data", tmp_path / "copy", tmp_path / "restored"
    with serving(data) as server:
        load = Load(server)
        with load.running():
            time.sleep(0.7)
            before = list(load.sent)
            made = ariane("backup", "--data", data, "--to", copy, "--json")
            assert made.status == 0, made.err
            time.sleep(0.3)
    done = ariane("restore", copy, "--data", restored)
    assert done.status == 0, done.err
    assert {each.stat().st_mode & 0o77 for each in (copy, *copy.iterdir(), restored, *restored.glob("*.*"))} == {0}

    state = folded(restored)
    assert ariane("replay", "--data", restored, "--into", tmp_path / "replayed").status == 0
    assert ariane("verify", "--digest", "--data", tmp_path / "replayed").out == state
    assert ariane("verify", "--deep", "--data", restored).status == 0

    with serving(restored) as server:
        assert set(names(before)) <= set(events_of(server))
        everything = [each for sent in load.sent for each in sent["batch"]]
        for start in range(0, len(everything), 500):
            after = server.post("/v1/batch", {"batch": everything[start : start + 500]}).headers["Log-Position"]
        assert events_of(server, after) == sorted(set(names(load.sent)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    with serving(root / "data") as server:
        tell_story(server)
        assert ariane("backup", "--data", root / "data", "--to", root / "copy").status == 0
    return root / "copy"


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def flip(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(bytes(body))


TORN: list[tuple[str, Callable[[Path], None], str]] = [
    ("log.db", cut, "bytes"),
    ("log.db", flip, "SHA-256"),
    ("store.db", flip, "SHA-256"),
    ("sources.toml", Path.unlink, "is missing"),
    ("manifest.json", cut, "cannot be read"),
    ("manifest.json", Path.unlink, "never finished"),
]


@pytest.mark.parametrize(("name", "how", "says"), TORN)
def test_a_torn_backup_is_known_as_one(
    made: Path, tmp_path: Path, name: str, how: Callable[[Path], None], says: str
) -> None:
    torn = shutil.copytree(made, tmp_path / "torn")
    how(torn / name)
    with pytest.raises(NotABackup, match=says):
        list(check(torn, read_manifest(torn)))


def test_a_torn_backup_is_not_restored(made: Path, tmp_path: Path) -> None:
    torn = shutil.copytree(made, tmp_path / "torn")
    flip(torn / "log.db")
    done = ariane("restore", torn, "--data", tmp_path / "restored")
    assert done.status == 1
    assert "SHA-256" in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["torn"]


def test_nothing_is_written_over(made: Path, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    for refused in (
        ariane("restore", made, "--data", tmp_path),
        ariane("backup", "--data", made.parent / "data", "--to", tmp_path),
    ):
        assert refused.status == 1
        assert "there already" in refused.err
    assert [each.name for each in tmp_path.iterdir()] == ["something"]


def test_whoever_is_erased_leaves_the_backups_too_and_does_not_come_back(tmp_path: Path) -> None:
    data, near, away = tmp_path / "data", tmp_path / "near", tmp_path / "away"
    with serving(data) as server:
        tell_story(server)
        assert ariane("backup", "--data", data).status == 0
        for each in (near, away):
            assert ariane("backup", "--data", data, "--to", each).status == 0
        assert traces(near)
        away.rename(tmp_path / "elsewhere")
        late = batch(server, {"type": "page", "anonymousId": "bobs-phone", "userId": "bob", "messageId": "bob-4"})
        before = of_bob(server, late)
        told = {each["path"]: each for each in delete(server, "email:ada@example.com").json()["backups"]}
        assert of_bob(server, late) == before
    assert [each["clean"] for each in told.values()] == [True, True, False]
    assert "no backup" in told[str(away)]["why"]
    assert traces(data) == traces(near) == []

    for backup, options in ((near, ()), (tmp_path / "elsewhere", ("--erasures-of", data))):
        restored = tmp_path / f"restored-{backup.name}"
        done = ariane("restore", backup, "--data", restored, *options, "--json")
        assert done.status == 0, done.err
        assert traces(restored) == []
        with serving(restored) as server:
            assert server.get("/v1/profiles/user_id:ada-4711").status == 404
            assert len(server.get("/v1/profiles/user_id:bob/timeline").json()["events"]) == 3
            again = {
                "type": "page",
                "anonymousId": "adas-laptop",
                "messageId": "ada-m7",
                "timestamp": "2026-11-20T01:30:00Z",
            }
            after = batch(server, again)
            assert server.get("/v1/profiles/anonymous_id:adas-laptop", after).status == 404
        assert ariane("verify", "--deep", "--data", restored).status == 0

    (tmp_path / "elsewhere").rename(away)  # within reach again: the next start cleans it
    with serving(data):
        deadline = time.monotonic() + 60
        while traces(away) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert traces(away) == []
    assert ariane("restore", away, "--data", tmp_path / "last").status == 0
