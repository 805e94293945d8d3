"""A server that is stopped and started again under load: no sender notices more than a pause."""

from pathlib import Path

from load_tests.drain import run


def test_nothing_is_lost_doubled_or_refused_twice_when_a_server_is_restarted_under_load(tmp_path: Path) -> None:
    seen = run(tmp_path / "data", stops=1, senders=8, run_s=1.0, patient=True)
    assert seen.exits == [0]
    assert seen.failed == []
    assert (seen.lost, seen.doubled) == (0, 0)
    assert seen.requests > 20
    assert seen.again, "the senders did not meet the stop"
