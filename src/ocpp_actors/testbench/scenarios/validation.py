"""Messages are valid and accepted, or have one fault and are refused with the error code for it.

OCPP-J 1.6 §4.2.3, table 7, names the codes. Where it leaves open which one is for a fault, ocpp-actors has to answer
the one that it documents, another central system one of those that may be meant.
"""

from typing import Any

from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.answers import (
    MISSING,
    PROTOCOL,
    STRUCTURE,
    TYPE,
    UNKNOWN,
    UNSUPPORTED,
    VALUE,
    Codes,
    codes,
    is_ocpp_actors,
    refused,
)
from ocpp_actors.testbench.steps.messages import (
    OPTIONAL,
    fullest,
    least,
    meter_value,
    meter_values,
    start_request,
    status,
    stop_request,
)
from ocpp_actors.testbench.steps.scripted import answering, command, told
from ocpp_actors.testbench.steps.transactions import expect_recorded, start

NOT_THIS = codes(UNSUPPORTED, UNKNOWN)

TIMES = (
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00.1Z",
    "2026-03-01T12:00:00.123Z",
    "2026-03-01T12:00:00.123000Z",
    "2026-03-01T13:00:00+01:00",
    "2026-03-01T06:30:00.5-05:30",
)
"""Date-times of RFC 3339, as charge points write them."""


# --- valid -----------------------------------------------------------------------------------------------------


async def accepted(bench: Bench, requests: dict[str, dict[str, Any]]) -> None:
    """Let a charge point send each request; what a central system may leave out may be refused as unsupported."""
    async with bench.client(boot=True) as client:
        for action, payload in requests.items():
            with bench.patient():
                exchange = await client.call(action, payload)
            if isinstance(exchange.reply, CallError) and action in OPTIONAL and not is_ocpp_actors(bench):
                NOT_THIS.expect(bench, exchange.reply.code, f"{action}, which it may leave out")
                continue
            expect(isinstance(exchange.result, dict), f"{action}.conf is no object")


@scenario()
async def shortest_requests_are_accepted(bench: Bench) -> None:
    """Every request that a charge point may send is accepted with its required fields alone (OCPP 1.6 §6)."""
    await accepted(bench, least(bench, await bench.id_tag()))


@scenario()
async def fullest_requests_are_accepted(bench: Bench) -> None:
    """Every request is accepted with all its optional fields, and with texts as long as they may be (OCPP 1.6 §6)."""
    await accepted(bench, fullest(bench, await bench.id_tag()))


@scenario()
async def date_times_are_accepted_as_they_come(bench: Bench) -> None:
    """Date-times with fractions of a second and with an offset are accepted, and mean what they say (OCPP 1.6 §3.15).

    Where the record can be looked at, it has the same moments.
    """
    async with bench.client(boot=True) as client:
        for number, time in enumerate(TIMES):
            await told(bench, client, "StatusNotification", status(timestamp=time))
            started = await start(bench, client, await bench.id_tag(), timestamp=time, meterStart=number)
            ended = stop_request(bench, started.result["transactionId"], timestamp=time)
            with bench.patient():
                stopped = await client.call("StopTransaction", ended)
            expect(isinstance(stopped.result, dict), f"a stop at {time} was not confirmed")
            await expect_recorded(bench, client.identity, started, stopped)


@scenario()
async def texts_have_any_characters(bench: Bench) -> None:
    """Texts of any script are accepted: their length counts characters, not bytes, nor escapes (RFC 8259 §7)."""
    infos = "Zu heiß – 90 °C", "é" * 25 + "充電" * 10 + "🔌" * 5
    async with bench.client(boot=True) as client:
        for info in infos:
            await told(bench, client, "StatusNotification", status(info=info))
            if bench.operator_or_none is not None:
                known = await bench.operator_or_none.charge_point(client.identity)
                expect_equal(known["connectors"][0]["info"], info, "the info on record")
        data = {"vendorId": "org.example.é", "data": '"quoted" \\ \u0007 \n 充電 🔌'}
        await told(bench, client, "DataTransfer", data)


@scenario()
async def numbers_are_taken_for_their_value(bench: Bench) -> None:
    """A meter has counted far, or backwards: what a transaction's meter shows is confirmed (OCPP 1.6 §4.8, §4.10)."""
    async with bench.client(boot=True) as client:
        for first, last in ((0, 2**31 - 1), (2**31 - 1, 2**31 - 1), (5000, 10), (-5, 0)):
            started = await start(bench, client, await bench.id_tag(), meterStart=first)
            ended = stop_request(bench, started.result["transactionId"], meterStop=last)
            with bench.patient():
                stopped = await client.call("StopTransaction", ended)
            expect(isinstance(stopped.result, dict), f"a meter from {first} to {last} was not confirmed")
            await expect_recorded(bench, client.identity, started, stopped)


