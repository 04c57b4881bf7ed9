"""Charging profiles: which are taken, and the limit that results from them (OCPP 1.6 §3.13, §5.16), without I/O.

Limits are in watts inside; amperes are those of each phase.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Final

from attrs import define, field, frozen

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
from ocpp_actors.testbench.simulated.meter import MAX_WATTS, PHASES, VOLTS

MAX_STACK_LEVEL: Final = 10
MAX_PERIODS: Final = 24
MAX_PROFILES: Final = 50

_PURPOSE = ChargingProfilePurposeType
_KIND = ChargingProfileKindType
_PERIODS: Final = {
    RecurrencyKindType.DAILY: timedelta(days=1),
    RecurrencyKindType.WEEKLY: timedelta(days=7),
}


@frozen
class Installed:
    """A charging profile and the connector that it was set on."""

    connector_id: int
    profile: ChargingProfile


@frozen
class Usage:
    """The transaction on a connector, as far as profiles ask for it. ``started_at`` is what relative ones begin at."""

    started_at: datetime
    transaction_id: int | None = None


def refusal(
    connector_id: int, profile: ChargingProfile, connector_count: int, usage: Usage | None
) -> str | None:
    """Return why a profile cannot be set on a connector; None: it can (§3.13.1, §5.16)."""
    purpose, schedule = profile.charging_profile_purpose, profile.charging_schedule
    starts = [period.start_period for period in schedule.charging_schedule_period]
    if connector_id > connector_count:
        return "there is no such connector"
    if purpose is _PURPOSE.CHARGE_POINT_MAX_PROFILE and connector_id != 0:
        return "a ChargePointMaxProfile is of connector 0"
    if purpose is _PURPOSE.TX_PROFILE:
        if connector_id == 0 or usage is None:
            return "a TxProfile is of a connector with a transaction"
        if profile.transaction_id is not None and profile.transaction_id != usage.transaction_id:
            return "this transaction does not run on the connector"
    if not 0 <= profile.stack_level <= MAX_STACK_LEVEL:
        return f"the stack level is above {MAX_STACK_LEVEL}"
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        return "the periods begin at 0 and rise"
    if len(starts) > MAX_PERIODS:
        return f"there are more than {MAX_PERIODS} periods"
    if profile.charging_profile_kind is _KIND.RECURRING and profile.recurrency_kind is None:
        return "a recurring profile needs its recurrencyKind"
    return None


@define
class Profiles:
    """The charging profiles of a charge point."""

    _installed: list[Installed] = field(init=False, factory=list)

    def __iter__(self) -> Iterator[Installed]:
        return iter(list(self._installed))

    def __len__(self) -> int:
        return len(self._installed)

    def install(self, connector_id: int, profile: ChargingProfile) -> bool:
        """Add a profile; it replaces the one with its id, or with its purpose and stack level (§5.16.3).

        False: there are too many.
        """
        kept = [
            each
            for each in self._installed
            if each.profile.charging_profile_id != profile.charging_profile_id
            and not (
                each.connector_id == connector_id
                and each.profile.charging_profile_purpose is profile.charging_profile_purpose
                and each.profile.stack_level == profile.stack_level
            )
        ]
        if len(kept) >= MAX_PROFILES:
            return False
        self._installed = [*kept, Installed(connector_id, profile)]
        return True

    def clear(self, request: ClearChargingProfile) -> int:
        """Remove those that match all that is given, by their id alone where that is given (§5.5); return how many."""
        return self.remove(lambda each: _matches(each, request))

    def end_transaction(self, connector_id: int) -> None:
        """Remove what held for the transaction of a connector only (§3.13.1)."""
        self.remove(
            lambda each: (
                each.connector_id == connector_id
                and each.profile.charging_profile_purpose is _PURPOSE.TX_PROFILE
            )
        )

    def remove(self, which: Callable[[Installed], bool]) -> int:
        """Remove some, and return how many."""
        before = len(self._installed)
        self._installed = [each for each in self._installed if not which(each)]
        return before - len(self._installed)

    # --- limits ------------------------------------------------------------------------------------------------

    def limit(self, connector_id: int, at: datetime, usage: Usage | None, sharing: int = 1) -> float:
        """Return the watts that a connector may deliver; ``sharing`` connectors share a limit of the charge point."""
        limits = [MAX_WATTS]
        total = self._prevailing(_PURPOSE.CHARGE_POINT_MAX_PROFILE, (0,), at, usage)
        if total is not None:
            limits.append(total / max(1, sharing))
        own = self._prevailing(_PURPOSE.TX_PROFILE, (connector_id,), at, usage) if usage else None
        if own is None:
            own = self._default(connector_id, at, usage)
        if own is not None:
            limits.append(own)
        return min(limits)

    def total(self, at: datetime, usages: "Sequence[Usage | None]") -> float:
        """Return the watts that all connectors may deliver together; ``usages`` are theirs, from the first on."""
        limits = sum(self.limit(number, at, usage) for number, usage in enumerate(usages, 1))
        total = self._prevailing(_PURPOSE.CHARGE_POINT_MAX_PROFILE, (0,), at, None)
        return limits if total is None else min(limits, total)

    def _default(self, connector_id: int, at: datetime, usage: Usage | None) -> float | None:
        """The default of the connector stands for that of all, if there is one (§3.13.1)."""
        for connector in (connector_id, 0):
            limit = self._prevailing(_PURPOSE.TX_DEFAULT_PROFILE, (connector,), at, usage)
            if limit is not None:
                return limit
        return None

    def _prevailing(
        self,
        purpose: ChargingProfilePurposeType,
        connectors: tuple[int, ...],
        at: datetime,
        usage: Usage | None,
    ) -> float | None:
        """The limit of the highest stack level among those in force (§3.13.2)."""
        candidates = sorted(
            (
                each.profile
                for each in self._installed
                if each.connector_id in connectors and each.profile.charging_profile_purpose is purpose
            ),
            key=lambda profile: -profile.stack_level,
        )
        return next((limit for each in candidates if (limit := _limit_of(each, at, usage)) is not None), None)

    def next_change(self, at: datetime, usages: Iterable[Usage | None]) -> datetime | None:
        """Return when any limit may be another; None: never."""
        moments = (
            moment
            for usage in usages
            for each in self._installed
            for moment in _moments(each.profile, at, usage)
            if moment > at
        )
        return min(moments, default=None)

    def composite(
        self,
        limit: Callable[[datetime], float],
        start: datetime,
        duration: int,
        unit: ChargingRateUnitType,
        usages: Sequence[Usage | None],
    ) -> ChargingSchedule:
        """Return the limits from ``start`` on for ``duration`` seconds; times are whole seconds (§5.7)."""
        periods: list[ChargingSchedulePeriod] = []
        at, end = start, start + timedelta(seconds=duration)
        while at < end or not periods:
            value = in_unit(limit(at), unit)
            if not periods or periods[-1].limit != value:
                seconds = round((at - start).total_seconds())
                periods.append(ChargingSchedulePeriod(start_period=seconds, limit=value))
            following = self.next_change(at, usages)
            if following is None:
                break
            at = following
        return ChargingSchedule(
            charging_rate_unit=unit,
            charging_schedule_period=periods,
            duration=duration,
            start_schedule=start,
        )


def in_unit(watts: float, unit: ChargingRateUnitType) -> float:
    """Return watts in the unit of a schedule, with one decimal."""
    return round(watts if unit is ChargingRateUnitType.W else watts / VOLTS / PHASES, 1)


def _matches(each: Installed, request: ClearChargingProfile) -> bool:
    if request.id is not None:
        return each.profile.charging_profile_id == request.id
    return all(
        wanted in (None, found)
        for wanted, found in (
            (request.connector_id, each.connector_id),
            (request.charging_profile_purpose, each.profile.charging_profile_purpose),
            (request.stack_level, each.profile.stack_level),
        )
    )


def _begin(profile: ChargingProfile, at: datetime, usage: Usage | None) -> datetime | None:
    """The start of the schedule, or of its present recurrence; None: it has not begun."""
    schedule = profile.charging_schedule
    if profile.charging_profile_kind is _KIND.RELATIVE or schedule.start_schedule is None:
        return usage.started_at if usage else None
    start = schedule.start_schedule
    if start > at:
        return None
    if profile.charging_profile_kind is _KIND.RECURRING and profile.recurrency_kind is not None:
        period = _PERIODS[profile.recurrency_kind]
        return start + (at - start) // period * period
    return start


def _limit_of(profile: ChargingProfile, at: datetime, usage: Usage | None) -> float | None:
    """Return the limit of one profile; None: it is not in force."""
    if profile.valid_from is not None and at < profile.valid_from:
        return None
    if profile.valid_to is not None and at >= profile.valid_to:
        return None
    begin = _begin(profile, at, usage)
    if begin is None:
        return None
    schedule, elapsed = profile.charging_schedule, (at - begin).total_seconds()
    if elapsed < 0 or elapsed >= (inf if schedule.duration is None else schedule.duration):
        return None
    period = [each for each in schedule.charging_schedule_period if each.start_period <= elapsed][-1]
    if schedule.charging_rate_unit is ChargingRateUnitType.W:
        return period.limit
    return period.limit * VOLTS * (period.number_phases or PHASES)


def _moments(profile: ChargingProfile, at: datetime, usage: Usage | None) -> Iterator[datetime]:
    """The moments around ``at`` at which a profile begins, ends or changes."""
    for bound in (profile.valid_from, profile.valid_to, profile.charging_schedule.start_schedule):
        if bound is not None:
            yield bound
    begin = _begin(profile, at, usage)
    if begin is None:
        return
    schedule = profile.charging_schedule
    ends = [] if schedule.duration is None else [schedule.duration]
    for seconds in [period.start_period for period in schedule.charging_schedule_period] + ends:
        yield begin + timedelta(seconds=seconds)
    if profile.charging_profile_kind is _KIND.RECURRING and profile.recurrency_kind is not None:
        yield begin + _PERIODS[profile.recurrency_kind]
