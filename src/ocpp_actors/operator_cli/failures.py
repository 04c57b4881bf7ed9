"""How a command of the operator fails: one line, and an exit status that says whether trying again makes sense."""

import re
from collections.abc import Mapping
from typing import Any, Final

import rich_click as click

NOT_NOW: Final = 1
"""Exit status: the server, or the charge point, says no, or cannot be reached."""

MISTAKE: Final = 2
"""Exit status: the command cannot be right as it was given."""

_HINTS: Final = {
    "not-connected": "to keep it until the charge point connects, use --queue",
    "unknown-host": "the server takes only the host names in its setting ALLOWED_HOSTS",
    "mailbox-full": "try again when some have been sent",
    "ledger-unavailable": "try again later",
}
"""What to do, by the kind of problem."""

_MISTAKES: Final = {400, 401, 403, 405, 413, 415, 421, 422}
"""Statuses after which the same command would fail again. An unknown action is one too, with status 404."""


class ApiFailure(click.ClickException):
    """The API did not do what it was asked for; the message is one line with what to do."""

    def __init__(self, message: str, exit_status: int = NOT_NOW) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class Unreachable(ApiFailure):
    """There is no server, or the connection to it broke."""


class Problem(ApiFailure):
    """The API answered with a problem (RFC 9457). ``kind`` is its short name, ``document`` the whole of it."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.document = document
        self.kind = str(document.get("type", "")).rpartition(":")[2]
        mistaken = status in _MISTAKES or self.kind == "unknown-action"
        super().__init__(self._told(), MISTAKE if mistaken else NOT_NOW)

    def _told(self) -> str:
        document = self.document
        if self.kind == "unauthorized":
            return (
                "the server wants its API token, or another one: put it into OCPP_ACTORS_API_TOKEN, or into a file "
                "that --api-token-file names"
            )
        text = str(document.get("detail") or document.get("title") or f"the server answered {self.status}")
        if "errorCode" in document and str(document["errorCode"]) not in text:
            text = f"{text} ({document['errorCode']}: {document.get('errorDescription') or 'no description'})"
        faults = document.get("errors") or ()
        repeats = any(re.sub(r" \(and \d+ more\)$", "", text) == fault.get("message") for fault in faults)
        told = [] if repeats else [text]
        told += map(_fault, faults)
        if self.kind in _HINTS:
            told.append(_HINTS[self.kind])
        return "; ".join(told)


def _fault(fault: Mapping[str, Any]) -> str:
    """Say what is wrong where, unless the message names the place itself."""
    path, message = str(fault.get("path") or "/"), str(fault.get("message"))
    return message if message.startswith(path.strip("/") or "/") else f"{path}: {message}"
