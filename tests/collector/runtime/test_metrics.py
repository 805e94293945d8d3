from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from collector.runtime.metrics import Metrics, SnapshotCollector, write_snapshot


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


def test_another_process_is_shown_beside_our_own_and_each_metric_is_described_once(tmp_path: Path) -> None:
    mind, ours = Metrics(), Metrics()
    mind.counter("folded_total", "Events folded in.").inc(5)
    mind.histogram("fold_seconds", "How long a fold took.").observe(0.02)
    write_snapshot(tmp_path / "mind.prom", mind)
    ours.counter("stored_total", "Events stored.").inc(7)
    ours.show_snapshot(tmp_path / "mind.prom", "mind")
    text = ours.exposition()
    shown = samples(text)
    assert shown["ariane_stored_total", ""] == 7
    assert shown["ariane_folded_total", "mind"] == 5
    assert shown["ariane_fold_seconds_count", "mind"] == 1
    assert {("process_resident_memory_bytes", ""), ("process_resident_memory_bytes", "mind")} <= shown.keys()
    types = [line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))


def test_the_age_of_a_snapshot_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mind.prom"
    write_snapshot(path, Metrics())
    written_ms = path.stat().st_mtime_ns // 1_000_000
    families = list(SnapshotCollector(path, "mind", clock=lambda: written_ms + 90_000).collect())
    assert families[-1].samples[0].value == 90


def test_no_snapshot_is_no_error(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.show_snapshot(tmp_path / "none.prom", "mind")
    assert b"snapshot_age" not in metrics.exposition()
