"""The derived schemas and the official ones give the same verdict, but for the listed deviations."""

from collections import Counter
from typing import Any

import pytest
from attrs import AttrsInstance
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocpp_actors.protocol.catalogue import ACTION_OF, FeatureProfile
from ocpp_actors.protocol.deviations import DEVIATIONS
from ocpp_actors.protocol.explanation import Explainer
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.protocol.validation import Invalid, decode

from . import oracle  # noqa: TID252 - tests are no installed package

EXAMPLES = 200

MESSAGES = sorted(ACTION_OF, key=lambda cls: cls.__name__)


def accepts(cls: type[AttrsInstance], payload: Any) -> bool:
    try:
        decode(cls, payload)
    except Invalid:
        return False
    return True


@pytest.mark.heavy
@pytest.mark.unmeasured
@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_verdict_is_that_of_the_official_schema(cls: type[AttrsInstance], tally: Counter[str]) -> None:
    amended, _ = oracle.amended_schema(cls.__name__)
    draft6 = ACTION_OF[cls].profile is FeatureProfile.SECURITY
    judge = oracle.validator(amended, dates=True)
    explainer = Explainer(schema(cls))
    counts: Counter[str] = Counter()
    broken: set[oracle.Constraint] = set()

    def compare(payload: Any, *, valid: bool) -> None:
        found = oracle.broken(judge, payload)
        assert (not found) == valid, (payload, found)
        assert accepts(cls, payload) == valid, payload
        assert (not explainer.explain(payload)) == valid, payload
        broken.update(found)
        counts["valid" if valid else "mutated"] += 1

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(payload=oracle.payloads(amended, draft6=draft6), data=st.data())
    def compare_generated(payload: Any, data: st.DataObject) -> None:
        compare(payload, valid=True)
        compare(data.draw(st.sampled_from(oracle.mutants(payload, amended, draft6=draft6))), valid=False)

    compare_generated()
    full = oracle.full_payload(amended)
    compare(full, valid=True)
    for mutant in oracle.mutants(full, amended, draft6=draft6):
        compare(mutant, valid=False)
    while min(counts["valid"], counts["mutated"]) < EXAMPLES:  # a message without fields has few payloads
        compare(full, valid=True)
        compare({f"unknown{counts['mutated']}": counts["valid"]}, valid=False)

    assert oracle.constraints(amended) - broken == set()
    assert min(counts.values()) >= EXAMPLES
    official = oracle.constraints(oracle.official_schema(cls.__name__))
    assert official <= broken
    tally.update(messages=1, constraints=len(official), **counts)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_derived_schema_has_the_draft_and_the_fields_of_the_official_one(cls: type[AttrsInstance]) -> None:
    official, derived = oracle.official_schema(cls.__name__), schema(cls)
    assert derived["$schema"].rstrip("#") == official["$schema"].rstrip("#")
    amended, _ = oracle.amended_schema(cls.__name__)
    assert oracle.constraints(derived) == oracle.constraints(amended)


def test_every_deviation_is_of_a_field_that_is_there() -> None:
    applied = sum(oracle.amended_schema(cls.__name__)[1] for cls in MESSAGES)
    assert applied == sum(deviation.message != "*" for deviation in DEVIATIONS)


DEVIATING: dict[tuple[str, str], tuple[Any, bool]] = {
    ("minimum", "connectorId"): (-1, False),
    ("enum", "transactionData[].sampledValue[].unit"): ("Hertz", True),
    ("format", "location"): ("not a uri", True),
}


@pytest.mark.parametrize(
    "deviation",
    [d for d in DEVIATIONS if d.message != "*" and d.keyword != "format"],
    ids=lambda d: f"{d.message}-{d.field}",
)
def test_every_deviation_changes_a_verdict(deviation: Any) -> None:
    (cls,) = (cls for cls in MESSAGES if cls.__name__ == deviation.message)
    official = oracle.official_schema(deviation.message)
    value, ours = DEVIATING[deviation.keyword, deviation.field]
    payload = target = oracle.full_payload(official)
    *parents, last = deviation.field.split(".")
    for step in parents:
        target = target[step.removesuffix("[]")][0]
    target[last] = value
    assert oracle.validator(official, dates=False).is_valid(payload) is not ours
    assert accepts(cls, payload) is ours


def test_unreadable_date_time_deviates_from_the_official_schema() -> None:
    (cls,) = (cls for cls in MESSAGES if cls.__name__ == "HeartbeatResponse")
    payload = {"currentTime": "today"}
    assert oracle.validator(oracle.official_schema("HeartbeatResponse"), dates=False).is_valid(payload)
    assert not accepts(cls, payload)


@pytest.mark.parametrize("value", [2**53, -(2**53)])
def test_an_integer_that_json_readers_round_deviates_from_the_official_schema(value: int) -> None:
    (cls,) = (cls for cls in MESSAGES if cls.__name__ == "RemoteStopTransaction")
    payload = {"transactionId": value}
    assert oracle.validator(oracle.official_schema("RemoteStopTransaction"), dates=False).is_valid(payload)
    assert not accepts(cls, payload)


@pytest.mark.parametrize("name", ["GetDiagnostics", "UpdateFirmware"])
def test_uri_is_a_remark_that_is_kept_in_the_schema(name: str) -> None:
    (cls,) = (cls for cls in MESSAGES if cls.__name__ == name)
    payload = {**oracle.full_payload(oracle.official_schema(name)), "location": "not a uri"}
    assert accepts(cls, payload)
    assert schema(cls)["properties"]["location"]["format"] == "uri"
