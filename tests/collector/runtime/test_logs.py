import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from collector.runtime import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def logged(lines: logs.Format, message: str, **extra: Any) -> str:
    stream = io.StringIO()
    logs.set_up(lines, "info", stream)
    logging.getLogger("ariane.test").warning(message, extra=extra)
    return stream.getvalue()


def test_json_lines_are_one_object_each() -> None:
    said = json.loads(logged("json", "child ended", child="mind", status=-9, where={1: 2}))
    assert (said["level"], said["logger"], said["message"]) == ("warning", "ariane.test", "child ended")
    assert (said["child"], said["status"]) == ("mind", -9)
    assert said["time"].endswith("Z")


def test_text_lines_are_pairs_and_quote_what_needs_it() -> None:
    line = logged("text", "child ended", child="mind", why='a "b"\nc', empty="")
    assert line.count("\n") == 1
    assert line.endswith('message="child ended" child=mind why="a \\"b\\"\\nc" empty=""\n')


def test_a_traceback_is_kept() -> None:
    for lines in ("json", "text"):
        stream = io.StringIO()
        logs.set_up(lines, stream=stream)  # type: ignore[arg-type]
        try:
            raise ArithmeticError("why")
        except ArithmeticError:
            logging.getLogger("x").exception("failed")
        assert "ArithmeticError: why" in stream.getvalue()


@pytest.mark.parametrize("lines", ["json", "text"])
def test_no_line_names_a_person(lines: logs.Format) -> None:
    line = logged(lines, "failed at /v1/profiles/email:a%40b.example/timeline?limit=1", path="/v1/profiles/user_id:42")
    assert "a%40b" not in line
    assert "42" not in line.partition("message")[2]
    assert "/v1/profiles/{who}/timeline" in line


def test_the_access_log_is_off() -> None:
    stream = io.StringIO()
    logs.set_up("text", "debug", stream)
    logging.getLogger("aiohttp.access").info("GET /v1/profiles/email:x")
    logging.getLogger("aiosqlite").debug("executing secrets")
    assert stream.getvalue() == ""
