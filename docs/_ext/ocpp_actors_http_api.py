"""Writes ``reference/http-api.md`` before each build, from the OpenAPI document of the API."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from ocpp_actors.operator.http.application import api_document
from ocpp_actors_reference import row, table

Json = dict[str, Any]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_page(app: Sphinx) -> None:
    """Write the page if its text has changed."""
    page = Path(app.srcdir) / "reference" / "http-api.md"
    page.parent.mkdir(exist_ok=True)
    text = "\n".join(lines_of(api_document())) + "\n"
    if not page.exists() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def lines_of(document: Json) -> Iterator[str]:
    """Describe every operation, by tag."""
    yield "# Operations of the HTTP API"
    yield ""
    yield (
        "Generated from the OpenAPI document that a running server has at `/api/v1/schema`. What all operations have "
        "in common is in [The HTTP API](../http-api.md); the requests and answers of charge points are in "
        "[Messages](messages.md)."
    )
    operations = [
        (operation["tags"][0], method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "tags" in operation
    ]
    for tag, group in groupby(sorted(operations, key=lambda each: each[0]), key=lambda each: each[0]):
        yield ""
        yield f"## {tag}"
        for _, method, path, operation in group:
            yield from operation_section(method, path, operation, document)


def operation_section(method: str, path: str, operation: Json, document: Json) -> Iterator[str]:
    """Describe one operation."""
    yield ""
    yield f"### {operation['summary']}"
    yield ""
    yield f"`{method.upper()} {path}`"
    if operation.get("description"):
        yield ""
        yield operation["description"].strip()
    parameters = [resolved(each, document) for each in operation.get("parameters", ())]
    if parameters:
        yield ""
        yield from table("parameter", "in", "", "meaning")
        for each in parameters:
            needed = "required" if each.get("required") else "optional"
            yield row(f"`{each['name']}`", each["in"], needed, each.get("description", ""))
    body = resolved(operation.get("requestBody", {}), document)
    for media_type, content in body.get("content", {}).items():
        yield from example(f"Body ({media_type})", content)
    yield ""
    yield from table("answer", "meaning")
    for status, reply in operation["responses"].items():
        yield row(status, resolved(reply, document).get("description", "").strip())
    for status, reply in operation["responses"].items():
        if status.startswith("2"):
            for media_type, content in resolved(reply, document).get("content", {}).items():
                yield from example(f"Answer {status} ({media_type})", content)


def example(title: str, content: Json) -> Iterator[str]:
    """Show the first example of a body or an answer."""
    for each in list(content.get("examples", {}).values())[:1]:
        value = each["value"]
        yield ""
        yield f"{title}:"
        yield ""
        yield "```text" if isinstance(value, str) else "```json"
        yield value.rstrip() if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        yield "```"


def resolved(part: Json, document: Json) -> Json:
    """Follow a reference into the components."""
    if "$ref" not in part:
        return part
    target: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return resolved(target, document)
