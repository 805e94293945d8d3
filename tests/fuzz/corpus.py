"""Inputs worth trying again: one a line, as a JSON text with a character a byte, so that changes can be read."""

import json
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "inputs"


def read_corpus(name: str) -> list[bytes]:
    """The inputs kept for a target; none where there is no file."""
    file = FOLDER / f"{name}.txt"
    return [json.loads(line).encode("latin-1") for line in file.read_text().splitlines()] if file.exists() else []


def write_corpus(name: str, inputs: Iterable[bytes]) -> None:
    """Replace the inputs kept for a target."""
    FOLDER.mkdir(exist_ok=True)
    text = "".join(json.dumps(each.decode("latin-1")) + "\n" for each in inputs)
    (FOLDER / f"{name}.txt").write_text(text)
