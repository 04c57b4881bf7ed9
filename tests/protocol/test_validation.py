"""Verdicts, and the error code of each fault (OCPP-J 1.6 §4.2.3, errata 3.38 and 3.39 of OCPP 1.6)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.explanation import MAX_DESCRIPTION, MAX_FAULTS, Explainer
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.protocol.validation import Fault, Invalid, decode

FORMATION = ErrorCode.FORMATION_VIOLATION
OCCURENCE = ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION
TYPE = ErrorCode.TYPE_CONSTRAINT_VIOLATION
PROPERTY = ErrorCode.PROPERTY_CONSTRAINT_VIOLATION

NOW = "2026-01-02T03:04:05Z"
START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": NOW}
STATUS = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
METER = {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": [{"value": "1"}]}]}
SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}]}


def sampled(**sample: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": [{"value": "1"}, sample]}]}


def refusal(cls: Any, payload: Any) -> tuple[Fault, ...] | None:
    try:
        decode(cls, payload)
    except Invalid as invalid:
        return invalid.faults
    return None


def faults(cls: Any, payload: Any) -> tuple[Fault, ...]:
    with pytest.raises(Invalid) as caught:
        decode(cls, payload)
    assert caught.value.first is caught.value.faults[0]
    assert str(caught.value) == caught.value.first.description
    return caught.value.faults


@pytest.mark.parametrize(
    ("cls", "payload", "code", "path", "rule"),
    [
        (m.Heartbeat, [], FORMATION, "", "type"),
        (m.Heartbeat, "x", FORMATION, "", "type"),
        (m.Heartbeat, 1, FORMATION, "", "type"),
        (m.Heartbeat, True, FORMATION, "", "type"),
        (m.Heartbeat, None, FORMATION, "", "type"),
        (m.Heartbeat, {"x": 1}, FORMATION, "x", "additionalProperties"),
        (m.Authorize, {"idTag": "A", "IdTag": "A"}, FORMATION, "IdTag", "additionalProperties"),
        (
            m.MeterValues,
            sampled(value="1", units="Wh"),
            FORMATION,
            "meterValue[0].sampledValue[1].units",
            "additionalProperties",
        ),
        (m.Authorize, {}, OCCURENCE, "idTag", "required"),
        (m.MeterValues, sampled(unit="Wh"), OCCURENCE, "meterValue[0].sampledValue[1].value", "required"),
        (m.MeterValues, {**METER, "meterValue": []}, OCCURENCE, "meterValue", "minItems"),
        (
            m.MeterValues,
            {**METER, "meterValue": [{"timestamp": NOW, "sampledValue": []}]},
            OCCURENCE,
            "meterValue[0].sampledValue",
            "minItems",
        ),
        (m.Authorize, {"idTag": 5}, TYPE, "idTag", "type"),
        (m.Authorize, {"idTag": None}, TYPE, "idTag", "type"),
        (m.StatusNotification, {**STATUS, "status": 5}, TYPE, "status", "type"),
        (m.StatusNotification, {**STATUS, "info": None}, TYPE, "info", "type"),
        (m.StatusNotification, {**STATUS, "timestamp": 1}, TYPE, "timestamp", "type"),
        (m.StartTransaction, {**START, "connectorId": "1"}, TYPE, "connectorId", "type"),
        (m.StartTransaction, {**START, "connectorId": True}, TYPE, "connectorId", "type"),
        (m.StartTransaction, {**START, "meterStart": 1.0}, TYPE, "meterStart", "type"),
        (m.StartTransaction, {**START, "meterStart": 2.0**52}, TYPE, "meterStart", "type"),
        (m.MeterValues, {**METER, "meterValue": METER["meterValue"][0]}, TYPE, "meterValue", "type"),  # type: ignore[index]
        (m.StatusNotification, {**STATUS, "status": "available"}, PROPERTY, "status", "enum"),
        (
            m.MeterValues,
            sampled(value="1", unit="Hz"),
            PROPERTY,
            "meterValue[0].sampledValue[1].unit",
            "enum",
        ),
        (m.Authorize, {"idTag": "A" * 21}, PROPERTY, "idTag", "maxLength"),
        (m.StatusNotification, {**STATUS, "connectorId": -1}, PROPERTY, "connectorId", "minimum"),
        (m.StartTransaction, {**START, "connectorId": 0}, PROPERTY, "connectorId", "minimum"),
        (m.StartTransaction, {**START, "connectorId": -1}, PROPERTY, "connectorId", "minimum"),
        (m.StartTransaction, {**START, "timestamp": "now"}, PROPERTY, "timestamp", "date-time"),
        (
            m.GetCompositeScheduleResponse,
            {"status": "Accepted", "chargingSchedule": {**SCHEDULE, "minChargingRate": 25.35}},
            PROPERTY,
            "chargingSchedule.minChargingRate",
            "multipleOf",
        ),
    ],
)
def test_each_fault_has_its_code_path_and_rule(
    cls: Any, payload: Any, code: ErrorCode, path: str, rule: str
) -> None:
    (fault,) = faults(cls, payload)
    assert (fault.code, fault.path, fault.rule) == (code, path, rule)
    assert fault.description.endswith(".")
    assert path in fault.description


@pytest.mark.parametrize(
    ("cls", "payload", "description"),
    [
        (m.Heartbeat, [], "The payload must be an object, not an array."),
        (m.Heartbeat, {"x": 1}, "x is not a property of this message."),
        (m.Authorize, {}, "idTag is missing."),
        (m.Authorize, {"idTag": 5}, "idTag must be a string, not a number."),
        (m.Authorize, {"idTag": True}, "idTag must be a string, not a boolean."),
        (m.Authorize, {"idTag": None}, "idTag must be a string, not null."),
        (m.Authorize, {"idTag": {}}, "idTag must be a string, not an object."),
        (m.StartTransaction, {**START, "meterStart": "1"}, "meterStart must be an integer, not a string."),
        (m.Authorize, {"idTag": "A" * 21}, "idTag has 21 characters, at most 20 are allowed."),
        (m.Reset, {"type": "hard"}, "type is 'hard', which is none of Hard, Soft."),
        (m.StartTransaction, {**START, "connectorId": 0}, "connectorId is 0, the least allowed is 1."),
        (m.MeterValues, {**METER, "meterValue": []}, "meterValue has 0 elements, at least 1 must be there."),
        (
            m.StartTransaction,
            {**START, "timestamp": "x" * 50},
            f"timestamp is '{'x' * 39}…', which is not a date-time that can be read.",
        ),
    ],
)
def test_descriptions_say_what_is_wrong(cls: Any, payload: Any, description: str) -> None:
    assert faults(cls, payload)[0].description == description


def test_structure_comes_before_missing_before_type_before_values() -> None:
    payload = {"connectorId": -1, "status": 5, "vendorId": "x", "oops": 1}
    assert [(fault.code, fault.path) for fault in faults(m.StatusNotification, payload)] == [
        (FORMATION, "oops"),
        (OCCURENCE, "errorCode"),
        (TYPE, "status"),
        (PROPERTY, "connectorId"),
    ]


def test_within_a_class_the_first_in_document_order_comes_first() -> None:
    payload = {"timestamp": "x", "meterStart": 1, "connectorId": 0, "idTag": "A" * 21}
    assert [fault.path for fault in faults(m.StartTransaction, payload)] == [
        "timestamp",
        "connectorId",
        "idTag",
    ]
    bad = {"value": "1", "unit": "Hz"}
    second = {"timestamp": "x", "sampledValue": [bad]}
    first = {"sampledValue": [{"value": "1"}, bad], "timestamp": "x"}
    assert [
        fault.path for fault in faults(m.MeterValues, {"meterValue": [first, second], "connectorId": -1})
    ] == [
        "meterValue[0].sampledValue[1].unit",
        "meterValue[0].timestamp",
        "meterValue[1].timestamp",
        "meterValue[1].sampledValue[0].unit",
        "connectorId",
    ]


def test_missing_properties_come_in_the_order_of_the_class() -> None:
    assert [fault.path for fault in faults(m.StartTransaction, {})] == [
        "connectorId",
        "idTag",
        "meterStart",
        "timestamp",
    ]


@pytest.mark.unmeasured
def test_every_tenth_from_0_to_1000_passes_verdict_and_explanation() -> None:
    explainer = Explainer(schema(m.GetCompositeScheduleResponse))
    for text in (f"{k // 10}.{k % 10}" for k in range(10_001)):
        period = json.loads(f'{{"startPeriod": 0, "limit": {text}}}')
        charging = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [period],
            "minChargingRate": -period["limit"],
        }
        payload = {"status": "Accepted", "chargingSchedule": charging}
        answer = decode(m.GetCompositeScheduleResponse, payload)
        assert answer.charging_schedule is not None
        assert answer.charging_schedule.charging_schedule_period[0].limit == float(text)
        assert explainer.explain(payload) == ()


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(0, 1000)
    | st.integers(0, 10**6).map(lambda n: n / 100)
)
def test_verdict_and_explanation_agree_on_any_number(limit: float) -> None:
    charging = {**SCHEDULE, "minChargingRate": limit}
    payload = {"status": "Accepted", "chargingSchedule": charging}
    explained = Explainer(schema(m.GetCompositeScheduleResponse)).explain(payload)
    assert refusal(m.GetCompositeScheduleResponse, payload) == (explained or None)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=60),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["connectorId", "meterValue", "timestamp", "sampledValue", "value", "unit", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.unmeasured
@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(JSON)
def test_verdict_and_explanation_agree_on_any_json(payload: Any) -> None:
    explained = Explainer(schema(m.MeterValues)).explain(payload)
    assert refusal(m.MeterValues, payload) == (explained or None)


@pytest.mark.parametrize(
    "number",
    [1.0, 2.0**64, 1e300, 2**53 - 1, 2**53, 2.0**53, 2**63, 2**64 - 1, 1 - 2**53, -(2**53), -(2.0**63), -0.0],
)
@pytest.mark.parametrize(
    ("cls", "payload", "field"),
    [
        (m.StopTransaction, {"transactionId": 1, "timestamp": NOW}, "meterStop"),
        (m.LogStatusNotification, {"status": "Idle"}, "requestId"),
    ],
)
def test_verdict_and_explanation_agree_on_unusual_integers(
    cls: Any, payload: dict[str, Any], field: str, number: float
) -> None:
    payload = {**payload, field: number}
    if abs(number) < 2**53 and (cls is m.LogStatusNotification or isinstance(number, int)):
        assert decode(cls, payload)
        assert Explainer(schema(cls)).explain(payload) == ()
    else:
        assert faults(cls, payload) == Explainer(schema(cls)).explain(payload)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}], ids=["arrays", "objects"])
@pytest.mark.parametrize("path", ["idTag", "unknown"])
def test_deep_nesting_is_refused_like_anything_else(wrap: Any, path: str) -> None:
    deep: Any = 1
    for _ in range(1020):
        deep = wrap(deep)
    code = TYPE if path == "idTag" else FORMATION
    assert [(f.code, f.path) for f in faults(m.Authorize, {"idTag": "A", path: deep})] == [(code, path)]


def test_the_number_and_length_of_faults_is_bounded() -> None:
    many = {"x" * 1000 + str(n): n for n in range(10 * MAX_FAULTS)}
    found = faults(m.Heartbeat, many)
    assert len(found) == MAX_FAULTS
    assert max(len(fault.path) for fault in found) < 100
    long = faults(m.MeterValues, sampled(value="1", measurand="x" * 1000))
    assert len(long[0].description) == MAX_DESCRIPTION
    assert long[0].description.endswith("…")


def test_hertz_ends_no_transaction() -> None:
    data = [{"timestamp": NOW, "sampledValue": [{"value": "50", "measurand": "Frequency", "unit": "Hertz"}]}]
    stop = decode(
        m.StopTransaction, {"transactionId": 1, "meterStop": 1, "timestamp": NOW, "transactionData": data}
    )
    assert stop.transaction_data is not None
    assert stop.transaction_data[0].sampled_value[0].unit is m.UnitOfMeasure.HERTZ
