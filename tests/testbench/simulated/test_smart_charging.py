"""Charging profiles: which are taken, and which limit results (OCPP 1.6 §3.13, §5.16)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocpp_actors.protocol.messages import (
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ClearChargingProfile,
    RecurrencyKindType,
)
from ocpp_actors.testbench.simulated.meter import MAX_WATTS
from ocpp_actors.testbench.simulated.smart_charging import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    Profiles,
    Usage,
    refusal,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAXIMUM = ChargingProfilePurposeType.CHARGE_POINT_MAX_PROFILE
DEFAULT = ChargingProfilePurposeType.TX_DEFAULT_PROFILE
TX = ChargingProfilePurposeType.TX_PROFILE
W, A = ChargingRateUnitType.W, ChargingRateUnitType.A
USAGE = Usage(NOON, 7)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def profile(
    *limits: tuple[float, float],
    number: int = 1,
    purpose: ChargingProfilePurposeType = DEFAULT,
    kind: str = "Absolute",
    unit: ChargingRateUnitType = W,
    level: int = 0,
    start: datetime | None = NOON,
    duration: int | None = None,
    phases: int | None = None,
    **more: Any,
) -> ChargingProfile:
    """``limits`` are pairs of hours and limit."""
    periods = [
        ChargingSchedulePeriod(start_period=round(hours * 3600), limit=limit, number_phases=phases)
        for hours, limit in limits
    ]
    return ChargingProfile(
        charging_profile_id=number,
        stack_level=level,
        charging_profile_purpose=purpose,
        charging_profile_kind=ChargingProfileKindType(kind),
        charging_schedule=ChargingSchedule(
            charging_rate_unit=unit, charging_schedule_period=periods, duration=duration, start_schedule=start
        ),
        **more,
    )


def installed(*those: tuple[int, ChargingProfile]) -> Profiles:
    profiles = Profiles()
    for connector, each in those:
        assert profiles.install(connector, each)
    return profiles


# --- which are taken ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connector", "each", "usage", "why"),
    [
        (0, profile((0, 1000), purpose=MAXIMUM), None, None),
        (1, profile((0, 1000), purpose=MAXIMUM), None, "connector 0"),
        (0, profile((0, 1000)), None, None),
        (1, profile((0, 1000)), None, None),
        (3, profile((0, 1000)), None, "no such connector"),
        (1, profile((0, 1000), purpose=TX), None, "with a transaction"),
        (0, profile((0, 1000), purpose=TX), USAGE, "with a transaction"),
        (1, profile((0, 1000), purpose=TX), USAGE, None),
        (1, profile((0, 1000), purpose=TX, transaction_id=7), USAGE, None),
        (1, profile((0, 1000), purpose=TX, transaction_id=8), USAGE, "this transaction"),
        (1, profile((0, 1000), level=MAX_STACK_LEVEL), None, None),
        (1, profile((0, 1000), level=MAX_STACK_LEVEL + 1), None, "stack level"),
        (1, profile((1, 1000)), None, "begin at 0"),
        (1, profile(), None, "begin at 0"),
        (1, profile((0, 1000), (2, 1), (1, 1)), None, "begin at 0"),
        (1, profile(*((hour, 1.0) for hour in range(MAX_PERIODS))), None, None),
        (1, profile(*((hour, 1.0) for hour in range(MAX_PERIODS + 1))), None, "more than"),
        (1, profile((0, 1000), kind="Recurring"), None, "recurrencyKind"),
        (1, profile((0, 1), kind="Recurring", recurrency_kind=RecurrencyKindType.DAILY), None, None),
    ],
)
def test_which_are_taken(connector: int, each: ChargingProfile, usage: Usage | None, why: str | None) -> None:
    found = refusal(connector, each, 2, usage)
    assert (found is None) if why is None else (found is not None and why in found)


def test_a_profile_replaces_that_with_its_id_and_that_of_its_level() -> None:
    profiles = installed((1, profile((0, 1000), number=1, level=1)))
    profiles.install(1, profile((0, 2000), number=2, level=1))
    assert [each.profile.charging_profile_id for each in profiles] == [2]
    profiles.install(2, profile((0, 3000), number=2, level=5))
    assert [(each.connector_id, each.profile.stack_level) for each in profiles] == [(2, 5)]
    profiles.install(1, profile((0, 3000), number=3, level=5))
    assert len(profiles) == 2


def test_there_is_room_for_so_many() -> None:
    profiles = installed(*((number, profile((0, 1), number=number)) for number in range(MAX_PROFILES)))
    assert not profiles.install(99, profile((0, 1), number=99))
    assert profiles.install(1, profile((0, 1), number=1))
    assert len(profiles) == MAX_PROFILES


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        (ClearChargingProfile(), []),
        (ClearChargingProfile(id=2), [1, 3]),
        (ClearChargingProfile(id=9), [1, 2, 3]),
        (ClearChargingProfile(connector_id=1), [1]),
        (ClearChargingProfile(charging_profile_purpose=DEFAULT), [1]),
        (ClearChargingProfile(stack_level=4), [1, 2]),
        (ClearChargingProfile(connector_id=1, stack_level=4), [1, 2]),
        (ClearChargingProfile(connector_id=0, stack_level=4), [1, 2, 3]),
    ],
)
def test_clearing(request_: ClearChargingProfile, left: list[int]) -> None:
    profiles = installed(
        (0, profile((0, 1), number=1, purpose=MAXIMUM)),
        (1, profile((0, 1), number=2)),
        (1, profile((0, 1), number=3, level=4)),
    )
    removed = profiles.clear(request_)
    assert [each.profile.charging_profile_id for each in profiles] == left
    assert removed == 3 - len(left)


# --- limits ------------------------------------------------------------------------------------------------------


def test_without_profiles_the_connector_decides() -> None:
    assert Profiles().limit(1, NOON, USAGE) == MAX_WATTS


@pytest.mark.parametrize(
    ("kind", "start", "hours", "limit"),
    [
        ("Absolute", NOON, -0.1, MAX_WATTS),
        ("Absolute", NOON, 0, 4000),
        ("Absolute", NOON, 0.99, 4000),
        ("Absolute", NOON, 1, 2000),
        ("Absolute", NOON, 2.99, 2000),
        ("Absolute", NOON, 3, MAX_WATTS),
        ("Relative", None, 0, 4000),
        ("Relative", None, 1, 2000),
        ("Relative", NOON - timedelta(days=1), 1, 2000),
        ("Absolute", None, 1, 2000),
        ("Recurring", NOON - timedelta(days=10), 0, 4000),
        ("Recurring", NOON - timedelta(days=10), 1.5, 2000),
        ("Recurring", NOON - timedelta(days=10), 3, MAX_WATTS),
        ("Recurring", NOON - timedelta(days=10), 24, 4000),
    ],
)
def test_kinds(kind: str, start: datetime | None, hours: float, limit: float) -> None:
    each = profile(
        (0, 4000),
        (1, 2000),
        kind=kind,
        start=start,
        duration=3 * 3600,
        recurrency_kind=RecurrencyKindType.DAILY,
    )
    assert installed((1, each)).limit(1, at(hours), USAGE) == limit


def test_a_weekly_profile() -> None:
    each = profile((0, 4000), kind="Recurring", duration=3600, recurrency_kind=RecurrencyKindType.WEEKLY)
    profiles = installed((1, each))
    assert [profiles.limit(1, at(24 * day), None) for day in (0, 1, 6, 7, 14)] == [
        4000,
        MAX_WATTS,
        MAX_WATTS,
        4000,
        4000,
    ]


def test_a_relative_profile_needs_a_transaction() -> None:
    profiles = installed((1, profile((0, 4000), kind="Relative", start=None)))
    assert profiles.limit(1, NOON, None) == MAX_WATTS
    assert profiles.limit(1, at(1), Usage(at(2))) == MAX_WATTS


def test_validity() -> None:
    each = profile((0, 4000), valid_from=at(1), valid_to=at(2))
    profiles = installed((1, each))
    assert [profiles.limit(1, at(hours), None) for hours in (0.9, 1, 1.9, 2)] == [
        MAX_WATTS,
        4000,
        4000,
        MAX_WATTS,
    ]


def test_the_highest_stack_level_in_force_prevails() -> None:
    profiles = installed(
        (1, profile((0, 4000), number=1, level=0)),
        (1, profile((0, 9000), number=2, level=3, duration=3600)),
    )
    assert [profiles.limit(1, at(hours), None) for hours in (0, 0.99, 1)] == [9000, 9000, 4000]


def test_the_default_of_a_connector_stands_for_that_of_all() -> None:
    profiles = installed((0, profile((0, 4000), number=1)), (1, profile((0, 6000), number=2)))
    assert profiles.limit(1, NOON, USAGE) == 6000
    assert profiles.limit(2, NOON, USAGE) == 4000


def test_a_tx_profile_overrules_the_default_until_the_transaction_ends() -> None:
    profiles = installed(
        (0, profile((0, 4000), number=1)), (1, profile((0, 6000), number=2, purpose=TX, level=1))
    )
    assert profiles.limit(1, NOON, USAGE) == 6000
    assert profiles.limit(1, NOON, None) == 4000
    profiles.end_transaction(2)
    assert profiles.limit(1, NOON, USAGE) == 6000
    profiles.end_transaction(1)
    assert profiles.limit(1, NOON, USAGE) == 4000


def test_the_charge_point_limits_all_together() -> None:
    profiles = installed(
        (0, profile((0, 9000), number=1, purpose=MAXIMUM)), (0, profile((0, 6000), number=2))
    )
    assert profiles.limit(1, NOON, USAGE, sharing=1) == 6000
    assert profiles.limit(1, NOON, USAGE, sharing=3) == 3000
    assert profiles.total(NOON, [USAGE, USAGE]) == 9000
    assert profiles.total(NOON, [USAGE]) == 6000


@pytest.mark.parametrize(("phases", "watts"), [(None, 6900.0), (3, 6900.0), (1, 2300.0)])
def test_amperes_are_of_each_phase(phases: int | None, watts: float) -> None:
    each = profile((0, 10.0), unit=A, phases=phases)
    assert installed((1, each)).limit(1, NOON, None) == watts


# --- the composite schedule --------------------------------------------------------------------------------------


def composite(profiles: Profiles, hours: float, unit: ChargingRateUnitType = W) -> list[tuple[float, float]]:
    schedule = profiles.composite(
        lambda moment: profiles.limit(1, moment, USAGE), NOON, round(hours * 3600), unit, [USAGE]
    )
    assert schedule.duration == round(hours * 3600)
    assert schedule.start_schedule == NOON
    return [(each.start_period / 3600, each.limit) for each in schedule.charging_schedule_period]


def test_the_composite_schedule_is_the_lowest_of_all() -> None:
    profiles = installed(
        (0, profile((0, 8000), (2, 3000), number=1, purpose=MAXIMUM)),
        (0, profile((0, 5000), (1, 9000), number=2)),
    )
    assert composite(profiles, 3) == [(0, 5000), (1, 8000), (2, 3000)]
    assert composite(profiles, 1.5) == [(0, 5000), (1, 8000)]
    assert composite(profiles, 0) == [(0, 5000)]


def test_the_composite_schedule_in_amperes() -> None:
    profiles = installed((1, profile((0, 6900), (1, 1000))))
    assert composite(profiles, 2, A) == [(0, 10.0), (1, 1.4)]


def test_the_composite_schedule_without_profiles() -> None:
    assert composite(Profiles(), 24) == [(0, MAX_WATTS)]


def test_the_composite_schedule_of_a_day_and_more() -> None:
    each = profile((0, 4000), kind="Recurring", duration=3600, recurrency_kind=RecurrencyKindType.DAILY)
    assert composite(installed((1, each)), 26) == [
        (0, 4000),
        (1, MAX_WATTS),
        (24, 4000),
        (25, MAX_WATTS),
    ]
