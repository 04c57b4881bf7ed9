"""MeterValues: kept as sent; energy and power are derived from them (OCPP 1.6 §4.7, §7.33)."""

import math
from collections.abc import Iterable, Mapping
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

ENERGY: Final = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER
POWER: Final = Measurand.POWER_ACTIVE_IMPORT
SIGNED: Final = ValueFormat.SIGNED_DATA
OUTLET: Final = Location.OUTLET
TO_WATT_HOURS: Final = {None: 1.0, UnitOfMeasure.WH: 1.0, UnitOfMeasure.KWH: 1000.0}
TO_WATTS: Final = {None: 1.0, UnitOfMeasure.W: 1.0, UnitOfMeasure.KW: 1000.0}
PHASES: Final = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))


async def meter_values(request: MeterValues, context: Context) -> MeterValuesResponse:
    """Record meter values.

    "The outcome of such sanity checks SHOULD NOT ever cause the Central System to not respond" (§4.7): values of an
    unknown transaction are kept without one, and flagged.
    """
    identity, connector_id, transaction_id = context.identity, request.connector_id, request.transaction_id
    register, power = last_readings(request.meter_value)
    energy, energy_at = register or (None, None)
    kept = await context.ask_patiently(
        RecordMeterValues(
            identity,
            connector_id,
            transaction_id,
            as_sent(context.payload["meterValue"]),
            _content_hash(context.payload),
            energy,
            power,
            context.received_at,
            energy_at,
        )
    )
    if transaction_id is not None and not kept.linked:
        context.flag("unknown transaction", f"meter values of transaction {transaction_id}")
        transaction_id = None
    if not kept.repeated:
        context.tell(
            MeterValuesRecorded(identity, context.now(), connector_id, transaction_id, energy, power)
        )
    return MeterValuesResponse()


def as_sent(values: Any) -> list[Any]:
    """Return meter values as they were sent, in a list where a lenient charge point sent one by itself."""
    return values if isinstance(values, list) else [values]


def _content_hash(payload: Mapping[str, Any]) -> bytes:
    return blake2b(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def last_readings(values: Iterable[MeterValue]) -> tuple[tuple[float, datetime] | None, float | None]:
    """Return the last register of imported active energy, in watt-hours, with when it was read, and the last power.

    The power is imported active power, in watts. None: there is no such reading.

    The measurand, unit and location that are left out mean the register of imported active energy, in Wh, at the
    outlet (§7.43). A reading of the whole connector is preferred to the sum of its phases, of which none may be
    unreadable.
    """
    register: tuple[float, datetime] | None = None
    power: tuple[float, datetime] | None = None
    for value in values:
        energies, powers = [], []
        for sample in value.sampled_value:
            measurand = sample.measurand
            if measurand is None or measurand is ENERGY:
                energies.append(sample)
            elif measurand is POWER:
                powers.append(sample)
        at = value.timestamp
        if energies and (register is None or at >= register[1]):
            energy = _reading(energies, TO_WATT_HOURS)
            register = register if energy is None else (energy, at)
        if powers and (power is None or at >= power[1]):
            watts = _reading(powers, TO_WATTS)
            power = power if watts is None else (watts, at)
    return register, None if power is None else power[0]


def _reading(samples: Iterable[SampledValue], factors: dict[UnitOfMeasure | None, float]) -> float | None:
    phases: dict[str, float | None] = {}
    for sample in samples:
        if sample.format is SIGNED or (sample.location is not None and sample.location is not OUTLET):
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
