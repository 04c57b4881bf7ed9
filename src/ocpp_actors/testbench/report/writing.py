"""Writes the report of a session into its directory."""

from pathlib import Path
from typing import Any, Final

import orjson

from ocpp_actors.testbench.report.junit import junit
from ocpp_actors.testbench.report.page import page

HTML: Final = "report.html"
JSON: Final = "report.json"
JUNIT: Final = "junit.xml"


def write_report(directory: Path, document: dict[str, Any]) -> Path:
    """Write the page, the JSON and the JUnit XML, and return where the page is. Raises OSError."""
    (directory / JSON).write_bytes(
        orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    (directory / JUNIT).write_text(junit(document), "utf-8", "backslashreplace")
    target = directory / HTML
    target.write_text(page(document), "utf-8", "backslashreplace")
    return target
