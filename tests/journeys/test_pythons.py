"""Every Python we support, with whatever hash seed, makes the same of one log, byte for byte.

Runs on the Pythons that are at hand, by the PATH or of pyenv. One that lacks the packages gets an
environment in the temporary folder, installed with pip; without a package index that one is skipped.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running_ariane import ROOT, ariane, serving

SUPPORTED = ("3.11", "3.12", "3.13")
INSTALL_TIMEOUT_S = 300.0


def python_of(version: str) -> Path | None:
    """An interpreter of this version that starts."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(f"python{version}")
    candidates = [*([Path(on_path)] if on_path else []), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for each in candidates:
        asked = subprocess.run([each, "-c", "import sys; print(sys.version)"], capture_output=True, text=True)
        if asked.stdout.startswith(f"{version}."):
            return each
    return None


def equipped(python: Path, version: str, folder: Path) -> Path:
    """An interpreter of the same kind that has what Ariane needs."""
    if subprocess.run([python, "-c", "import aiohttp, msgspec, phonenumbers"], capture_output=True).returncode == 0:
        return python
    subprocess.run([python, "-m", "venv", folder / version], check=True, capture_output=True)
    made = folder / version / "bin" / "python"
    pip = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "0", ROOT]
    installed = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    if installed.returncode:
        pytest.skip(f"cannot install for Python {version}: {installed.stderr[-300:]}")
    return made


def replayed(python: Path, seed: str, log_of: Path, into: Path) -> dict[str, Any]:
    """The digest of a log, folded anew by this Python with this hash seed."""
    env = {**os.environ, "PYTHONHASHSEED": seed}
    command = [python, "-m", "sessionizer.cli"]
    subprocess.run([*command, "replay", "--data", log_of, "--into", into], cwd=ROOT, env=env, check=True)
    digest = [*command, "verify", "--data", into, "--digest", "--json"]
    told: dict[str, Any] = json.loads(subprocess.run(digest, cwd=ROOT, env=env, check=True, capture_output=True).stdout)
    return told


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with shared devices, shared contacts, aliases, late events and a retraction, and its digest."""
    root = tmp_path_factory.mktemp("lived-in")
    with serving(root) as server:
        batch: list[dict[str, Any]] = []
        for n in range(400):
            minute = n * 7 % 1440
            event = {"messageId": f"m{n}", "timestamp": f"2026-11-20T{minute // 60:02}:{minute % 60:02}:00Z"}
            event |= {"type": "page", "anonymousId": f"d{n % 17}", "properties": {"url": f"https://shop.example/{n}"}}
            if n % 5 == 0:
                event |= {"type": "identify", "userId": f"u{n % 13}", "traits": {"email": f"home{n % 4}@x.org", "n": n}}
            if n % 7 == 0:
                event |= {
                    "type": "identify",
                    "traits": {"email": f"home{n % 6}@x.org", "phone": f"+4930123456{n % 30}"},
                }
            if n % 11 == 0:
                bought = {"order_id": f"o{n % 60}", "revenue": f"{n}.90", "currency": ("EUR", "USD", "CHF")[n % 3]}
                event |= {"type": "track", "event": "Order Completed", "properties": bought}
            batch.append(event)
        server.post("/v1/batch", {"batch": batch})
        alias = {"type": "alias", "userId": "u1", "previousId": "u2", "messageId": "alias"}
        answer = server.post("/v1/alias", alias, key="server_key")
        server.get("/v1/profiles/user_id:u1", answer.headers["Log-Position"])
    done = ariane("retract", "m5", "m10", "--data", root, "--reason", "a shared laptop")
    assert done.status == 0, done.err
    assert ariane("export", "profiles", "--data", root).status == 0
    return root, ariane("verify", "--data", root, "--digest", "--json").json()


@pytest.mark.timeout(INSTALL_TIMEOUT_S + 120)
@pytest.mark.parametrize("version", SUPPORTED)
def test_every_python_and_hash_seed_makes_the_same_of_a_log(
    lived_in: tuple[Path, dict[str, Any]], version: str, tmp_path: Path
) -> None:
    root, expected = lived_in
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    python = equipped(python, version, tmp_path)
    for seed in ("0", "1", "4711"):
        assert replayed(python, seed, root, tmp_path / f"seed-{seed}") == expected
