"""Counters, gauges and histograms, one registry an application, in Prometheus' text format.

A process without a port publishes its metrics through a file: it writes its exposition there (`write_snapshot`), and
the HTTP process shows it beside its own (`SnapshotCollector`), each sample labelled with the process it is from, with
the file's age as a metric of its own, so that figures left by a dead process are not taken for live ones.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from collector.runtime.clock import now_ms
from collector.runtime.folder import write_atomically

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Half a millisecond, a commit on a good disk, to ten seconds, the longest a request may take."""


class Metrics:
    """One application's metrics. Names get the prefix `ariane_`; `says` is one sentence and is the documentation."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.described: dict[str, str] = {}
        """Every metric made here, by full name, with its sentence."""
        self._snapshots: list[SnapshotCollector] = []
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def counter(self, name: str, says: str, labels: Sequence[str] = ()) -> Counter:
        """Something that only grows; its name ends in `_total`."""
        return Counter(self._name(name, says), says, labels, registry=self.registry)

    def gauge(self, name: str, says: str, labels: Sequence[str] = ()) -> Gauge:
        """Something that goes up and down; `set_function` reads it when asked."""
        return Gauge(self._name(name, says), says, labels, registry=self.registry)

    def histogram(
        self, name: str, says: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS_S
    ) -> Histogram:
        """How often something took how long, or was how large; the unit ends the name (`_seconds`, `_bytes`)."""
        return Histogram(self._name(name, says), says, labels, buckets=buckets, registry=self.registry)

    def show_snapshot(self, path: Path, process: str) -> None:
        """Show another process's snapshot beside our own metrics."""
        self._snapshots.append(SnapshotCollector(path, process))

    def collect(self) -> list[Metric]:
        """Every metric once, with our own samples and those of the snapshots."""
        families: dict[str, Metric] = {}
        sources: list[CollectorRegistry | SnapshotCollector] = [self.registry, *self._snapshots]
        for source in sources:
            for family in source.collect():
                shown = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                shown.samples += [each for each in family.samples if not each.name.endswith("_created")]
        return [each for each in families.values() if each.samples]

    def exposition(self) -> bytes:
        """Everything in the text format; send it as CONTENT_TYPE."""
        return generate_latest(self)

    def _name(self, name: str, says: str) -> str:
        full = f"ariane_{name}"
        self.described[full] = says
        return full


def write_snapshot(path: Path, metrics: Metrics) -> None:
    """Put the metrics where another process finds them: all of them or, to a reader meanwhile, all the old ones."""
    write_atomically(path, metrics.exposition())


class SnapshotCollector:
    """The metrics in another process's snapshot, labelled `process`, and their age; none while there is no file."""

    def __init__(self, path: Path, process: str, clock: Callable[[], int] = now_ms) -> None:
        self._path = path
        self._process = process
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        try:
            written_ms = self._path.stat().st_mtime_ns // 1_000_000
            text = self._path.read_text()
        except FileNotFoundError:
            return
        for family in text_string_to_metric_families(text):
            yield self._labelled(family)
        age = GaugeMetricFamily("ariane_snapshot_age_seconds", "Age of another process's metrics.", labels=["process"])
        age.add_metric([self._process], max(0, self._clock() - written_ms) / 1000)
        yield age

    def _labelled(self, family: Metric) -> Metric:
        shown = Metric(family.name, family.documentation, family.type)
        for sample in family.samples:
            shown.add_sample(sample.name, {**sample.labels, "process": self._process}, sample.value)
        return shown
