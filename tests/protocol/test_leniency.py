"""What is put up with from a charge point that is marked lenient, and what is not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.validation import Invalid, decode, decode_leniently

from . import oracle  # noqa: TID252 - tests are no installed package

NOW = "2026-01-02T03:04:05Z"
START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": NOW}
STATUS = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
SAMPLE = {"value": "1"}
VALUE = {"timestamp": NOW, "sampledValue": [SAMPLE]}
METER = {"connectorId": 1, "meterValue": [VALUE]}


def meter(**sample: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": [sample]}]}


@pytest.mark.parametrize(
    ("cls", "payload", "encoded", "rules"),
    [
        (m.StartTransaction, START, START, []),
        (m.Authorize, {"idTag": 12}, {"idTag": "12"}, ["type"]),
        (m.Authorize, {"idTag": True}, {"idTag": "true"}, ["type"]),
        (m.MeterValues, meter(value=230.5), meter(value="230.5"), ["type"]),
        (m.StartTransaction, {**START, "connectorId": "1"}, START, ["type"]),
        (m.StartTransaction, {**START, "connectorId": " 1 "}, START, ["type"]),
        (m.StartTransaction, {**START, "meterStart": "0.0"}, START, ["type"]),
        (m.StartTransaction, {**START, "meterStart": 0.0}, START, ["type"]),
        (m.StartTransaction, {**START, "meterStart": "-5"}, {**START, "meterStart": -5}, ["type"]),
        (m.MeterValues, {**METER, "meterValue": VALUE}, METER, ["type"]),
        (
            m.MeterValues,
            {**METER, "meterValue": {"timestamp": NOW, "sampledValue": {"value": 1, "unit": "Hz"}}},
            meter(value="1", unit="Hz"),
            ["type", "type", "type", "enum"],
        ),
        (m.MeterValues, {**METER, "meterValue": []}, {**METER, "meterValue": []}, ["minItems"]),
        (
            m.MeterValues,
            {**METER, "meterValue": [{"timestamp": NOW, "sampledValue": []}]},
            {**METER, "meterValue": [{"timestamp": NOW, "sampledValue": []}]},
            ["minItems"],
        ),
        (m.MeterValues, meter(value="1", unit="Hz"), meter(value="1", unit="Hz"), ["enum"]),
        (
            m.StatusNotification,
            {**STATUS, "errorCode": "Vendor7"},
            {**STATUS, "errorCode": "Vendor7"},
            ["enum"],
        ),
        (m.Authorize, {"idTag": "A" * 99}, {"idTag": "A" * 99}, ["maxLength"]),
        (m.Authorize, {"idTag": "A", "x": {"y": [1]}}, {"idTag": "A"}, ["additionalProperties"]),
        (m.StatusNotification, {**STATUS, "info": None}, STATUS, ["type"]),
        (
            m.StatusNotification,
            {"connectorId": "0", "errorCode": 17, "status": "Available", "info": "i" * 51, "x": 1},
            {"connectorId": 0, "errorCode": "17", "status": "Available", "info": "i" * 51},
            ["additionalProperties", "type", "type", "maxLength"],
        ),
        (
            m.SignedFirmwareStatusNotification,
            {"status": "X", "requestId": 3.0},
            {"status": "X", "requestId": 3},
            ["enum"],
        ),
    ],
)
def test_put_up_with(cls: Any, payload: Any, encoded: Any, rules: list[str]) -> None:
    message, faults = decode_leniently(cls, payload)
    assert encode(message) == encoded
    assert [fault.rule for fault in faults] == rules


def test_faults_inside_an_object_that_should_be_an_array_are_listed() -> None:
    payload = {**METER, "meterValue": {"timestamp": NOW, "sampledValue": {"value": 1, "unit": "Hz"}}}
    _, faults = decode_leniently(m.MeterValues, payload)
    assert [(fault.path, fault.rule) for fault in faults] == [
        ("meterValue", "type"),
        ("meterValue[0].sampledValue", "type"),
        ("meterValue[0].sampledValue[0].value", "type"),
        ("meterValue[0].sampledValue[0].unit", "enum"),
    ]


def test_a_known_enum_value_stays_typed_beside_an_unknown_one() -> None:
    message, _ = decode_leniently(m.MeterValues, meter(value="1", unit="Hz", phase="L1"))
    sample = message.meter_value[0].sampled_value[0]
    assert sample.phase is m.Phase.L1
    assert type(sample.unit) is str


@pytest.mark.parametrize(
    ("cls", "payload", "code", "path"),
    [
        (m.Heartbeat, [], ErrorCode.FORMATION_VIOLATION, ""),
        (m.Heartbeat, "x", ErrorCode.FORMATION_VIOLATION, ""),
        (m.Authorize, {}, ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION, "idTag"),
        (m.Authorize, {"idTag": None}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "idTag"),
        (m.Authorize, {"idTag": ["A"]}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "idTag"),
        (
            m.StartTransaction,
            {**START, "meterStart": "many"},
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
            "meterStart",
        ),
        (
            m.StartTransaction,
            {**START, "meterStart": "0.5"},
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
            "meterStart",
        ),
        (m.StartTransaction, {**START, "meterStart": 0.5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "meterStart"),
        (
            m.StartTransaction,
            {**START, "meterStart": 1e300},
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
            "meterStart",
        ),
        (
            m.StartTransaction,
            {**START, "meterStart": "9" * 16},
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
            "meterStart",
        ),
        (
            m.StartTransaction,
            {**START, "meterStart": True},
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
            "meterStart",
        ),
        (
            m.StartTransaction,
            {**START, "connectorId": "0"},
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
            "connectorId",
        ),
        (
            m.StartTransaction,
            {**START, "timestamp": "now"},
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
            "timestamp",
        ),
        (m.StartTransaction, {**START, "timestamp": 0}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "timestamp"),
        (
            m.MeterValues,
            {**METER, "meterValue": {"sampledValue": SAMPLE}},
            ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
            "meterValue[0].timestamp",
        ),
        (m.MeterValues, {**METER, "meterValue": "x"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "meterValue"),
    ],
)
def test_not_put_up_with(cls: Any, payload: Any, code: ErrorCode, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_leniently(cls, payload)
    assert (caught.value.first.code, caught.value.first.path) == (code, path)


def test_many_tolerable_faults_do_not_hide_a_fatal_one() -> None:
    samples = [{"value": "1", "unit": "Hz"}] * 300 + [{"unit": "Wh"}]
    with pytest.raises(Invalid) as caught:
        decode_leniently(
            m.MeterValues, {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": samples}]}
        )
    assert [fault.path for fault in caught.value.faults] == ["meterValue[0].sampledValue[300].value"]


AMENDED, _ = oracle.amended_schema("MeterValues")


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(oracle.payloads(AMENDED, draft6=False), st.data())
def test_leniency_accepts_more_and_changes_nothing_that_is_valid(payload: Any, data: st.DataObject) -> None:
    assert decode_leniently(m.MeterValues, payload) == (decode(m.MeterValues, payload), ())
    mutant = data.draw(st.sampled_from(oracle.mutants(payload, AMENDED, draft6=False)))
    try:
        _, faults = decode_leniently(m.MeterValues, mutant)
    except Invalid as invalid:
        faults = invalid.faults
    assert faults
