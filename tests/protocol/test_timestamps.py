"""Date-times on the wire (OCPP 1.6 §3.14, §3.15)."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_actors.protocol.timestamps import UnreadableDateTime, read, write

from . import oracle  # noqa: TID252 - tests are no installed package

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", MOMENT),
        ("2026-01-02t03:04:05z", MOMENT),
        ("2026-01-02T03:04:05", MOMENT),
        ("2026-01-02 03:04:05", MOMENT),
        ("2026-01-02T05:04:05+02:00", MOMENT),
        ("2026-01-02T05:04:05+0200", MOMENT),
        ("2026-01-02T05:04:05+02", MOMENT),
        ("2026-01-01T22:34:05-04:30", MOMENT),
        ("2026-01-02T03:04:05-00:00", MOMENT),
        ("2026-01-02T03:04:05.6Z", MOMENT.replace(microsecond=600_000)),
        ("2026-01-02T03:04:05.123456789Z", MOMENT.replace(microsecond=123_456)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_read(text: str, moment: datetime) -> None:
    assert read(text) == moment
    assert read(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *oracle.BAD_DATES,
        "2026-01-02T03:04:05 Z",
        "2026-01-02T03:04:05Z\n",
        "２026-01-02T03:04:05Z",
        "2026-01-02T03:04Z",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UnreadableDateTime):
        read(text)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MOMENT, "2026-01-02T03:04:05Z"),
        (MOMENT.replace(microsecond=678_000), "2026-01-02T03:04:05.678Z"),
        (MOMENT.replace(microsecond=678_999), "2026-01-02T03:04:05.678Z"),
        (MOMENT.replace(microsecond=999), "2026-01-02T03:04:05Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-02T03:04:05Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_write(moment: datetime, text: str) -> None:
    assert write(moment) == text


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_the_zone_of_the_machine_plays_no_part() -> None:
    assert time.timezone == -9 * 3600
    assert read("2026-01-02T03:04:05") == MOMENT
    assert write(MOMENT) == "2026-01-02T03:04:05Z"


def test_a_moment_without_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        write(MOMENT.replace(tzinfo=None))


@settings(derandomize=True, deadline=None, database=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back_to_the_millisecond(moment: datetime) -> None:
    assert read(write(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
