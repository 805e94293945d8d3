"""Replay, export and import on a folder that `path_speed.py` filled: how many events, profiles and rows a second.

    python load_tests/bulk_speed.py --folder /tmp/path

Each is the real command in a process of its own, on a copy of the data, counted by the clock and by processor seconds.
Replay is set against the mind's part of the live path: processor time an event of `path_speed.py`'s last line.
"""

import argparse
import csv
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.running_ariane import ARIANE, ROOT, ariane

ROWS = 50_000
MAP = {
    "user_id": "customer",
    "timestamp": "paid_at",
    "properties.order_id": "receipt",
    "properties.revenue": "total",
    "traits.email": "email",
}


def timed(what: str, count: Callable[[], int], *arguments: object) -> None:
    """Run a command; print how many a second, by the clock and by the processor's."""
    began_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*ARIANE, *map(str, arguments)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    took_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    made = count()
    rates = f"{made / took_s:>9,.0f} a second  {made / used_s:>9,.0f} a processor second"
    print(f"{what:<16} {made:>9,} in {took_s:6.1f} s  {rates}", flush=True)


def orders(path: Path) -> None:
    """A till's receipts."""
    chance = Random(1)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("customer", "email", "receipt", "paid_at", "total"))
        for n in range(ROWS):
            customer = chance.randint(1, 10_000)
            day = f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            rows.writerow((f"c{customer}", f"c{customer}@mail.example", f"r{n}", day, f"{chance.randint(1, 200)}.90"))


def lines_of(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    copy, out = folder / "copy", folder / "exported.ndjson"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / "data", copy)
    events = ariane("verify", "--data", copy, "--json").json()["received"]
    timed("replay", lambda: events, "replay", "--data", copy)
    for what in ("events", "profiles", "sessions"):
        timed(f"export {what}", lambda: lines_of(out), "export", what, "--data", copy, "--output", out)
    out.unlink()
    table = folder / "orders.csv"
    orders(table)
    said = [f"--map={field}={column}" for field, column in MAP.items()]
    constant = "--constant=properties.currency=EUR"
    timed("import", lambda: ROWS, "import", table, "--data", copy, "--event", "Order Completed", *said, constant)
    shutil.rmtree(copy)


if __name__ == "__main__":
    main()
