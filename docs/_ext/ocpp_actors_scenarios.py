"""Writes ``reference/scenarios.md`` before each build, from the shipped scenarios."""

from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from itertools import groupby
from pathlib import Path

from sphinx.application import Sphinx

from ocpp_actors.testbench import scenarios
from ocpp_actors.testbench.scenario import Need, Scenario, catalogue
from ocpp_actors_reference import row, table

NEEDS = {
    Need.STATION: "a charge point that lives by itself",
    Need.OPERATOR: "the operator's API of ocpp-actors",
    Need.TESTING: "a server that may be told to misbehave",
    Need.RESTART: "a server that may be killed and started again",
    Need.SECURITY: "a server with TLS",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_page(app: Sphinx) -> None:
    """Write the page if its text has changed."""
    page = Path(app.srcdir) / "reference" / "scenarios.md"
    page.parent.mkdir(exist_ok=True)
    text = "\n".join(lines_of(list(catalogue().values()))) + "\n"
    if not page.exists() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def lines_of(shipped: list[Scenario]) -> Iterator[str]:
    """Describe every scenario, by group; list those that follow a certification case."""
    yield "# Scenarios"
    yield ""
    yield (
        "What the test bench tries of a central system, each with what it shows. One that needs nothing but the wire "
        "speaks for the charge point itself, and works against any central system. One that names features needs a "
        "charge point that lives by itself and can do these things: a simulated one, a MicroOCPP simulator, a real one."
    )
    for group, members in groupby(shipped, key=lambda each: each.group):
        yield ""
        yield f"## {heading(group)}"
        yield ""
        yield subject(group)
        for each in members:
            yield from section(each)
    yield ""
    yield "## Certification cases"
    yield ""
    yield (
        "The cases of the Open Charge Alliance's certification of central systems. The scenarios are written from the "
        "specification and the subject of each case, not from its text: what they could not know of it is said there."
    )
    yield ""
    yield from table("case", "scenario", "what it shows")
    for each in sorted((each for each in shipped if each.case), key=lambda each: each.case or ""):
        yield row(each.case or "", f"[{each.name}](#{each.name})", each.title)


def heading(group: str) -> str:
    """Name a group."""
    return group.replace("-", " ").capitalize()


def subject(group: str) -> str:
    """Say what a group is about."""
    return getdoc(import_module(f"{scenarios.__name__}.{group.replace('-', '_')}")) or ""


def section(each: Scenario) -> Iterator[str]:
    """Describe one scenario."""
    yield ""
    yield f"### {each.name}"
    yield ""
    yield each.description
    yield ""
    if each.case:
        yield f"- certification case: {each.case}"
    yield f"- needs: {', '.join(NEEDS[need] for need in Need if need in each.needs) or 'nothing but the wire'}"
    if each.features:
        yield f"- features: {', '.join(sorted(each.features))}"
    yield f"- time: {each.seconds:g} s at most"