@scenario(needs={Need.OPERATOR})
async def tenths_are_never_refused(bench: Bench) -> None:
    """Each tenth from 0.0 to 40.0 is a limit, whatever binary numbers make of it (OCPP 1.6 §7.14).

    In both directions: in a charging profile of the operator's, and in the schedule that the charge point answers.
    """
    periods = [{"startPeriod": tenth, "limit": tenth / 10} for tenth in range(401)]
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {**schedule, "minChargingRate": 0.3},
    }
    answer = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}
    asked = {"connectorId": 1, "duration": 401}
    async with bench.client(boot=True) as client:
        setting = {"connectorId": 1, "csChargingProfiles": profile}
        await command(bench, client, "SetChargingProfile", setting, answer={"status": "Accepted"})
        await command(bench, client, "GetCompositeSchedule", asked, answer=answer)


# --- one fault -------------------------------------------------------------------------------------------------


async def all_refused(bench: Bench, requests: list[tuple[str, Any]], wanted: Codes, what: str) -> None:
    """Let a charge point send requests with the same fault; each has to be refused with the code for it."""
    async with bench.client(boot=True) as client:
        for action, payload in requests:
            await refused(bench, client, action, payload, wanted, f"{what} in {action} {payload!r:.100}")


@scenario()
async def required_field_is_missing(bench: Bench) -> None:
    """A request without a field that it has to have is refused: OccurenceConstraintViolation.

    Spelled so (OCPP-J 1.6 errata 5.2). ProtocolError is allowed, "payload is incomplete", and FormationViolation.
    """
    started, stopped = start_request(bench, "TAG"), stop_request(bench, 1)
    requests: list[tuple[str, Any]] = [
        ("Authorize", {}),
        ("BootNotification", {"chargePointVendor": "V"}),
        ("StatusNotification", {"connectorId": 1, "status": "Available"}),
        ("MeterValues", {"connectorId": 1}),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "1"}]}]}),
        *(("StartTransaction", _without(started, name)) for name in started),
        *(("StopTransaction", _without(stopped, name)) for name in stopped),
    ]
    await all_refused(bench, requests, codes(MISSING, PROTOCOL, STRUCTURE), "a missing field")


def _without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != name}


@scenario()
async def list_has_too_few_elements(bench: Bench) -> None:
    """A list that must not be empty is refused when it is: OccurenceConstraintViolation (OCPP 1.6 §6.31)."""
    requests = [("MeterValues", {"connectorId": 1, "meterValue": []})]
    await all_refused(bench, requests, codes(MISSING, PROTOCOL, STRUCTURE, VALUE), "an empty list")


@scenario()
async def value_has_the_wrong_type(bench: Bench) -> None:
    """A value of another JSON type is refused: TypeConstraintViolation, "somestring": 12 (OCPP-J 1.6 §4.2.3)."""
    requests: list[tuple[str, Any]] = [
        ("Authorize", {"idTag": 12}),
        ("Authorize", {"idTag": None}),
        ("Authorize", {"idTag": ["TAG"]}),
        ("StatusNotification", status() | {"connectorId": "1"}),
        ("StatusNotification", status() | {"connectorId": 1.5}),
        ("StartTransaction", start_request(bench, "TAG", meterStart=True)),
        ("StopTransaction", stop_request(bench, 1, meterStop="1000")),
        ("MeterValues", {"connectorId": 1, "meterValue": meter_value(bench)}),
        ("MeterValues", {"connectorId": 1, "meterValue": [meter_value(bench) | {"sampledValue": [1]}]}),
    ]
    await all_refused(bench, requests, codes(TYPE, STRUCTURE, VALUE), "a wrong type")


@scenario()
async def value_is_none_of_those_allowed(bench: Bench) -> None:
    """A value that is none of an enumeration's is refused: PropertyConstraintViolation (OCPP-J 1.6 errata 3.38)."""
    requests: list[tuple[str, Any]] = [
        ("StatusNotification", status(status="Occupied")),
        ("StatusNotification", status(status="available")),
        ("StatusNotification", status(errorCode="None")),
        ("StopTransaction", stop_request(bench, 1, reason="Because")),
        ("FirmwareStatusNotification", {"status": "Done"}),
        ("MeterValues", {"connectorId": 1, "meterValue": [meter_value(bench, measurand="Energy")]}),
        ("MeterValues", {"connectorId": 1, "meterValue": [meter_value(bench, unit="J")]}),
    ]
    await all_refused(
        bench, requests, codes(VALUE, STRUCTURE, TYPE, UNSUPPORTED, UNKNOWN), "an unknown value"
    )


