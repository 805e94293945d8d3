"""Draws the samples of a soak, one picture a question, and says in a summary whether anything grew.

    pip install matplotlib
    python load_tests/plot_soak.py /tmp/soak/samples.ndjson load_tests/results

Writes `soak-*.svg`, `soak.ndjson` (every sixth sample, one a minute) and `soak-summary.json` there: for each figure its
median over the first and the last half hour of the steady phase, and over the busy phase. Works on a soak that is still
running, and says how far it has come.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

PICTURES = {
    "memory": ("resident memory, MB", ("rss_http_mb", "rss_mind_mb")),
    "descriptors": ("open file descriptors", ("fds_http", "fds_mind")),
    "wal": ("write-ahead logs, MB", ("wal_log_mb", "wal_store_mb")),
    "disk": ("data folder, MB", ("disk_mb",)),
    "ingest": ("ingest request, ms", ("ingest_p50_ms", "ingest_p99_ms")),
    "write-to-read": ("write to read, ms", ("write_to_read_p50_ms", "write_to_read_p99_ms")),
    "profile-read": ("profile read, ms", ("profile_read_p50_ms", "profile_read_p99_ms")),
    "load": ("load average of the machine, all its users", ("load_1min",)),
}
HALF_HOUR_S = 1800.0
THINNED = 6
Sample = dict[str, Any]


def draw(samples: list[Sample], into: Path) -> None:
    """One SVG a picture; the busy phase on a grey ground."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ariane"  # the same samples, the same bytes
    from matplotlib import pyplot

    busy = [each["t_s"] / 60 for each in samples if each["phase"] != "steady"]
    for name, (title, fields) in PICTURES.items():
        figure, axes = pyplot.subplots(figsize=(8, 2.6), layout="constrained")
        for field in fields:
            points = [(each["t_s"] / 60, each[field]) for each in samples if field in each]
            axes.plot(*zip(*points, strict=True), label=field, linewidth=0.9)
        if busy:
            axes.axvspan(busy[0], busy[-1], color="0.9", label="capacity, then 60 % of it")
        if name in ("ingest", "write-to-read", "profile-read"):
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set(title=title, xlabel="minutes")
        axes.legend(fontsize="small", loc="upper left")
        figure.savefig(into / f"soak-{name}.svg", metadata={"Date": None})
        pyplot.close(figure)


def summary(samples: list[Sample]) -> dict[str, Any]:
    """What the samples come to."""
    steady = [each for each in samples if each["phase"] == "steady"]
    busy = [each for each in samples if each["phase"] == "busy"]
    last_s = steady[-1]["t_s"]
    stretches = {
        "first_half_hour": [each for each in steady if 300 <= each["t_s"] < 300 + HALF_HOUR_S],
        "last_half_hour": [each for each in steady if each["t_s"] > last_s - HALF_HOUR_S],
        "busy": busy,
    }
    fields = sorted({field for each in samples for field in each} - {"t_s", "phase", "events", "requests", "failed"})
    last = samples[-1]
    return {
        "steady_s": last_s,
        "busy_s": busy[-1]["t_s"] - busy[0]["t_s"] if busy else 0.0,
        "steady_events_per_s": round(steady[-1]["events"] / last_s, 1),
        "busy_events_per_s": _rate(busy),
        **{name: last[name] for name in ("events", "requests", "failed")},
        "bytes_an_event": round(last["disk_mb"] * 2**20 / last["events"]),
        "medians": {
            field: {
                name: round(statistics.median(found), 2)
                for name, each in stretches.items()
                if (found := [sample[field] for sample in each if field in sample])
            }
            for field in fields
        },
    }


def _rate(samples: list[Sample]) -> float:
    if len(samples) < 2:
        return 0.0
    first, last = samples[0], samples[-1]
    return round((last["events"] - first["events"]) / (last["t_s"] - first["t_s"]), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path)
    parser.add_argument("into", type=Path)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    lines = given.samples.read_text().splitlines()
    samples = [json.loads(line) for line in lines]
    thinned = [line for number, line in enumerate(lines) if number % THINNED == 0]
    (given.into / "soak.ndjson").write_text("\n".join(thinned) + "\n")
    draw(samples, given.into)
    said = summary(samples)
    (given.into / "soak-summary.json").write_text(json.dumps(said, indent=1) + "\n")
    print(
        f"{said['steady_s'] / 60:.0f} minutes steady, {said['busy_s'] / 60:.0f} busy, "
        f"{said['events']:,} events, {said['failed']} failed requests"
    )


if __name__ == "__main__":
    main()
