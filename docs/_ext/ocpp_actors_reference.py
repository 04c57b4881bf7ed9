"""Writes the pages under ``reference/`` before each build: the settings, and every message with its schema."""

import inspect
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from attrs import AttrsInstance
from sphinx.application import Sphinx

from ocpp_actors.protocol.catalogue import ACTIONS, Action, FeatureProfile
from ocpp_actors.protocol.deviations import DEVIATIONS
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.settings import PREFIX, SETTINGS, Setting
from ocpp_actors.testbench.simulated.quirks import QUIRKS

PROFILES = {
    FeatureProfile.CORE: "Core",
    FeatureProfile.FIRMWARE_MANAGEMENT: "Firmware management",
    FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT: "Local authorization list",
    FeatureProfile.RESERVATION: "Reservation",
    FeatureProfile.SMART_CHARGING: "Smart charging",
    FeatureProfile.REMOTE_TRIGGER: "Remote trigger",
    FeatureProfile.SECURITY: "Security extension",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_reference(app: Sphinx) -> None:
    """Write every generated page whose text has changed."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {"settings": settings_page(), "messages": messages_page(), "deviations": deviations_page()}
    pages["quirks"] = quirks_page()
    pages |= {slug(profile): profile_page(profile) for profile in PROFILES}
    for name, lines in pages.items():
        page = folder / f"{name}.md"
        text = "\n".join(lines) + "\n"
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


def slug(profile: FeatureProfile) -> str:
    """Name the page of a profile."""
    return PROFILES[profile].lower().replace(" ", "-")


def table(*columns: str) -> list[str]:
    """Begin a table."""
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]


def row(*cells: str) -> str:
    """Write a row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


# --- quirks ----------------------------------------------------------------------------------------------------


def quirks_page() -> list[str]:
    """List what simulated charge points can do wrong."""
    lines = [
        "# Quirks",
        "",
        "What [simulated charge points](../simulated-charge-points.md) do wrong when told so, as chargers do.",
        "",
        *table("quirk", "what it does"),
    ]
    return lines + [row(f"`{name}`", quirk.description) for name, quirk in QUIRKS.items()]


# --- settings --------------------------------------------------------------------------------------------------


def settings_page() -> list[str]:
    """List every setting, by group."""
    lines = [
        "# Settings",
        "",
        (
            "A setting has one name in three places: a variable of the environment (with the prefix "
            f"`{PREFIX}`), a key of the TOML file that `--config` or `{PREFIX}CONFIG` names (in small letters), and an "
            "option of `ocpp-actors serve`. Options go before the environment, the environment before the file, the "
            "file before the defaults."
        ),
        "",
        "```toml",
        "# ocpp-actors.toml",
        "heartbeat_interval = 60",
        'database = "sqlite:////var/lib/ocpp-actors/ledger.db"',
        "```",
        "",
        "A setting that can hold a secret can be read from a file instead: "
        + ", ".join(f"`{PREFIX}{each.variable}_FILE`" for each in SETTINGS if each.secret)
        + ". A name that is unknown, or a value that is not allowed, ends `serve` with one line and exit status 2.",
    ]
    for group, settings in groupby(SETTINGS, key=lambda each: each.group):
        lines += ["", f"## {group}"]
        for each in settings:
            lines += ["", *setting_section(each)]
    return lines


def setting_section(each: Setting) -> Iterator[str]:
    """Describe one setting."""
    unit = f", {each.unit}" if each.unit else ""
    yield f"### {each.variable}"
    yield ""
    yield each.text
    yield ""
    yield f"- default: {each.default}{unit}"
    yield f"- allowed: {each.kind.allowed}{unit}"
    yield f"- `{PREFIX}{each.variable}`, `{each.name}`, `{each.option}`"


# --- messages --------------------------------------------------------------------------------------------------


def messages_page() -> list[str]:
    """List every action with its sender and profile."""
    lines = [
        "# Messages",
        "",
        (
            "The 28 actions of OCPP 1.6 and the 11 of its security extension. `ocpp-actors schema ACTION` prints "
            "the same JSON Schemas. [Where they differ from the official ones](deviations.md) is listed."
        ),
        "",
        *table("action", "sent by", "profile"),
    ]
    for action in ACTIONS.values():
        link = f"[{action.name}]({slug(action.profile)}.md#{action.name.lower()})"
        lines.append(row(link, senders(action), PROFILES[action.profile]))
    return [*lines, "", "```{toctree}", ":hidden:", "", *map(slug, PROFILES), "deviations", "```"]


def senders(action: Action) -> str:
    """Say who sends an action."""
    return " and ".join(sorted(action.senders))


def profile_page(profile: FeatureProfile) -> list[str]:
    """Describe every action of a profile."""
    lines = [f"# {PROFILES[profile]}"]
    for action in ACTIONS.values():
        if action.profile is profile:
            lines += ["", f"## {action.name}", "", f"Sent by the {senders(action)}."]
            lines += ["", "### Request", "", *message(action.request)]
            lines += ["", "### Response", "", *message(action.response)]
    return lines


def message(cls: type[AttrsInstance]) -> Iterator[str]:
    """Describe one message: its fields and its schema."""
    json_schema = schema(cls)
    yield inspect.cleandoc(cls.__doc__ or "")
    yield ""
    fields = list(fields_of(json_schema))
    if fields:
        yield from table("field", "type", "", "allowed")
        yield from fields
    else:
        yield "It has no fields."
    yield ""
    yield f"<details><summary>JSON Schema of {cls.__name__}</summary>"
    yield ""
    yield "```json"
    yield json.dumps(json_schema, indent=2)
    yield "```"
    yield ""
    yield "</details>"


def fields_of(json_schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Describe the fields of an object, and of the objects inside it, a row each."""
    required = json_schema.get("required", ())
    for name, field in json_schema["properties"].items():
        where, items = path + name, field
        if field["type"] == "array":
            where, items = f"{where}[]", field["items"]
        kind = f"array of {items['type']}" if field is not items else field["type"]
        yield row(f"`{where}`", kind, "required" if name in required else "optional", allowed(field, items))
        if items["type"] == "object":
            yield from fields_of(items, f"{where}.")


def allowed(field: dict[str, Any], items: dict[str, Any]) -> str:
    """Say what is allowed in a field beside its type."""
    limits = []
    if "minItems" in field:
        limits.append(f"at least {field['minItems']}")
    if "enum" in items:
        limits.append(", ".join(f"`{value}`" for value in items["enum"]))
    if "maxLength" in items:
        limits.append(f"at most {items['maxLength']} characters")
    if "minimum" in items:
        limits.append(f"at least {items['minimum']}")
    if "multipleOf" in items:
        limits.append(f"a multiple of {items['multipleOf']}")
    if "format" in items:
        limits.append(items["format"])
    return "; ".join(limits)


def deviations_page() -> list[str]:
    """List every deliberate difference from the official schemas."""
    lines = [
        "# Deviations from the official schemas",
        "",
        (
            "The schemas are derived from the message classes. A property test holds them to the same verdicts as the "
            "official ones, except for the differences below."
        ),
        "",
        *table("message", "field", "keyword", "reason"),
    ]
    for each in DEVIATIONS:
        name = "every message" if each.message == "*" else each.message
        lines.append(row(name, f"`{each.field}`", f"`{each.keyword}`", each.reason))
    return lines
