"""A steady sender passes for ever; a greedy one is told when to come back."""

from collector.rate_limit import RateLimit


def test_a_burst_passes_and_then_the_average_counts() -> None:
    limit = RateLimit(per_s=2, burst_s=3)
    answers = [limit.retry_after_s("a", 10_000) for _ in range(8)]
    assert answers == [None] * 6 + [1, 1]
    assert limit.retry_after_s("b", 10_000) is None
    assert limit.retry_after_s("a", 10_499) == 1
    assert limit.retry_after_s("a", 10_500) is None
    assert limit.retry_after_s("a", 10_500) == 1


def test_a_steady_sender_is_never_refused() -> None:
    limit = RateLimit(per_s=10)
    assert all(limit.retry_after_s("a", now_ms) is None for now_ms in range(0, 100_000, 100))


def test_without_a_limit_or_an_address_everything_passes() -> None:
    assert all(RateLimit(0).retry_after_s("a", 0) is None for _ in range(1000))
    assert all(RateLimit(0.001).retry_after_s(None, 0) is None for _ in range(1000))


def test_addresses_at_rest_are_forgotten() -> None:
    limit = RateLimit(per_s=1)
    for number in range(100_000):
        limit.retry_after_s(str(number), 0)
    limit.retry_after_s("late", 10_000_000)
    assert len(limit._full_at_ms) == 1
