"""What it says."""

import re
from typing import Any

import orjson
import pytest
import trio
from tests.support.simulated import Street
from tests.testbench.simulated.quirk_cases.cases import Cases, in_place

from ocpp_actors.ledger.memory import metering as metering_facts
from ocpp_actors.ledger.memory import transactions as transaction_facts
from ocpp_actors.ledger.memory.facts import own_transaction
from ocpp_actors.ledger.port import ListMeterValues, ListOrphanStops, RequestFailed
from ocpp_actors.protocol import conversation, frames, leniency, timestamps, validation

case = Cases()


async def charged(street: Street) -> dict[str, Any]:
    """Charge for two minutes; the transaction as the central system has it."""
    await street.boot()
    await street.charge()
    await trio.sleep(130)
    await street.station.tap("TAG")
    await street.said("StopTransaction")
    await street.status("Finishing")
    (transaction,) = await street.central.operator.transactions("CP1")
    return transaction


@case("minus-one-transaction", in_place(transaction_facts, "_fits", lambda *_: False))
async def minus_one_transaction(street: Street) -> None:
    transaction = await charged(street)
    assert street.station.wire.answered("StopTransaction")[0].payload["transactionId"] == -1
    assert (transaction["meterStop"] or 0) > 300
    assert street.flagged == ["unknown transaction"]
    assert await street.central.central_system.ledger.ask(ListOrphanStops()) == []


def only_linked(identity: str, transaction_id: int | None, facts: Any) -> Any:
    found = own_transaction(identity, transaction_id, facts)
    if found is None:
        raise RequestFailed("an unknown transaction")
    return found


@case("dead-transaction", in_place(metering_facts, "own_transaction", only_linked))
async def dead_transaction(street: Street) -> None:
    await charged(street)
    kept = await street.central.central_system.ledger.ask(ListMeterValues())
    assert [record.sent_transaction_id for record in kept] == [987_654, 987_654]
    assert [record.transaction_id for record in kept] == [None, None]
    assert street.flagged == ["unknown transaction"] * 2


def null_is_no_object(patch: pytest.MonkeyPatch) -> None:
    def strictly(text: str | bytes) -> frames.Frame:
        frame = frames.parse(text)
        if isinstance(frame, frames.Call):
            frame.payload = orjson.loads(text)[3]
        return frame

    patch.setattr(conversation, "parse", strictly)


@case("null-payload", null_is_no_object, heartbeat_interval=60)
async def null_payload(street: Street) -> None:
    await street.boot()
    beat = await street.said("Heartbeat")
    assert orjson.loads(beat.asked.text)[3] is None
    assert set(beat.result) == {"currentTime"}


def nothing_repaired(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leniency, "arranged", lambda value, _: value)
    patch.setattr(leniency, "repaired", lambda value, _: value)


@case("numbers-for-strings", nothing_repaired, lenient=True)
async def numbers_for_strings(street: Street) -> None:
    await charged(street)
    first = street.station.wire.answered("MeterValues")[0]
    assert isinstance(first.payload["meterValue"], dict)
    assert first.payload["meterValue"]["sampledValue"][0]["value"] == 183.0
    kept = await street.central.central_system.ledger.ask(ListMeterValues())
    assert sorted(record.energy_wh or 0 for record in kept) == [183.0, 366.0]
    assert set(street.flagged) == {"invalid payload"}


def nothing_put_up_with(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(validation, "_lenient", validation._strict)


@case("unknown-names", nothing_put_up_with, lenient=True)
async def unknown_names(street: Street) -> None:
    await charged(street)
    assert street.refusals() == []
    found = await street.central.operator.charge_point("CP1")
    assert {connector["errorCode"] for connector in found["connectors"]} == {"Overheated"}


@case("overlong-strings", nothing_put_up_with, lenient=True)
async def overlong_strings(street: Street) -> None:
    await street.boot()
    found = await street.central.operator.charge_point("CP1")
    assert len(found["serialNumber"]) == len(found["model"]) == 90


def strict_times(patch: pytest.MonkeyPatch) -> None:
    rfc_3339 = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
    patch.setattr(timestamps, "_READABLE", re.compile(rfc_3339))


@case("no-timezone", strict_times)
async def no_timezone(street: Street) -> None:
    transaction = await charged(street)
    sent = street.station.wire.answered("StartTransaction")[0].payload["timestamp"]
    assert sent == "2026-03-01T12:00:00"
    assert transaction["startedAt"] == "2026-03-01T12:00:00.000Z"


@case("short-offset", strict_times)
async def short_offset(street: Street) -> None:
    transaction = await charged(street)
    sent = street.station.wire.answered("StartTransaction")[0].payload["timestamp"]
    assert sent == "2026-03-01T12:00:00+00"
    assert transaction["startedAt"] == "2026-03-01T12:00:00.000Z"


def recent_times(patch: pytest.MonkeyPatch) -> None:
    read = timestamps.read

    def recently(text: str) -> Any:
        moment = read(text)
        if moment.year < 2000:
            raise timestamps.UnreadableDateTime(text)
        return moment

    patch.setattr(timestamps, "read", recently)


@case("from-1970", recent_times)
async def from_1970(street: Street) -> None:
    transaction = await charged(street)
    assert transaction["startedAt"] == "1970-01-01T12:00:00.000Z"
    assert transaction["energyWh"] > 300
