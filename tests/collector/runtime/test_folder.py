import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import collector
from collector.runtime.folder import DataFolder, FolderInUse, Lock, Taken, held, write_atomically

ROOT = Path(collector.__file__).parents[1]
OWN = """
import sys
from pathlib import Path
from collector.runtime.folder import DataFolder

with DataFolder(Path(sys.argv[1])).create().owned("http://127.0.0.1:8123"):
    print("mine")
    sys.stdin.read()
"""


def own(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", OWN, str(root)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "data").create()
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.run.stat().st_mode) == 0o700
    folder.create()


def test_everything_lies_in_the_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    names = {
        each.name for each in (folder.settings, folder.sources, folder.log, folder.refused, folder.store, folder.geo)
    }
    assert names == {"ariane.toml", "sources.toml", "log.db", "refused.db", "store.db", "geo"}


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).create()
    assert folder.owner() is None
    with folder.owned("http://here") as ownership:
        with pytest.raises(FolderInUse) as refused, folder.owned():
            pass
        assert (refused.value.pid, refused.value.url) == (os.getpid(), "http://here")
        ownership.announce("http://there")
        owner = folder.owner()
        assert owner is not None
        assert (owner.pid, owner.url) == (os.getpid(), "http://there")
    assert folder.owner() is None
    with folder.owned():
        pass


def test_a_folder_owned_by_another_process_is_in_use_until_that_process_is_gone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with own(tmp_path) as other:
        owner = folder.owner()
        assert owner is not None
        assert (owner.pid, owner.url) == (other.pid, "http://127.0.0.1:8123")
        with pytest.raises(FolderInUse, match=r"http://127\.0\.0\.1:8123"), folder.owned():
            pass
        other.send_signal(signal.SIGKILL)
    assert folder.owner_file.exists()  # nobody was left to remove it
    assert folder.owner() is None
    with folder.owned():
        assert folder.owner() is not None


def test_a_lock_names_its_holder_and_is_not_inherited(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    with pytest.raises(Taken, match=str(os.getpid())):
        Lock(tmp_path / "lock")
    child = subprocess.Popen(["sleep", "30"], close_fds=False)
    lock.close()
    lock.close()
    assert not held(tmp_path / "lock")
    Lock(tmp_path / "lock").close()
    child.kill()
    child.wait()


def test_looking_whether_a_lock_is_held_makes_nothing(tmp_path: Path) -> None:
    assert not held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"old and longer")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]
