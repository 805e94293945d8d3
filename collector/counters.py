"""What the edge counts since it started. `received` = `stored` + `rejected` + `withheld` + `suppressed`.

The durable books are in the log; duplicates are found later.
"""

from functools import cache

from prometheus_client import Counter

from collector.rejection import Reason
from collector.runtime.metrics import Metrics


class EdgeCounters:
    """The edge's counters in one application's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._received = metrics.counter("events_received_total", "Events in requests that were taken.", ["source"])
        self._stored = metrics.counter("events_stored_total", "Events durably in the log, duplicates too.", ["source"])
        self._rejected = metrics.counter("events_rejected_total", "Events refused, by reason.", ["source", "reason"])
        self._withheld = metrics.counter("events_withheld_total", "Events of machines a source excludes.", ["source"])
        self._suppressed = metrics.counter(
            "events_suppressed_total", "Late or repeated events of people who were erased.", ["source"]
        )
        self._refused = metrics.counter("requests_refused_total", "Requests refused whole, by reason.", ["reason"])
        self.live_missed = metrics.counter("live_missed_total", "Outcomes that slow readers of the live tail missed.")
        self.unkept = metrics.counter("refused_events_unkept_total", "Refused events that could not be kept either.")
        self.open_requests = metrics.gauge("open_requests", "Requests whose events are being stored.")
        self.held_bytes = metrics.gauge("held_bytes", "Bytes of bodies in hand.")
        self.crashes = metrics.counter("unexpected_errors_total", "Requests answered with 500: each one is a bug.")
        self._of = cache(lambda counter, *labels: counter.labels(*labels))

    def taken(
        self, source: str, received: int, stored: int, withheld: int, reasons: list[Reason], suppressed: int
    ) -> None:
        """Count the events of one request."""
        self._count(self._received, received, source)
        self._count(self._suppressed, suppressed, source)
        self._count(self._stored, stored, source)
        self._count(self._withheld, withheld, source)
        for reason in reasons:
            self._count(self._rejected, 1, source, reason.value)

    def refused(self, reason: Reason) -> None:
        """Count one refused request."""
        self._count(self._refused, 1, reason.value)

    def _count(self, counter: Counter, amount: int, *labels: str) -> None:
        if amount:
            self._of(counter, *labels).inc(amount)


class ConnectionCounters:
    """What becomes of connections, in one application's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self.open = metrics.gauge("open_connections", "Open connections.")
        self._cut = metrics.counter("connections_cut_total", "Connections that were ended early, by why.", ["why"])

    def cut(self, why: str) -> None:
        """Count one: `late`, `long_head`, `stalled`, `idle` (it made room), `surplus` (there was none)."""
        self._cut.labels(why).inc()
