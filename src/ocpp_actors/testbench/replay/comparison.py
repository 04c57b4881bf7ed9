"""How the answers of two central systems to the same CALL differ."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson
from attrs import frozen

from ocpp_actors.protocol import timestamps
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.testbench.replay.plan import Reply

VOLATILE: Final = frozenset(
    {"BootNotification.currentTime", "Heartbeat.currentTime", "StartTransaction.transactionId"}
)
"""What every central system says differently each time: it has to be there, and of the same type."""


class NothingThere(ValueError):
    """A path that no answer has; the message says which, and what may be meant."""


def check_ignored(paths: Iterable[str], answers: Iterable[tuple[str, Any]]) -> None:
    """Go on where each path is one of an answer: of its schema, or of one that was recorded.

    ``answers`` are the payloads that were recorded, with their actions.

    Raises NothingThere.
    """
    known = {path for action in ACTIONS.values() for path in _paths_of(schema(action.response), action.name)}
    known.update(path for action, payload in answers for path in _paths_in(payload, action))
    for path in paths:
        if path not in known:
            near = difflib.get_close_matches(path, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ", such as BootNotification.interval"
            raise NothingThere(f"no answer has {path}{hint}")


def _paths_of(part: Mapping[str, Any], path: str) -> Iterator[str]:
    yield path
    for name, below in part.get("items", part).get("properties", {}).items():
        yield from _paths_of(below, f"{path}.{name}")


def _paths_in(payload: Any, path: str) -> Iterator[str]:
    yield path
    for each in payload if isinstance(payload, list) else [payload]:
        for name, below in each.items() if isinstance(each, dict) else ():
            yield from _paths_in(below, f"{path}.{name}")


class _Nothing:
    """Stands for what is not there."""


NOTHING: Final = _Nothing()


@frozen
class Difference:
    """Where two answers differ: a JSON path, empty for the whole; what was recorded there, and what was found."""

    path: str
    recorded: Any
    found: Any

    def as_text(self) -> str:
        """Tell it to a person."""
        where = f"at {self.path}: " if self.path else ""
        return f"{where}recorded {_shown(self.recorded)}, got {_shown(self.found)}"

    def as_json(self) -> dict[str, Any]:
        """Tell it to a machine; what is not there is left out."""
        told = {"path": self.path, "recorded": self.recorded, "found": self.found}
        return {name: value for name, value in told.items() if value is not NOTHING}


def differences(
    action: str | None, recorded: Reply, found: Reply | None, ignored: frozenset[str] = frozenset()
) -> tuple[Difference, ...]:
    """Compare two answers to a CALL of an action.

    ``found`` None: there was no answer. ``ignored`` has paths such as ``BootNotification.interval``, without indices.
    Of two CALLERRORs only the codes are compared: descriptions and details are free.
    """
    if found is None:
        return (Difference("", summary(recorded), NOTHING),)
    if isinstance(recorded, CallError) and isinstance(found, CallError):
        return () if recorded.code == found.code else (Difference("errorCode", recorded.code, found.code),)
    if isinstance(recorded, CallResult) and isinstance(found, CallResult):
        return tuple(_differ(recorded.payload, found.payload, "", action or "", ignored))
    return (Difference("", summary(recorded), summary(found)),)


def summary(reply: Reply) -> str:
    """Tell what an answer is, in a line."""
    if isinstance(reply, CallError):
        return f"CALLERROR {reply.code}" + (f" ({reply.description})" if reply.description else "")
    return f"CALLRESULT {orjson.dumps(reply.payload).decode()}"


def _differ(
    recorded: Any, found: Any, path: str, plain: str, ignored: frozenset[str]
) -> Iterator[Difference]:
    """``plain`` is the action and the path without indices."""
    if plain in ignored or (plain in VOLATILE and _type(recorded) == _type(found)):
        return
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name in dict.fromkeys((*recorded, *found)):
            yield from _differ(
                recorded.get(name, NOTHING),
                found.get(name, NOTHING),
                f"{path}.{name}" if path else name,
                f"{plain}.{name}",
                ignored,
            )
    elif isinstance(recorded, list) and isinstance(found, list):
        for number in range(max(len(recorded), len(found))):
            yield from _differ(
                recorded[number] if number < len(recorded) else NOTHING,
                found[number] if number < len(found) else NOTHING,
                f"{path}[{number}]",
                plain,
                ignored,
            )
    elif not _same(recorded, found):
        yield Difference(path, recorded, found)


def _same(recorded: Any, found: Any) -> bool:
    if _type(recorded) != _type(found):
        return False
    return bool(recorded == found) or (isinstance(recorded, str) and _same_instant(recorded, found))


def _type(value: Any) -> type:
    """Return the type in JSON, which has one kind of numbers."""
    return float if type(value) is int else type(value)


def _same_instant(recorded: str, found: str) -> bool:
    try:
        return timestamps.read(recorded) == timestamps.read(found)
    except timestamps.UnreadableDateTime:
        return False


def _shown(value: Any) -> str:
    if value is NOTHING:
        return "nothing"
    return value if isinstance(value, str) and " " in value else orjson.dumps(value).decode()
