"""The OpenAPI document: complete, and its examples are what they are examples of."""

from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from tests.support.desk import open_api
from trio.testing import MockClock

from ocpp_actors.operator.http import examples, openapi
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.application import MODULES
from ocpp_actors.operator.http.routes import overview
from ocpp_actors.operator.http.routes.common import BASE

OPERATIONS = [
    *overview.SESSION_OPERATIONS,
    *(operation for module in MODULES for operation in module.OPERATIONS),
]
DOCUMENT = openapi.document(OPERATIONS, BASE, login_required=True)
EACH = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def check(instance: Any, schema: Any) -> None:
    resource = Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
    registry: Any = Registry().with_resource("urn:document", resource)
    absolute = _absolute(schema)
    Draft202012Validator(absolute, registry=registry).validate(instance)


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: f"urn:document{value}" if key == "$ref" else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(each) for each in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("operation", EACH)
def test_every_example_of_a_request_is_valid(operation: Any) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content["examples"]
        for example in content["examples"].values():
            check(example["value"], content["schema"])


@pytest.mark.parametrize("operation", EACH)
def test_every_answer_has_a_description_a_schema_and_a_valid_example(operation: Any) -> None:
    for status, response in operation["responses"].items():
        assert response["description"]
        for media_type, content in response.get("content", {}).items():
            Draft202012Validator.check_schema(content["schema"])
            if media_type != "text/plain":
                assert content.get("examples") or status == "200", (status, media_type)
            for example in content.get("examples", {}).values():
                check(example["value"], content["schema"])


@pytest.mark.parametrize("operation", EACH)
def test_every_operation_is_described_and_names_its_problems(operation: Any) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    for status in ("400", "421", "503"):
        assert p.MEDIA_TYPE in operation["responses"][status]["content"]
    if "requestBody" in operation:
        assert {"408", "413", "415", "422"} <= operation["responses"].keys()


def test_an_example_that_breaks_its_schema_is_found() -> None:
    schema = DOCUMENT["paths"]["/api/v1/id-tags/{idTag}"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]
    with pytest.raises(jsonschema.ValidationError):
        check({**examples.ID_TAG, "version": None}, schema["schema"])


def test_operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()
    ]
    assert len(ids) == len(set(ids))


def test_every_problem_of_an_operation_is_one_of_the_known_kinds_and_all_are_used() -> None:
    known = {kind for kind in vars(p).values() if isinstance(kind, p.Kind)}
    used = {kind for operation in OPERATIONS for kind in openapi.kinds(operation)}
    everywhere = {p.METHOD_NOT_ALLOWED, p.UNKNOWN_ACTION, p.INTERNAL_ERROR, p.HTTP_VERSION}
    assert known - used == everywhere


async def test_the_document_is_served_with_itself_in_it(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        served = (await api.get("/api/v1/schema")).json()
    assert served["openapi"] == "3.1.0"
    assert set(served["paths"]) == {*DOCUMENT["paths"], "/api/v1/schema"}
    assert served["security"] == []
    assert DOCUMENT["security"] == [{"token": []}, {"login": []}]
