"""Counters, gauges and histograms, one registry an application, in Prometheus' text format."""

from collections.abc import Iterator, Sequence

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
from prometheus_client.metrics_core import Metric

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

    def collect(self) -> Iterator[Metric]:
        """Every metric that has samples; not when each was made, which doubles the text and tells nobody anything."""
        for family in self.registry.collect():
            family.samples = [each for each in family.samples if not each.name.endswith("_created")]
            if family.samples:
                yield family

    def exposition(self) -> bytes:
        """Everything in the text format; send it as CONTENT_TYPE."""
        return generate_latest(self)

    def _name(self, name: str, says: str) -> str:
        full = f"ariane_{name}"
        self.described[full] = says
        return full
