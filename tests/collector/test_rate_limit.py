"""A steady sender passes for ever; a greedy one is told when to come back."""

import time

from collector.rate_limit import RateLimit
from collector.rejection import Reason
from tests.running_edge import make_edge, running, with_settings

PAGE = {"anonymousId": "a"}


def test_a_burst_passes_and_then_the_average_counts() -> None:
    limit = RateLimit(per_s=0.1, burst_s=30)
    answers = [limit.retry_after_s("a") for _ in range(5)]
    assert answers[:3] == [None] * 3
    assert all(9 <= (again or 0) <= 10 for again in answers[3:])
    assert limit.retry_after_s("b") is None


def test_the_bucket_fills_again() -> None:
    limit = RateLimit(per_s=50, burst_s=0.02)
    assert limit.retry_after_s("a") is None
    assert limit.retry_after_s("a") == 1
    time.sleep(0.05)
    assert limit.retry_after_s("a") is None


def test_without_a_limit_or_an_address_everything_passes() -> None:
    assert all(RateLimit(0).retry_after_s("a") is None for _ in range(1000))
    assert all(RateLimit(0.001).retry_after_s(None) is None for _ in range(1000))


def test_however_many_addresses_come_no_more_than_so_many_are_remembered(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("collector.rate_limit.MAX_BUCKETS", 100)
    limit = RateLimit(per_s=0.001, burst_s=1)
    assert limit.retry_after_s("first") is None
    assert limit.retry_after_s("first") is not None
    for number in range(100):
        limit.retry_after_s(str(number))
    assert limit.retry_after_s("first") is None, "it was forgotten"


async def test_an_address_that_sends_too_often_gets_429_and_its_body_is_not_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with running(make_edge(tmp_path, with_settings(max_requests_per_s=0.1))) as edge:
        assert [(await edge.post("/v1/page", PAGE))[0] for _ in range(2)] == [200, 429]
        status, problem, headers = await edge.post("/v1/page", PAGE, key="wk_listed")
        assert (status, problem["reason"]) == (429, Reason.RATE_LIMITED)
        assert 1 <= int(headers["Retry-After"]) <= 10
        assert (await edge.post("/v1/page", PAGE, key="sk_open"))[0] == 200, "a server key is let through"


async def test_a_write_key_has_its_own_limit_wherever_it_stands(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with running(make_edge(tmp_path, with_settings(max_key_requests_per_s=0.1))) as edge:
        with_key = {**PAGE, "writeKey": "wk_open"}
        assert (await edge.post("/v1/page", with_key, key=None))[0] == 200
        for path, key, body in (
            ("/v1/page", "wk_open", PAGE),
            ("/v1/page", None, with_key),
            ("/v1/page?writeKey=wk_open", None, PAGE),
        ):
            status, problem, headers = await edge.post(path, body, key=key)
            assert (status, problem["reason"]) == (429, Reason.RATE_LIMITED)
            assert int(headers["Retry-After"]) >= 1
        assert (await edge.post("/v1/page", PAGE, key="wk_nobots"))[0] == 200, "another source's is not touched"
        assert len(await edge.events()) == 1
