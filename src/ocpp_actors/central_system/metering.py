"""MeterValues: kept as sent; energy and power are derived from them (OCPP 1.6 §4.7, §7.33)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import orjson

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.port import RecordMeterValues
from ocpp_actors.observer import MeterValuesRecorded
from ocpp_actors.protocol.messages import (
    Location,
    Measurand,
    MeterValue,
    MeterValues,
    MeterValuesResponse,
    SampledValue,
    UnitOfMeasure,
    ValueFormat,
)

TO_WATT_HOURS: Final = {None: 1.0, UnitOfMeasure.WH: 1.0, UnitOfMeasure.KWH: 1000.0}
TO_WATTS: Final = {None: 1.0, UnitOfMeasure.W: 1.0, UnitOfMeasure.KW: 1000.0}
PHASES: Final = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))


async def meter_values(request: MeterValues, context: Context) -> MeterValuesResponse:
    """Record meter values.

    "The outcome of such sanity checks SHOULD NOT ever cause the Central System to not respond" (§4.7): values of an
    unknown transaction are kept without one, and flagged.
    """
    register, power = last_register(request.meter_value), power_w(request.meter_value)
    energy, energy_at = register or (None, None)
    kept = await context.ask_patiently(
        RecordMeterValues(
            identity=context.identity,
            connector_id=request.connector_id,
            transaction_id=request.transaction_id,
            meter_values=as_sent(context.payload["meterValue"]),
            content_hash=_content_hash(context.payload),
            energy_wh=energy,
            power_w=power,
            received_at=context.received_at,
            energy_at=energy_at,
        )
    )
    if request.transaction_id is not None and not kept.linked:
        context.flag("unknown transaction", f"meter values of transaction {request.transaction_id}")
    if not kept.repeated:
        transaction_id = request.transaction_id if kept.linked else None
        context.tell(
            MeterValuesRecorded(
                context.identity, context.now(), request.connector_id, transaction_id, energy, power
            )
        )
    return MeterValuesResponse()


def as_sent(values: Any) -> list[Any]:
    """Return meter values as they were sent, in a list where a lenient charge point sent one by itself."""
    return values if isinstance(values, list) else [values]


def _content_hash(payload: Mapping[str, Any]) -> bytes:
    return blake2b(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def energy_wh(values: Sequence[MeterValue]) -> float | None:
    """Return the last reading of the register of imported active energy, in watt-hours; None where there is none."""
    register = last_register(values)
    return None if register is None else register[0]


def last_register(values: Sequence[MeterValue]) -> tuple[float, datetime] | None:
    """Return the last reading of the register of imported active energy, in watt-hours, and when it was taken.

    The measurand, unit and location that are left out mean this very register, in Wh, at the outlet (§7.43). A
    reading of the whole connector is preferred to the sum of its phases, of which none may be unreadable.
    """
    return _last(values, Measurand.ENERGY_ACTIVE_IMPORT_REGISTER, TO_WATT_HOURS)


def power_w(values: Sequence[MeterValue]) -> float | None:
    """Return the last reading of imported active power, in watts; None where there is none."""
    last = _last(values, Measurand.POWER_ACTIVE_IMPORT, TO_WATTS)
    return None if last is None else last[0]


def _last(
    values: Sequence[MeterValue], measurand: Measurand, factors: dict[UnitOfMeasure | None, float]
) -> tuple[float, datetime] | None:
    newest: tuple[float, datetime] | None = None
    for value in values:
        reading = _reading(value.sampled_value, measurand, factors)
        if reading is not None and (newest is None or value.timestamp >= newest[1]):
            newest = reading, value.timestamp
    return newest


def _reading(
    samples: Iterable[SampledValue], measurand: Measurand, factors: dict[UnitOfMeasure | None, float]
) -> float | None:
    phases: dict[str, float | None] = {}
    for sample in samples:
        if (sample.measurand or Measurand.ENERGY_ACTIVE_IMPORT_REGISTER) != measurand:
            continue
        if sample.format is ValueFormat.SIGNED_DATA or sample.location not in (None, Location.OUTLET):
            continue
        number, factor = _number(sample.value), factors.get(sample.unit)
        amount = None if number is None or factor is None else round(number * factor, 3)
        if sample.phase is not None:
            phases[sample.phase] = amount
        elif amount is not None:
            return amount
    for names in PHASES:
        amounts = [phases[name] for name in names if name in phases]
        if amounts:
            readable = [amount for amount in amounts if amount is not None]
            return round(sum(readable), 3) if len(readable) == len(amounts) else None
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
