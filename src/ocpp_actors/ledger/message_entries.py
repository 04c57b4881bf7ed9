"""What the message log keeps, how it is asked, and what a place to keep it in offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from attrs import define, frozen

Direction = Literal["in", "out"]
"""``in``: from the charge point."""


class Recorded(Protocol):
    """One frame as it is recorded; ``message_id`` and ``action`` are None where they are not known."""

    @property
    def at(self) -> datetime:
        """When it was received or written."""
        ...

    @property
    def identity(self) -> str:
        """The charge point."""
        ...

    @property
    def direction(self) -> Direction:
        """Where it went."""
        ...

    @property
    def text(self) -> str:
        """All of it."""
        ...

    @property
    def message_id(self) -> str | None:
        """Its message id."""
        ...

    @property
    def action(self) -> str | None:
        """Its action, that of an answer is that of its CALL."""
        ...


@define(kw_only=True)
class MessageEntry:
    """One frame as it is found again; see ``Recorded``."""

    at: datetime
    identity: str
    direction: Direction
    text: str
    message_id: str | None = None
    action: str | None = None


@frozen(kw_only=True)
class MessageQuery:
    """Which entries to return, oldest first: at most ``limit`` after ``cursor`` that match whatever is not None.

    ``search`` is looked for in the text of the frame, without regard to the case of ASCII letters. ``newest_first``
    turns the order round; the cursor of one order is none of the other.
    """

    identity: str | None = None
    direction: Direction | None = None
    action: str | None = None
    since: datetime | None = None
    search: str | None = None
    newest_first: bool = False
    cursor: str | None = None
    limit: int = 100


@frozen
class MessagePage:
    """Some entries; ``cursor`` continues after them, also when there is nothing more yet.

    ``more``: the store has looked at as many entries as it does at a time, and there are others after ``cursor``.
    """

    entries: list[MessageEntry]
    cursor: str | None
    more: bool = False


def folded(text: str) -> str:
    """Return the text with its ASCII letters in lower case: how frames are searched."""
    return text.encode("utf-8", "replace").lower().decode()


class MessageStore(Protocol):
    """A place to keep entries in. Every method blocks; each raises what its database or file system raises."""

    def open(self) -> None:
        """Make it ready.

        Raises LedgerUnavailable: it cannot be; the text says where and why.
        """
        ...

    def append(self, entries: Sequence[Recorded]) -> None:
        """Keep entries, and forget the oldest where all together grow too large."""
        ...

    def find(self, query: MessageQuery) -> MessagePage:
        """Return a page, or the first part of it: a bounded number of entries is looked at.

        Raises RequestFailed: the cursor is none of this store's, or of the other order.
        """
        ...

    def prune(self, before: datetime) -> None:
        """Forget entries older than a moment."""
        ...

    def recover(self) -> None:
        """Give up what may be broken after an error."""
        ...

    def close(self) -> None:
        """Give up everything."""
        ...
