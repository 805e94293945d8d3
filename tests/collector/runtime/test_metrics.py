from prometheus_client.parser import text_string_to_metric_families

from collector.runtime.metrics import Metrics


def samples(text: bytes) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("process", "")): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_two_applications_in_one_process_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.counter("stored_total", "Events stored.").inc(2)
    other.counter("stored_total", "Events stored.")
    assert samples(one.exposition())["ariane_stored_total", ""] == 2
    assert samples(other.exposition())["ariane_stored_total", ""] == 0


def test_every_metric_has_its_sentence() -> None:
    metrics = Metrics()
    metrics.gauge("lag_events", "Events stored and not yet folded in.", ["partition"])
    metrics.histogram("append_seconds", "How long an append took.")
    assert metrics.described == {
        "ariane_lag_events": "Events stored and not yet folded in.",
        "ariane_append_seconds": "How long an append took.",
    }