@scenario()
async def text_is_too_long(bench: Bench) -> None:
    """A text with one character more than it may have is refused: PropertyConstraintViolation (OCPP 1.6 §7)."""
    requests: list[tuple[str, Any]] = [
        ("Authorize", {"idTag": "T" * 21}),
        ("Authorize", {"idTag": "é" * 21}),
        ("BootNotification", {"chargePointVendor": "V" * 21, "chargePointModel": "M"}),
        ("StatusNotification", status(info="i" * 51)),
        ("DataTransfer", {"vendorId": "v" * 256}),
        ("DataTransfer", {"vendorId": "v", "messageId": "m" * 51}),
    ]
    await all_refused(bench, requests, codes(VALUE, STRUCTURE, TYPE, MISSING), "a text that is too long")


@scenario(needs={Need.OPERATOR})
async def value_is_out_of_range(bench: Bench) -> None:
    """A connector that cannot be, or a date-time that is none, is refused: PropertyConstraintViolation.

    OCPP-J 1.6 errata 3.39. The schemas allow these, so another central system may accept them.
    """
    requests: list[tuple[str, Any]] = [
        ("StatusNotification", status(connector_id=-1)),
        ("MeterValues", meter_values(bench) | {"connectorId": -1}),
        ("StartTransaction", start_request(bench, "TAG") | {"connectorId": 0}),
        ("StartTransaction", start_request(bench, "TAG") | {"timestamp": "yesterday"}),
        ("StopTransaction", stop_request(bench, 1) | {"timestamp": "2026-02-30T12:00:00Z"}),
    ]
    await all_refused(bench, requests, codes(VALUE), "a value out of range")


@scenario()
async def property_is_unknown(bench: Bench) -> None:
    """A property that the message does not have is refused: FormationViolation (OCPP-J 1.6 §4.2.3)."""
    requests: list[tuple[str, Any]] = [
        ("Heartbeat", {"extra": 1}),
        ("Authorize", {"idTag": "TAG", "idtag": "TAG"}),
        ("StatusNotification", status(extra=None)),
        ("MeterValues", {"connectorId": 1, "meterValue": [meter_value(bench, extra="1")]}),
    ]
    await all_refused(bench, requests, codes(STRUCTURE, MISSING, VALUE, PROTOCOL), "an unknown property")


@scenario()
async def payload_is_no_object(bench: Bench) -> None:
    """A payload that is no JSON object is refused: FormationViolation (OCPP-J 1.6 §4.2.1)."""
    payloads: list[Any] = [[], "", 0, False, [{}]]
    requests = [("Heartbeat", payload) for payload in payloads]
    await all_refused(
        bench, requests, codes(STRUCTURE, TYPE, PROTOCOL, MISSING), "a payload that is no object"
    )


@scenario()
async def action_is_unknown(bench: Bench) -> None:
    """An action that nobody knows is refused: NotImplemented (OCPP-J 1.6 §4.2.3)."""
    requests: list[tuple[str, Any]] = [
        (name, {}) for name in ("Unknown", "heartbeat", "", "NotifyEvent", "H" * 60)
    ]
    await all_refused(bench, requests, codes(UNKNOWN, UNSUPPORTED), "an unknown action")


@scenario()
async def action_is_of_the_other_direction(bench: Bench) -> None:
    """A charge point sends what only a central system may send: NotSupported, "recognized but not supported".

    OCPP-J 1.6 §4.2.3; OCPP 1.6 §5.
    """
    requests: list[tuple[str, Any]] = [
        ("RemoteStartTransaction", {"idTag": "TAG"}),
        ("Reset", {"type": "Soft"}),
        ("GetConfiguration", {}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ]
    await all_refused(bench, requests, NOT_THIS, "an action of the other direction")


@scenario(needs={Need.OPERATOR})
async def answer_breaks_its_schema(bench: Bench) -> None:
    """A charge point answers the operator with what is no answer; he is told so, and the next answer is read again.

    OCPP 1.6 §6. A bad answer is never answered (OCPP-J 1.6 §4.1.3).
    """
    async with bench.client(boot=True) as client:
        wrongs: list[Any] = [{}, {"status": "Maybe"}, {"status": "Accepted", "extra": 1}, [], "Accepted"]
        for wrong in wrongs:
            async with answering(bench, client, "ClearCache", wrong):
                got = await bench.operator.call(client.identity, "ClearCache")
            expect_equal(got.status, 502, f"the API's status for the answer {wrong!r}")
        await command(bench, client, "ClearCache", answer={"status": "Accepted"})
