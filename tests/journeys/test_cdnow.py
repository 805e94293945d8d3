"""A real order history, imported: CDNOW, 69,659 orders of 23,570 people from 1997 and 1998.

It comes with the Python package `lifetimes` (MIT, Cameron Davidson-Pilon). Fetched by name once and cached; where no
registry answers, a part of it stands in: the first 400 people, kept in `data/` with its licence.
"""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.running_ariane import ROOT, Server, ariane, serving

SAMPLE = Path(__file__).parent / "data" / "cdnow_first_400.txt"
INSIDE = "lifetimes/datasets/CDNOW_master.txt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ariane-tests"
FETCH_TIMEOUT_S = 90
HOW = (
    *("--delimiter", "whitespace", "--timestamp-format", "%Y%m%d", "--event", "Order Completed"),
    *("--map", "user_id=customer_id", "--map", "timestamp=date", "--map", "properties.revenue=dollar_value"),
    *("--map", "properties.quantity=number_of_cds", "--constant", "properties.currency=USD"),
)
"""As docs/operations.md has it."""


class Totals(NamedTuple):
    """What a person bought, and from when to when."""

    orders: int
    revenue: Decimal
    first: str
    last: str


def history() -> Path:
    """The whole file, from the cache or a registry, else the sample."""
    whole = CACHE / "CDNOW_master.txt"
    if whole.exists():
        return whole
    CACHE.mkdir(parents=True, exist_ok=True)
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries", "1", "lifetimes==0.11.3"]
    try:
        subprocess.run([*fetch, "-d", str(CACHE)], check=True, capture_output=True, timeout=FETCH_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return SAMPLE
    wheel = next(each for each in CACHE.iterdir() if each.name.lower().startswith("lifetimes-0.11.3"))
    unfinished = whole.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(zipfile.ZipFile(wheel).read(INSIDE))
    unfinished.replace(whole)
    return whole


def straight_from(file: Path) -> dict[str, Totals]:
    """Everyone's totals, by nothing but splitting and Decimal."""
    orders: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for line in file.read_text().splitlines()[1:]:
        customer, day, _cds, dollars = line.split()
        orders[customer].append((f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00.000Z", Decimal(dollars)))
    return {
        customer: Totals(
            len(found),
            sum((each for _, each in found), Decimal()),
            min(day for day, _ in found),
            max(day for day, _ in found),
        )
        for customer, found in orders.items()
    }


def as_profiles_say(export: bytes) -> dict[str, Totals]:
    found: dict[str, Totals] = {}
    for line in export.splitlines():
        profile = json.loads(line)
        (user_id,) = (each["value"] for each in profile["identifiers"] if each["type"] == "user_id")
        totals = profile["totals"]
        assert totals["events"] == totals["orders"]
        assert totals["revenue"].keys() == {"USD"}
        money = Decimal(totals["revenue"]["USD"])
        found[user_id] = Totals(totals["orders"], money, profile["first_seen"], profile["last_seen"])
    return found


def imported(server: Server, folder: Path, file: Path) -> None:
    started = time.monotonic()
    done = ariane("import", file, "--data", folder, *HOW, "--json")
    took = time.monotonic() - started
    assert done.status == 0, done.err
    report = done.json()
    caught_up = server.get("/v1/profiles?limit=1", str(report["position"]))
    while caught_up.status == 504:
        caught_up = server.get("/v1/profiles?limit=1", str(report["position"]))
    assert caught_up.status == 200
    folded = time.monotonic() - started
    print(f"\n{report['rows']:,} rows imported in {took:.1f} s, all of them folded in after {folded:.1f} s")


@pytest.mark.timeout(600)
def test_everyones_totals_equal_those_computed_from_the_file_and_a_second_import_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = history()
    expected = straight_from(file)
    with serving(tmp_path) as server, capsys.disabled():
        imported(server, tmp_path, file)
        exports = {what: server.get(f"/v1/export/{what}").body for what in ("profiles", "events", "sessions")}
        assert as_profiles_say(exports["profiles"]) == expected
        imported(server, tmp_path, file)
        for what, before in exports.items():
            assert server.get(f"/v1/export/{what}").body == before, f"a second import changed the {what}"
    if file != SAMPLE:
        assert (len(expected), sum(each.orders for each in expected.values())) == (23_570, 69_659)


def test_the_documented_command_is_the_one_tested() -> None:
    text = " ".join((ROOT / "docs" / "operations.md").read_text("utf-8").replace("\\\n", " ").split())
    for option, value in zip(HOW[::2], HOW[1::2], strict=True):
        assert f'{option} "{value}"' in text or f"{option} {value}" in text
