"""Server-Sent Events of the API: read, and taken up again where a connection broke.

HTML Living Standard §9.2 (server-sent events).
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocpp_actors.operator_cli.failures import ApiFailure, Problem, Unreachable

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 15.0
"""Seconds before a lost server is tried again, doubled each time."""

LONGEST_LINE: Final = 16 << 20
"""Bytes; an endless line would be no event but a fault."""

TRY_AGAIN: Final = 500
"""From this status on a server that answered with a problem may be well the next time."""


@frozen
class ServerSentEvent:
    """One event: its type, its data and the id from which the stream can be resumed, empty where none was given."""

    type: str
    data: str
    id: str


def parse(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Take the events out of a stream; comments keep it alive and are none.

    Raises Unreachable: a line has no end.
    """
    fields: dict[str, list[str]] = {}
    for line in _lines(chunks):
        if line:
            name, _, value = line.partition(":")
            if name:
                fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields:
            yield ServerSentEvent(
                type=fields.get("event", ["message"])[-1],
                data="\n".join(fields["data"]),
                id=fields.get("id", [""])[-1],
            )
        fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Split at line feeds alone: the other characters that Python takes for line ends may stand in the data."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(rest) > LONGEST_LINE:
            raise Unreachable("the server sends a line without an end")


def follow(
    api: "Api",
    params: Mapping[str, object],
    *,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
    on_connected: Callable[[], None] = lambda: None,
) -> Generator[ServerSentEvent]:
    """Yield the events from now on, for ever: a stream that breaks is resumed behind the last event.

    ``tell`` is told of an interruption, ``sleep`` waits before it is tried again; ``on_connected`` is called when the
    first stream is open, before its first event.

    Raises ApiFailure: the first stream cannot be opened, or a later one will not be, however often it is tried.
    """
    last, pause, connected = "", FIRST_PAUSE, False
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            with api.stream("/events", "text/event-stream", params=params, headers=headers) as chunks:
                if not connected:
                    connected = True
                    on_connected()
                for event in parse(chunks):
                    pause = FIRST_PAUSE
                    last = event.id or last
                    yield event
            reason = "the server ended the stream of events"
        except ApiFailure as failure:
            if not connected or not _may_pass(failure):
                raise
            reason = failure.format_message()
        tell(f"{reason}; trying again in {pause:g} s")
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _may_pass(failure: ApiFailure) -> bool:
    return isinstance(failure, Unreachable) or (isinstance(failure, Problem) and failure.status >= TRY_AGAIN)
