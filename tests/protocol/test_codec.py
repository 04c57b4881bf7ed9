"""Messages to JSON-ready dicts and back."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import AttrsInstance, fields
from attrs.exceptions import FrozenInstanceError
from hypothesis import HealthCheck, given, settings

from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.catalogue import ACTION_OF, FeatureProfile
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.validation import decode

from . import oracle  # noqa: TID252 - tests are no installed package

MESSAGES = sorted(ACTION_OF, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_an_encoded_message_is_decoded_to_itself(cls: type[AttrsInstance]) -> None:
    amended, _ = oracle.amended_schema(cls.__name__)
    draft6 = ACTION_OF[cls].profile is FeatureProfile.SECURITY

    @settings(
        max_examples=25,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(oracle.payloads(amended, draft6=draft6))
    def check(payload: Any) -> None:
        encoded = encode(decode(cls, payload))
        assert json.loads(json.dumps(encoded)) == encoded
        assert {type(part) for part in parts(encoded)} <= {dict, list, str, int, float, bool}
        assert encode(decode(cls, encoded)) == encoded
        assert without_dates(encoded) == without_dates(payload)

    check()


def parts(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(part for child in children for part in parts(child))]


def without_dates(value: Any) -> Any:
    """Blank out date-times, which are written in another way than they came."""
    if isinstance(value, dict):
        return {name: without_dates(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_dates(item) for item in value]
    return "date" if isinstance(value, str) and value[4:5] == "-" and value[13:14] == ":" else value


def test_encode_writes_camel_case_and_leaves_none_out() -> None:
    answer = m.StartTransactionResponse(
        transaction_id=7,
        id_tag_info=m.IdTagInfo(
            status=m.AuthorizationStatus.ACCEPTED,
            expiry_date=datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
        ),
    )
    assert encode(answer) == {
        "transactionId": 7,
        "idTagInfo": {"status": "Accepted", "expiryDate": "2026-01-02T03:04:05.678Z"},
    }


def test_decode_builds_the_typed_message() -> None:
    message = decode(
        m.MeterValues,
        {
            "connectorId": 0,
            "meterValue": [
                {
                    "timestamp": "2026-01-02T05:04:05+02:00",
                    "sampledValue": [{"value": "1", "unit": "Celcius", "phase": "L1-N"}],
                }
            ],
        },
    )
    assert message == m.MeterValues(
        connector_id=0,
        meter_value=[
            m.MeterValue(
                timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                sampled_value=[m.SampledValue(value="1", unit=m.UnitOfMeasure.CELCIUS, phase=m.Phase.L1_N)],
            )
        ],
    )
    assert message.meter_value[0].sampled_value[0].unit is m.UnitOfMeasure.CELCIUS
    assert message.meter_value[0].timestamp.tzinfo is UTC


def test_a_decoded_message_is_what_the_constructor_makes_and_cannot_be_changed() -> None:
    sample = {"value": "1", "unit": "Wh"}
    message = decode(
        m.MeterValues,
        {"connectorId": 1, "meterValue": [{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [sample]}]},
    )
    value = message.meter_value[0]
    made = m.SampledValue(value="1", unit=m.UnitOfMeasure.WH)
    for part, kind in (
        (message, m.MeterValues),
        (value, m.MeterValue),
        (value.sampled_value[0], m.SampledValue),
    ):
        assert type(part) is kind
        with pytest.raises(FrozenInstanceError):
            setattr(part, fields(kind)[0].name, None)
    assert value.sampled_value == [made]
    assert hash(value.sampled_value[0]) == hash(made)


def test_an_integer_written_as_1_0_becomes_an_int_where_draft_06_accepts_it() -> None:
    message = decode(m.LogStatusNotification, {"status": "Idle", "requestId": 1.0})
    assert message.request_id == 1
    assert isinstance(message.request_id, int)


def test_a_datetime_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        encode(m.HeartbeatResponse(current_time=datetime(2026, 1, 2)))  # noqa: DTZ001
