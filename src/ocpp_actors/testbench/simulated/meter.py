"""The meter: from the watts that a vehicle takes to the watt-hours of a register, without I/O."""

from collections.abc import Sequence
from math import inf
from typing import Final

from attrs import define, field, frozen

from ocpp_actors.protocol.messages import (
    Location,
    Measurand,
    Phase,
    ReadingContext,
    SampledValue,
    UnitOfMeasure,
)

VOLTS: Final = 230.0
PHASES: Final = 3
MAX_AMPERES: Final = 32.0
MAX_WATTS: Final = VOLTS * PHASES * MAX_AMPERES
"""What a connector can deliver."""

_HOUR: Final = 3600.0


@frozen
class LoadCurve:
    """What a vehicle takes, by what it has taken already: ``steps`` are pairs of watt-hours and watts.

    The first begins at 0 Wh. From the last on it is full if that is 0 W.
    """

    steps: tuple[tuple[float, float], ...]
    battery_wh: float = 60_000.0
    begins_at: float = 0.2
    """The state of charge at the beginning, as a fraction of the battery."""

    def __attrs_post_init__(self) -> None:
        begins = [wh for wh, _ in self.steps]
        if not begins or begins[0] != 0 or begins != sorted(set(begins)):
            raise ValueError("the steps of a load curve begin at 0 Wh and rise")

    def watts_at(self, taken_wh: float) -> float:
        """Return what the vehicle wants after it has taken so much."""
        return next(watts for wh, watts in reversed(self.steps) if taken_wh >= wh)

    def next_step(self, taken_wh: float) -> float:
        """Return the watt-hours at which it wants something else; infinity: never again."""
        return next((wh for wh, _ in self.steps if wh > taken_wh), inf)


CAR: Final = LoadCurve(((0, 11_000.0), (16_000, 7_400.0), (18_000, 3_700.0), (20_000, 0.0)))
"""A car that wants 20 kWh, at 11 kW until it is nearly full."""


@define
class Meter:
    """The meter of one connector. Times are seconds of any clock; they never go back."""

    register_wh: float = 0.0
    limit_w: float = MAX_WATTS
    """What the charge point offers."""
    _curve: LoadCurve | None = field(init=False, default=None)
    _taken_wh: float = field(init=False, default=0.0)
    _at: float = field(init=False, default=0.0)
    _connected: bool = field(init=False, default=False)

    @property
    def wh(self) -> int:
        """The register as messages have it."""
        return int(self.register_wh)

    @property
    def wanted_w(self) -> float:
        """What the vehicle would take of any offer."""
        if self._curve is None or not self._connected:
            return 0.0
        return self._curve.watts_at(self._taken_wh)

    @property
    def power_w(self) -> float:
        """What flows."""
        return min(self.wanted_w, max(0.0, self.limit_w))

    @property
    def state_of_charge(self) -> float:
        """Percent of the vehicle's battery; 0 without a vehicle."""
        if self._curve is None:
            return 0.0
        return min(100.0, 100 * (self._curve.begins_at + self._taken_wh / self._curve.battery_wh))

    def connect(self, curve: LoadCurve, at: float) -> None:
        """Let a vehicle take energy from now on."""
        self.advance(at)
        self._curve, self._taken_wh, self._connected = curve, 0.0, True

    def close(self, at: float, *, closed: bool) -> None:
        """Close or open the contactor: no energy flows through an open one."""
        self.advance(at)
        self._connected = closed and self._curve is not None

    def disconnect(self, at: float) -> None:
        """Let the vehicle take nothing any more."""
        self.advance(at)
        self._curve, self._connected = None, False

    def offer(self, limit_w: float, at: float) -> None:
        """Offer so much from now on."""
        self.advance(at)
        self.limit_w = limit_w

    def advance(self, at: float) -> None:
        """Count what flowed until now."""
        while (left := at - self._at) > 0:
            power = self.power_w
            step = min(left, self._until_step(power))
            self._flow(power * step / _HOUR, at_step=step < left)
            self._at += step
            if step == left:
                break
        self._at = max(self._at, at)

    def changes_in(self) -> float:
        """Return the seconds until the vehicle wants something else, if the offer stays; infinity: never."""
        return self._until_step(self.power_w)

    def _until_step(self, power: float) -> float:
        if self._curve is None or power <= 0:
            return inf
        return (self._curve.next_step(self._taken_wh) - self._taken_wh) * _HOUR / power

    def _flow(self, wh: float, *, at_step: bool) -> None:
        self.register_wh += wh
        if self._curve is not None and self._connected:
            following = self._curve.next_step(self._taken_wh)
            taken = self._taken_wh + wh
            # A rounding error must not leave it a hair below the step, for ever.
            self._taken_wh = following if at_step or following - taken < 1e-6 else taken


_M = Measurand
MEASURANDS: Final[frozenset[Measurand]] = frozenset(
    {
        _M.ENERGY_ACTIVE_IMPORT_REGISTER,
        _M.POWER_ACTIVE_IMPORT,
        _M.POWER_OFFERED,
        _M.CURRENT_IMPORT,
        _M.CURRENT_OFFERED,
        _M.VOLTAGE,
        _M.FREQUENCY,
        _M.TEMPERATURE,
        _M.SOC,
    }
)
"""What it can measure."""


def samples(meter: Meter, measurands: Sequence[Measurand], context: ReadingContext) -> list[SampledValue]:
    """Return what the meter shows of the measurands, in their order; each phase where it is of phases (§3.16.3)."""
    return [value for measurand in measurands for value in _sampled(meter, measurand, context)]


def _sampled(meter: Meter, measurand: Measurand, context: ReadingContext) -> list[SampledValue]:
    def value(number: float, unit: UnitOfMeasure, phase: Phase | None = None) -> SampledValue:
        return SampledValue(
            value=f"{number:.1f}" if unit is not UnitOfMeasure.WH else str(int(number)),
            context=context,
            measurand=measurand,
            phase=phase,
            location=Location.EV if measurand is _M.SOC else Location.OUTLET,
            unit=unit,
        )

    match measurand:
        case _M.ENERGY_ACTIVE_IMPORT_REGISTER:
            return [value(meter.register_wh, UnitOfMeasure.WH)]
        case _M.POWER_ACTIVE_IMPORT:
            return [value(meter.power_w, UnitOfMeasure.W)]
        case _M.POWER_OFFERED:
            return [value(max(0.0, meter.limit_w), UnitOfMeasure.W)]
        case _M.CURRENT_OFFERED:
            return [value(max(0.0, meter.limit_w) / VOLTS / PHASES, UnitOfMeasure.A)]
        case _M.CURRENT_IMPORT:
            amperes = meter.power_w / VOLTS / PHASES
            return [value(amperes, UnitOfMeasure.A, phase) for phase in (Phase.L1, Phase.L2, Phase.L3)]
        case _M.VOLTAGE:
            return [value(VOLTS, UnitOfMeasure.V, phase) for phase in (Phase.L1_N, Phase.L2_N, Phase.L3_N)]
        case _M.FREQUENCY:
            return [value(50.0, UnitOfMeasure.HERTZ)]
        case _M.TEMPERATURE:
            return [value(25.0 + meter.power_w / 1000, UnitOfMeasure.CELSIUS)]
        case _M.SOC:
            return [value(meter.state_of_charge, UnitOfMeasure.PERCENT)]
    raise ValueError(f"{measurand} is not measured")
