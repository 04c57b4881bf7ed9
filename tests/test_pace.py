"""The token bucket."""

import pytest

from ocpp_actors.pace import TokenBucket


def test_a_burst_passes_without_a_wait() -> None:
    bucket = TokenBucket(10.0, 5, now=100.0)
    assert [bucket.take(100.0) for _ in range(5)] == [0] * 5


def test_after_the_burst_each_event_costs_its_share_of_a_second() -> None:
    bucket = TokenBucket(10.0, 1, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_whoever_waits_as_told_passes_at_the_rate() -> None:
    bucket, now = TokenBucket(4.0, 2, now=0.0), 0.0
    for _ in range(102):
        now += bucket.take(now)
    assert now == pytest.approx(25)


def test_pauses_fill_the_bucket_up_to_the_burst() -> None:
    bucket = TokenBucket(1.0, 3, now=0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0, 0, 0]
    assert [bucket.take(2.0) for _ in range(3)] == [0, 0, 1]
    assert [bucket.take(1000.0) for _ in range(4)] == [0, 0, 0, 1]


def test_a_rate_of_zero_never_waits() -> None:
    bucket = TokenBucket(0.0, 1, now=0.0)
    assert [bucket.take(0.0) for _ in range(100)] == [0] * 100


def test_what_is_not_allowed_is_not_counted() -> None:
    bucket = TokenBucket(1.0, 2, now=0.0)
    assert [bucket.allows(0.0) for _ in range(5)] == [True, True, False, False, False]
    assert [bucket.allows(1.0) for _ in range(2)] == [True, False]
    assert bucket.allows(1.5) is False
    assert bucket.allows(2.0) is True


def test_a_rate_of_zero_allows_everything() -> None:
    bucket = TokenBucket(0.0, 1, now=0.0)
    assert all(bucket.allows(0.0) for _ in range(100))
