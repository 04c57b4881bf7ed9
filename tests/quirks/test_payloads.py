"""Quirks 19 to 23: payloads that break the schemas, and odd timestamps."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from tests.support.central import BOOT, START, Central
from tests.support.known import central_with, flagged, record_of

from ocpp_actors.ledger.port import CommandState, ListMeterValues, ListTransactions
from ocpp_actors.protocol.messages import GetConfiguration, Reset, ResetType

AT = "2026-03-01T12:00:00Z"
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def meter_values(*samples: object) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(samples)}]}


async def kept(central: Central) -> list[tuple[Any, float | None]]:
    """The sampled values of every stored message, and the energy that was derived from them."""
    records = await central.ledger.ask(ListMeterValues())
    return [(record.meter_values[0]["sampledValue"], record.energy_wh) for record in records]


async def exchange(lenient: bool, action: str, payload: object) -> tuple[list[Any], Central]:
    """Send one CALL; its answer, and the central system to look at."""
    async with central_with(lenient) as central, central.charger() as charger:
        answer = await charger.call(action, payload)
        assert isinstance(answer, list)
        return answer, central


def judge(lenient: bool, answer: list[Any], central: Central, code: str) -> None:
    """Strict: the error code. Lenient: confirmed and flagged."""
    if lenient:
        assert answer[0] == 3, answer
        assert set(flagged(central)) == {"invalid payload"}
    else:
        assert answer[0] == 4, answer
        assert answer[2] == code
        assert flagged(central) == []


# --- 19 ----------------------------------------------------------------------------------------------------------


async def test_quirk_19_a_null_payload_is_read_as_an_empty_object(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    answer, central = await exchange(lenient, "Heartbeat", None)
    assert answer[2] == {"currentTime": "2026-03-01T12:00:00Z"}
    assert flagged(central) == []


async def test_quirk_19_a_null_payload_lacks_what_is_required(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    answer, _ = await exchange(lenient, "Authorize", None)
    assert answer[2] == "OccurenceConstraintViolation"


async def test_quirk_19_a_null_payload_of_an_answer_is_read_so_too(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", GetConfiguration())
        await charger.send([3, (await charger.receive())[1], None])
        outcome = await command.wait()
        assert (outcome.state, outcome.payload) == (CommandState.ANSWERED, {})


@pytest.mark.parametrize("payload", [[], "", 0, False, "{}", [{}]])
async def test_quirk_19_null_is_the_only_exception(
    autojump_clock: trio.abc.Clock, lenient: bool, payload: object
) -> None:
    answer, _ = await exchange(lenient, "Heartbeat", payload)
    assert answer[2] == "FormationViolation"


# --- 20 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "energy_wh"), [(12.5, 12.5), (0, 0.0), (True, None)])
async def test_quirk_20_a_number_where_a_string_belongs(
    autojump_clock: trio.abc.Clock, lenient: bool, value: object, energy_wh: float | None
) -> None:
    """It is understood as the string, and kept as it was sent."""
    answer, central = await exchange(lenient, "MeterValues", meter_values({"value": value}))
    judge(lenient, answer, central, "TypeConstraintViolation")
    assert await kept(central) == ([([{"value": value}], energy_wh)] if lenient else [])


async def test_quirk_20_an_id_tag_that_is_a_number(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    payload = {"connectorId": 1, "idTag": 4711, "meterStart": 0, "timestamp": AT}
    answer, central = await exchange(lenient, "StartTransaction", payload)
    judge(lenient, answer, central, "TypeConstraintViolation")
    transactions = await central.ledger.ask(ListTransactions())
    assert [transaction.id_tag for transaction in transactions] == (["4711"] if lenient else [])


async def test_quirk_20_a_string_where_a_number_belongs(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    answer, central = await exchange(lenient, "StatusNotification", STATUS | {"connectorId": "1"})
    judge(lenient, answer, central, "TypeConstraintViolation")
    assert set((await record_of(central)).connectors) == ({1} if lenient else set())


async def test_quirk_20_an_object_where_an_array_belongs(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    payload = {"connectorId": 1, "meterValue": {"timestamp": AT, "sampledValue": {"value": "7"}}}
    answer, central = await exchange(lenient, "MeterValues", payload)
    judge(lenient, answer, central, "TypeConstraintViolation")
    assert await kept(central) == ([({"value": "7"}, 7.0)] if lenient else [])


async def test_quirk_20_an_empty_sampled_value(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    answer, central = await exchange(lenient, "MeterValues", meter_values())
    judge(lenient, answer, central, "OccurenceConstraintViolation")
    assert await kept(central) == ([([], None)] if lenient else [])


async def test_quirk_20_what_has_no_clear_meaning_is_refused_all_the_same(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    answer, central = await exchange(lenient, "StatusNotification", STATUS | {"connectorId": "one"})
    assert answer[2] == "TypeConstraintViolation"
    assert flagged(central) == []


async def test_quirk_20_answers_to_commands_are_put_up_with_too(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    raw = {"configurationKey": {"key": 17, "readonly": False}}
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", GetConfiguration())
        await charger.send([3, (await charger.receive())[1], raw])
        outcome = await command.wait()
        assert outcome.payload == raw
        if lenient:
            assert outcome.state is CommandState.ANSWERED
            assert [key.key for key in outcome.response.configuration_key] == ["17"]
            assert set(flagged(central)) == {"invalid payload"}
        else:
            assert (outcome.state, outcome.response) == (CommandState.INVALID, None)
            assert outcome.error_code == "TypeConstraintViolation"


# --- 21 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"unit": "Hz"},
        {"measurand": "Frequency.Grid"},
        {"unit": "wh"},
        {"context": "Periodic"},
        {"phase": "L4"},
    ],
    ids=lambda odd: next(iter(odd.values())),
)
async def test_quirk_21_unknown_units_and_measurands(
    autojump_clock: trio.abc.Clock, lenient: bool, odd: dict[str, str]
) -> None:
    sample = {"value": "50.1", **odd}
    answer, central = await exchange(lenient, "MeterValues", meter_values(sample))
    judge(lenient, answer, central, "PropertyConstraintViolation")
    assert [samples for samples, _ in await kept(central)] == ([[sample]] if lenient else [])


async def test_quirk_21_unknown_error_codes(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    answer, central = await exchange(lenient, "StatusNotification", STATUS | {"errorCode": "Overheated"})
    judge(lenient, answer, central, "PropertyConstraintViolation")
    connectors = (await record_of(central)).connectors.values()
    assert [connector.error_code for connector in connectors] == (["Overheated"] if lenient else [])


async def test_quirk_21_an_unknown_status_in_an_answer(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", Reset(type=ResetType.HARD))
        await charger.send([3, (await charger.receive())[1], {"status": "Scheduled"}])
        outcome = await command.wait()
        assert outcome.state is (CommandState.ANSWERED if lenient else CommandState.INVALID)
        assert outcome.payload == {"status": "Scheduled"}


# --- 22 ----------------------------------------------------------------------------------------------------------

LONG = "0123456789" * 9


@pytest.mark.parametrize(
    "name",
    ["chargePointSerialNumber", "chargeBoxSerialNumber", "chargePointModel", "firmwareVersion", "iccid"],
)
async def test_quirk_22_over_long_serials_and_models_are_never_cut(
    autojump_clock: trio.abc.Clock, lenient: bool, name: str
) -> None:
    boot = BOOT | {name: LONG}
    answer, central = await exchange(lenient, "BootNotification", boot)
    judge(lenient, answer, central, "PropertyConstraintViolation")
    assert (await record_of(central)).boot == (boot if lenient else None)


async def test_quirk_22_an_over_long_info_is_never_cut(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    answer, central = await exchange(lenient, "StatusNotification", STATUS | {"info": LONG})
    judge(lenient, answer, central, "PropertyConstraintViolation")
    connectors = (await record_of(central)).connectors.values()
    assert [connector.info for connector in connectors] == ([LONG] if lenient else [])


async def test_quirk_22_an_over_long_id_tag_is_never_cut(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    payload = {"connectorId": 1, "idTag": LONG, "meterStart": 0, "timestamp": AT}
    answer, central = await exchange(lenient, "StartTransaction", payload)
    judge(lenient, answer, central, "PropertyConstraintViolation")
    transactions = await central.ledger.ask(ListTransactions())
    assert [transaction.id_tag for transaction in transactions] == ([LONG] if lenient else [])


# --- 23 ----------------------------------------------------------------------------------------------------------

TIMESTAMPS = pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2026-02-28T10:00:00", datetime(2026, 2, 28, 10, tzinfo=UTC)),
        ("2026-02-28T10:00:00+02:00", datetime(2026, 2, 28, 8, tzinfo=UTC)),
        ("2026-02-28T10:00:00+02", datetime(2026, 2, 28, 8, tzinfo=UTC)),
        ("2026-02-28T10:00:00.25Z", datetime(2026, 2, 28, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("1970-01-01T00:00:17Z", datetime(1970, 1, 1, 0, 0, 17, tzinfo=UTC)),
    ],
    ids=["no zone", "+02:00", "+02", "fraction", "1970"],
)


@TIMESTAMPS
async def test_quirk_23_odd_timestamps_are_accepted_and_the_receipt_is_stored_beside_them(
    autojump_clock: trio.abc.Clock, lenient: bool, sent: str, meant: datetime
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await trio.sleep(10)
        started = await charger.result(
            "StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": sent}
        )
        await trio.sleep(10)
        await charger.result("StatusNotification", STATUS | {"timestamp": sent})
        sample = {"timestamp": sent, "sampledValue": [{"value": "1"}]}
        await charger.result("MeterValues", {"connectorId": 1, "meterValue": [sample]})
        await trio.sleep(10)
        await charger.result(
            "StopTransaction",
            {"transactionId": started["transactionId"], "meterStop": 5, "timestamp": sent},
        )
        (transaction,) = await central.ledger.ask(ListTransactions())
        assert (transaction.started_at, transaction.stopped_at) == (meant, meant)
        assert transaction.start_received_at == START + timedelta(seconds=10)
        assert transaction.stop_received_at == START + timedelta(seconds=30)
        connector = (await record_of(central)).connectors[1]
        assert (connector.timestamp, connector.received_at) == (meant, START + timedelta(seconds=20))
        (values,) = await central.ledger.ask(ListMeterValues())
        assert values.received_at == START + timedelta(seconds=20)
        assert flagged(central) == []


@pytest.mark.parametrize("sent", ["yesterday", "2026-02-30T10:00:00Z", ""])
async def test_quirk_23_what_is_no_time_at_all_is_refused(
    autojump_clock: trio.abc.Clock, lenient: bool, sent: str
) -> None:
    payload = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": sent}
    answer, _ = await exchange(lenient, "StartTransaction", payload)
    assert answer[2] == "PropertyConstraintViolation"
