"""Every message is in the catalogue, has a schema, and says where it comes from."""

import enum
import inspect
import json
import re
from importlib import resources
from typing import Any

import attrs
import jsonschema
import pytest

from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.catalogue import ACTION_OF, ACTIONS, FeatureProfile, Role
from ocpp_actors.protocol.deviations import DEVIATIONS
from ocpp_actors.protocol.schemas import DRAFT_04, DRAFT_06, is_optional, schema

from . import oracle  # noqa: TID252 - tests are no installed package

EXPORTED = [getattr(m, name) for name in m.__all__]
OFFICIAL = sorted(
    entry.name.removesuffix(".json")
    for entry in resources.files("ocpp").joinpath("v16/schemas").iterdir()
    if entry.name.endswith(".json")
)


def data_types(cls: Any) -> set[type]:
    """Follow the fields of a class to every class and enumeration it is made of."""
    found: set[type] = set()
    for field in attrs.fields(cls):
        for name in set(re.findall(r"\w+", str(field.type))) & set(m.__all__):
            part = getattr(m, name)
            found |= {part} | (data_types(part) if attrs.has(part) else set())
    return found


def test_the_catalogue_has_every_official_message_and_no_other() -> None:
    assert sorted(cls.__name__ for cls in ACTION_OF) == OFFICIAL
    assert len(OFFICIAL) == 78
    assert len(ACTIONS) == 39
    assert sum(action.profile is not FeatureProfile.SECURITY for action in ACTIONS.values()) == 28


def test_every_exported_class_is_a_message_or_part_of_one() -> None:
    parts = {part for cls in ACTION_OF for part in data_types(cls)}
    assert set(EXPORTED) == set(ACTION_OF) | parts


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_are_named_after_their_classes(name: str) -> None:
    action = ACTIONS[name]
    assert action.name == name == action.request.__name__
    assert action.response.__name__ == f"{name}Response"
    assert ACTION_OF[action.request] is ACTION_OF[action.response] is action


def test_feature_profile_is_the_module_of_the_message() -> None:
    for cls, action in ACTION_OF.items():
        assert cls.__module__.rpartition(".")[2].replace("_", "") == action.profile.lower()


def test_who_may_send_what() -> None:
    """OCPP 1.6 §4 and §5, security whitepaper §5."""
    by_charge_point = {name for name, action in ACTIONS.items() if Role.CHARGE_POINT in action.senders}
    by_both = {name for name, action in ACTIONS.items() if len(action.senders) == 2}
    assert by_charge_point == {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
    assert by_both == {"DataTransfer"}
    assert all(action.senders for action in ACTIONS.values())


@pytest.mark.parametrize("cls", EXPORTED, ids=lambda cls: cls.__name__)
def test_every_class_says_what_it_is_and_its_section(cls: Any) -> None:
    doc = inspect.cleandoc(cls.__doc__)
    assert re.search(r"(OCPP 1\.6|Security whitepaper) §[5-7]\.\d+", doc), doc


@pytest.mark.parametrize("cls", [c for c in EXPORTED if attrs.has(c)], ids=lambda cls: cls.__name__)
def test_every_class_is_frozen_and_takes_keywords_only(cls: Any) -> None:
    assert cls.__setattr__ is attrs.frozen(type("Sample", (), {})).__setattr__
    for field in attrs.fields(cls):
        assert field.kw_only
        assert field.default in (attrs.NOTHING, None)
        assert (field.default is None) == is_optional(field.type)


@pytest.mark.parametrize("cls", [c for c in EXPORTED if not attrs.has(c)], ids=lambda cls: cls.__name__)
def test_every_enumeration_names_its_values_alike(cls: type[enum.StrEnum]) -> None:
    for member in cls:
        assert member.name.replace("_", "") == re.sub(r"\W", "", member.value).upper()


@pytest.mark.parametrize("cls", ACTION_OF, ids=lambda cls: cls.__name__)
def test_schema_is_valid_by_its_draft_and_described(cls: Any) -> None:
    derived = schema(cls)
    security = ACTION_OF[cls].profile is FeatureProfile.SECURITY
    assert derived["$schema"] == (DRAFT_06 if security else DRAFT_04)
    jsonschema.validators.validator_for(derived).check_schema(derived)
    assert derived["title"] == cls.__name__
    assert derived["description"]
    assert json.loads(json.dumps(derived)) == derived
    assert schema(cls) is not derived


def test_only_messages_have_a_schema_of_their_own() -> None:
    with pytest.raises(KeyError):
        schema(m.IdTagInfo)


def test_deviations_name_messages_and_reasons() -> None:
    for deviation in DEVIATIONS:
        assert deviation.message in (*OFFICIAL, "*")
        assert deviation.reason.endswith(".")


def test_the_oracle_reads_the_official_schemas() -> None:
    assert oracle.constraints(oracle.official_schema("Authorize")) == {
        ("", "type", ""),
        ("", "additionalProperties", ""),
        ("", "required", "idTag"),
        (".idTag", "type", ""),
        (".idTag", "maxLength", ""),
    }
