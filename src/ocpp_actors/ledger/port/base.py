"""What every request to a ledger has in common, and how a ledger fails."""

from typing import Generic, Protocol, TypeVar

from attrs import define, frozen

R = TypeVar("R", covariant=True)


class LedgerUnavailable(Exception):
    """The store cannot be written or read now (disk full, locked, gone). The same request may succeed later."""


class RequestFailed(Exception):
    """The store refuses this very request, and would again; other requests are not concerned."""


class VersionConflict(RequestFailed):
    """What was to be changed has another version than was expected: somebody changed it meanwhile, or it is gone.

    ``version`` is the present one, 0 where there is nothing.
    """

    def __init__(self, version: int) -> None:
        super().__init__(f"it has version {version} by now" if version else "it does not exist")
        self.version = version


@define
class Request(Generic[R]):
    """A typed question or fact; ``R`` is what the ledger answers.

    Nobody changes one. Those that come with every message are not frozen all the same: that takes longer to make.
    """


class Ledger(Protocol):
    """What the central system needs of a store."""

    async def ask(self, request: Request[R], by: float | None = None) -> R:
        """Carry out one request, alone or in one commit with others, and return its answer.

        Waits while the bounded queue is full, and until ``by`` on trio's clock at most; None: however long it takes.
        Neither cancelling the waiter nor its giving up undoes the write.

        Raises LedgerUnavailable: the store failed, or did not answer in time; nothing was confirmed.
        Raises RequestFailed: this request cannot be carried out.
        """
        ...

    def note(self, request: "Note") -> None:
        """Keep a fact that need not survive a crash: written behind, in batches, the newest of each key.

        Never blocks and never fails.
        """
        ...


@define
class Note:
    """A fact that replaces the earlier one of the same key when it is written behind."""

    identity: str

    @property
    def key(self) -> tuple[object, ...]:
        """What a later note replaces."""
        return (type(self), self.identity)


@frozen
class Notes(Request[None]):
    """Notes that are written together; one that cannot be written is left out and logged."""

    notes: tuple[Note, ...]
