"""Plant defects, one at a time, and see that a test notices each.

    python load_tests/sabotage.py                                # all of them
    python load_tests/sabotage.py "synchronous normal" --keep    # one, and leave the sabotaged sources there to look at

A defect is a change of a few words in a copy of the sources, with the test that must turn red. That test is first run
on a sound copy, where it must be green; else its red would mean nothing.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load_tests.defects import DEFECTS, Defect
from tests.running_ariane import ROOT

COPIED = ("collector", "sessionizer", "tests", "load_tests", "docs", "pyproject.toml")
TEST_TIMEOUT_S = 240
"""A defect may well make a test hang; then that is how it turns red."""


class DoesNotFit(Exception):
    """The sources no longer have the words that a defect changes: find the defect's place anew."""


def named(name: str) -> Defect:
    """The defect of that name. Raises KeyError."""
    return {each.name: each for each in DEFECTS}[name]


def planted(defect: Defect, source: str) -> str:
    """The file's text with the defect in it. Raises DoesNotFit."""
    for sound, broken in defect.changes:
        if source.count(sound) != 1:
            raise DoesNotFit(f"{defect.name}: {defect.file} has {source.count(sound)} times {sound!r}, not once")
        source = source.replace(sound, broken)
    return source


def sabotaged(defect: Defect | None, copy: Path) -> Path:
    """A copy of the sources with the defect in it; a sound one for None. Raises DoesNotFit."""
    copy.mkdir(parents=True)
    for each in COPIED:
        if (ROOT / each).is_dir():
            shutil.copytree(ROOT / each, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / each, copy / each)
    if defect is not None:
        file = copy / defect.file
        file.write_text(planted(defect, file.read_text()))
    return copy


class Verdict(NamedTuple):
    """What a test said."""

    green: bool
    said: str
    """Its last words."""


def run(tests: Sequence[str], root: Path) -> Verdict:
    """Run tests of the sources at `root`, as CI would: a test that is skipped counts as red."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--timeout={TEST_TIMEOUT_S}", *tests],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    failed = [each for each in lines if each.startswith(("FAILED", "ERROR", "SKIPPED"))]
    return Verdict(done.returncode == 0 and not failed, (failed or lines)[-1][:200])


def main() -> None:
    parser = argparse.ArgumentParser(description="Plants defects; exits with 1 when one goes unnoticed.")
    parser.add_argument("names", nargs="*", help="which; all by default")
    parser.add_argument("--keep", action="store_true", help="leave the sabotaged copies where they are")
    options = parser.parse_args()
    defects = [named(each) for each in options.names] or list(DEFECTS)
    scratch = Path(tempfile.mkdtemp(prefix="ariane-sabotage-"))
    try:
        sound = run(sorted({each.test for each in defects}), sabotaged(None, scratch / "sound"))
        if not sound.green:
            sys.exit(f"the tests are not green on sound sources: {sound.said}")
        found = 0
        for nth, each in enumerate(defects):
            copy = sabotaged(each, scratch / f"defect-{nth}")
            verdict = run([each.test], copy)
            found += not verdict.green
            colour = "GREEN: missed" if verdict.green else "red"
            print(f"{each.name:<44} {colour}  {each.test}  ({verdict.said})", flush=True)
            if not options.keep:
                shutil.rmtree(copy)
    finally:
        if not options.keep:
            shutil.rmtree(scratch)
    print(f"{found} of {len(defects)} found")
    sys.exit(found < len(defects))


if __name__ == "__main__":
    main()
