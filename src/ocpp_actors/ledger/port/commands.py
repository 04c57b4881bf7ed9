"""Commands: CALLs of the server, kept with who asked for them and how they ended."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen
from attrs.validators import in_, not_

from ocpp_actors.ledger.port.base import Note, Request


class CommandState(StrEnum):
    """Where a durable command stands; every state but the first two is its outcome."""

    WAITING = "waiting"
    SENT = "sent"
    ANSWERED = "answered"
    CALL_ERROR = "callError"
    INVALID = "invalid"
    TIMEOUT = "timeout"
    LOST = "lost"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@frozen
class CommandRecord:
    """A CALL of the server that an operator asked for.

    A ``durable`` one may wait for an offline charge point, and survives a restart. One that is not ends with the
    connection on which it was to be sent.

    Once it has an outcome, the AuthorizationKey is masked in its payload and detail (security whitepaper A01.FR.08).
    """

    command_id: int
    identity: str
    action: str
    payload: dict[str, Any]
    queued_at: datetime
    expires_at: datetime
    state: CommandState
    requested_by: str | None = None
    message_id: str | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    detail: dict[str, Any] | None = None
    """The answer's payload (``response``), or what is known of why there is none: ``errorCode``, ``errorDescription``,
    ``errorDetails``, ``reason``; ``seconds`` from the sending to the end."""
    durable: bool = True
    idempotency_key: str | None = None


@frozen
class Queued:
    """The answer to QueueCommand. ``repeated``: the same charge point had a command of this idempotency key."""

    command_id: int
    repeated: bool = False


@frozen
class QueueCommand(Request[Queued]):
    """Keep a command until it is sent or ``expires_at``. Ids rise in the order of queueing.

    Of two with the same ``idempotency_key`` for one charge point only the first is kept; the store's own unique
    constraint decides, and the second is answered with the first one's id.
    """

    identity: str
    action: str
    payload: dict[str, Any]
    queued_at: datetime
    expires_at: datetime
    requested_by: str | None = None
    durable: bool = True
    idempotency_key: str | None = None


@frozen
class MarkCommandSent(Request[bool]):
    """A waiting command is about to be sent under ``message_id``.

    Answers whether it was still waiting; where not, it must not be sent.
    """

    command_id: int
    message_id: str
    at: datetime


@frozen
class EndCommand(Request[None]):
    """A command that was waiting or sent has this outcome. One that has an outcome keeps it.

    Raises ValueError, when it is made: ``state`` is no outcome.
    """

    command_id: int
    state: CommandState = field(validator=not_(in_((CommandState.WAITING, CommandState.SENT))))
    detail: dict[str, Any] | None
    at: datetime


@frozen
class AbandonSentCommands(Request[int]):
    """At start: commands that were sent before and have no outcome become ``unknown``; answers how many.

    Those that wait and are not durable were never sent: they become ``lost``.
    """

    at: datetime


@frozen
class NoteCommandEnded(Note):
    """The same as EndCommand, written behind: for a command that was never sent, and need not be remembered so."""

    command_id: int
    state: CommandState
    detail: dict[str, Any] | None
    at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """One per command."""
        return (type(self), self.command_id)


@frozen
class ListCommands(Request["list[CommandRecord]"]):
    """Commands in the order of their ids, of one charge point or all, in one state or any, after ``after``.

    ``newest_first`` turns the order round; ``before`` is then the id of the last one seen.
    """

    identity: str | None = None
    state: CommandState | None = None
    after: int = 0
    limit: int = 1000
    newest_first: bool = False
    before: int | None = None


@frozen
class FindCommand(Request["CommandRecord | None"]):
    """One command."""

    command_id: int


@frozen
class FindRepeatedCommand(Request["CommandRecord | None"]):
    """The command of one charge point that was kept with this idempotency key."""

    identity: str
    idempotency_key: str
