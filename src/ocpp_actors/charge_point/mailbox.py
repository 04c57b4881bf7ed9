"""Commands to one charge point: CALLs of the central system that wait, are sent, and end in an outcome."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import trio
from attrs import define, field, frozen

from ocpp_actors.ledger.port import CommandState


class MailboxFull(Exception):
    """As many commands wait for this charge point as may (``MAILBOX_SIZE``)."""


@frozen
class Outcome:
    """How a command ended.

    ``payload`` is the raw answer where one came; ``response`` the same as a message, only if it is valid. For a
    CALLERROR ``error_code`` and ``description`` are the charge point's; otherwise ``description`` says why there is no
    proper answer. ``seconds`` passed from the sending to the end.
    """

    state: CommandState
    message_id: str | None = None
    response: Any = None
    payload: Any = None
    error_code: str | None = None
    description: str = ""
    seconds: float = 0.0

    def detail(self) -> dict[str, Any]:
        """Return what is kept of it beside the state; see CommandRecord."""
        if self.message_id is None:
            return {"reason": self.description}
        answer = "errorDetails" if self.state is CommandState.CALL_ERROR else "response"
        detail = {
            answer: self.payload,
            "errorCode": self.error_code,
            "errorDescription": self.description or None,
            "seconds": round(self.seconds, 3),
        }
        return {name: value for name, value in detail.items() if value is not None}


@define(eq=False)
class Command:
    """A CALL to a charge point. ``record_id`` names it in the ledger, if it is kept there.

    A ``durable`` one outlives connections and restarts of the server; another ends with the connection. After
    ``expires_at`` it is not sent any more. ``claimed``: the ledger is being told that it is sent, so it does not expire
    meanwhile.
    """

    action: str
    payload: Mapping[str, Any]
    record_id: int | None = None
    expires_at: datetime | None = None
    durable: bool = False
    claimed: bool = False
    outcome: Outcome | None = None
    _ended: trio.Event = field(factory=trio.Event)

    def end(self, outcome: Outcome) -> bool:
        """Give the command its outcome; a second one changes nothing. Returns whether this was the first."""
        if self.outcome is not None:
            return False
        self.outcome = outcome
        self._ended.set()
        return True

    async def wait(self) -> Outcome:
        """Wait for the outcome. The caller brings the deadline."""
        await self._ended.wait()
        assert self.outcome is not None
        return self.outcome


class Mailbox:
    """The commands that wait for one charge point, in order.

    It outlives connections. A command stays at the head until the moment in which its sending begins, so that a task
    that is cancelled before takes nothing with it.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._commands: list[Command] = []
        self._reserved = 0
        self._filled = trio.Event()

    def __len__(self) -> int:
        return len(self._commands)

    @property
    def unused(self) -> bool:
        """Whether no command waits and no place is reserved for one."""
        return not self._commands and not self._reserved

    def put(self, command: Command, *, bounded: bool = True) -> None:
        """Add a command at the end.

        One that was accepted before the server was restarted is not ``bounded``, nor is one that has a place reserved.

        Raises MailboxFull: there are as many as there may be.
        """
        if bounded:
            self._check_room()
        self._commands.append(command)
        self._filled.set()

    @contextmanager
    def reserved_place(self) -> Iterator[None]:
        """Keep room for one command for as long as the block lasts.

        Raises MailboxFull: there are as many as there may be.
        """
        self._check_room()
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    def _check_room(self) -> None:
        taken = len(self._commands) + self._reserved
        if taken >= self._size:
            raise MailboxFull(f"{taken} commands are waiting")

    def expired(self, now: datetime) -> list[Command]:
        """Return the waiting commands whose time to live is over."""
        return [
            command
            for command in self._commands
            if command.expires_at is not None and command.expires_at <= now and not command.claimed
        ]

    async def head(self) -> Command:
        """Wait for a command and return the first, which stays where it is."""
        while not self._commands:
            if self._filled.is_set():
                self._filled = trio.Event()
            await self._filled.wait()
        return self._commands[0]

    def remove(self, command: Command) -> None:
        """Take out a command wherever it stands; nothing happens if it is not there."""
        if command in self._commands:
            self._commands.remove(command)

    def take_all(self) -> list[Command]:
        """Take out and return all commands."""
        taken, self._commands = self._commands, []
        return taken

    def take_fleeting(self) -> list[Command]:
        """Take out and return the commands that are not durable."""
        taken = [command for command in self._commands if not command.durable]
        self._commands = [command for command in self._commands if command.durable]
        return taken
