"""Payloads are the same where they say the same, however they write it."""

from typing import Any

from ocpp_actors.protocol.timestamps import UnreadableDateTime, read
from ocpp_actors.testbench.failures import expect


def same(found: Any, wanted: Any) -> bool:
    """Tell whether two JSON values say the same: date-times may be written differently."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[name], wanted[name]) for name in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, str) and isinstance(wanted, str) and found != wanted:
        try:
            return read(found) == read(wanted)
        except UnreadableDateTime:
            return False
    return bool(found == wanted)


def expect_same(found: Any, wanted: Any, what: str) -> None:
    """Go on where ``what`` says what is expected.

    Raises Failed: it does not; of objects only the fields are told that differ.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = [name for name in {**wanted, **found} if not same(found.get(name), wanted.get(name))]
        found, wanted = ({name: each.get(name) for name in names} for each in (found, wanted))
    expect(same(found, wanted), f"{what}: expected {wanted!r}, got {found!r}")
