"""The README's first ten minutes, run as they are written, so that they stay true."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.running_ariane import ROOT, environment, serving

README = (ROOT / "README.md").read_text("utf-8")


def commands() -> str:
    """The indented lines of that section, but for what sets up, and what runs until it is stopped."""
    section = README.split("## Your first ten minutes")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("    ")]
    left_out = ("source ", "ariane serve")
    return "\n".join(each for each in textwrap.dedent("\n".join(lines)).splitlines() if not each.startswith(left_out))


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_the_first_ten_minutes_are_true(tmp_path: Path) -> None:
    shim = tmp_path / "bin" / "ariane"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m sessionizer.cli "$@"\n')
    shim.chmod(0o755)
    path = os.pathsep.join((str(shim.parent), str(Path(sys.executable).parent), os.environ["PATH"]))
    with serving(tmp_path / "data") as server:
        script = commands().replace("http://127.0.0.1:8080", server.url)
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**environment(None), "PATH": path},
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.count('{"success":true}') == 2
    assert '"type":"email","value":"jane.doe@example.com"' in said
    assert '"because":' in said
    assert f'src="{server.url}/t.js"' in said
    assert "2 rows: 2 imported, 0 not" in said
    assert '"orders":2,"revenue":{"EUR":"79.60"}' in said
    assert "The books balance" in said


def test_every_document_it_names_exists() -> None:
    named = [part.split(")")[0] for part in README.split("](")[1:]]
    assert named
    for each in named:
        assert (ROOT / each).exists(), each
