"""The connectors of a running charge point, and what is reported of them (OCPP 1.6 §4.9)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import trio
from attrs import define, field

from ocpp_actors.protocol.messages import (
    ChargePointErrorCode,
    ChargePointStatus,
    ChargingProfile,
    IdTagInfo,
    StatusNotification,
)
from ocpp_actors.testbench.simulated.connector import NO_ERROR, Connector
from ocpp_actors.testbench.simulated.memory import Memory, Outlet, Transaction
from ocpp_actors.testbench.simulated.talker import Gate, Reply, Talker
from ocpp_actors.testbench.simulated.timers import Timers


@define(eq=False)
class Insides:
    """What the parts of a running charge point share."""

    memory: Memory
    outlets: Mapping[int, Outlet]
    talker: Talker
    timers: Timers
    now: Callable[[], datetime]


@define(eq=False)
class Place:
    """One connector, as long as the charge point runs."""

    number: int
    outlet: Outlet
    state: Connector
    id_tag: str = ""
    """The idTag that was accepted, or that of the transaction."""
    info: IdTagInfo | None = None
    profile: ChargingProfile | None = None
    """Came with a RemoteStartTransaction, for the transaction to come."""
    transaction: Transaction | None = None
    withheld: bool = False
    """No energy is offered, since the idTag turned out to be invalid (§3.5.4)."""


Reported = tuple[ChargePointStatus, ChargePointErrorCode]


@define(eq=False)
class Places:
    """All connectors. A change of status is reported at once, or when there is a connection again."""

    insides: Insides
    error: ChargePointErrorCode = NO_ERROR
    """Of connector 0, the charge point itself."""
    _places: dict[int, Place] = field(init=False)
    _told: dict[int, Reported] = field(init=False, factory=dict)
    _changed: trio.Event = field(init=False, factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        memory = self.insides.memory
        self._places = {
            number: Place(
                number,
                outlet,
                Connector(
                    plugged=outlet.plugged,
                    # The transaction that its power cut ended, or what came before, is over; the cable is still in.
                    finished=outlet.plugged and number in memory.running,
                    reserved=memory.reservations.of_connector(number) is not None,
                    operative=not memory.inoperative & {0, number},
                    error=outlet.error,
                ),
            )
            for number, outlet in self.insides.outlets.items()
        }

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def __getitem__(self, number: int) -> Place:
        return self._places[number]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def statuses(self) -> dict[int, ChargePointStatus]:
        """Of the connectors above 0."""
        return {place.number: place.state.status for place in self}

    @property
    def charging(self) -> list[Place]:
        """Those with a transaction."""
        return [place for place in self if place.transaction is not None]

    def of_transaction(self, transaction_id: int) -> Place | None:
        """Return where a transaction runs."""
        return next(
            (
                place
                for place in self.charging
                if place.transaction and place.transaction.transaction_id == transaction_id
            ),
            None,
        )

    def change(self, place: Place, state: Connector) -> None:
        """Let a connector be so from now on, and report its status if it is another."""
        place.state = state
        self.report(place.number)
        if state.settled() != state:
            self.change(place, state.settled())
        self._changed.set()

    async def until_idle(self) -> None:
        """Wait until there is no transaction."""
        while self.charging:
            self._changed = trio.Event()
            await self._changed.wait()

    def fail(self, error: ChargePointErrorCode) -> None:
        """Let the charge point itself have this error from now on."""
        self.error = error
        self.report(0)

    def status_of(self, number: int) -> Reported:
        """Return status and error code of a connector, 0 for the charge point."""
        if number:
            state = self._places[number].state
            return state.status, state.error
        if self.error is not NO_ERROR:
            return ChargePointStatus.FAULTED, self.error
        inoperative = 0 in self.insides.memory.inoperative
        return (ChargePointStatus.UNAVAILABLE if inoperative else ChargePointStatus.AVAILABLE), NO_ERROR

    def report_all(self) -> None:
        """Report what the central system does not know yet."""
        for number in (0, *self._places):
            self.report(number)

    def report(self, number: int, *, asked: bool = False) -> None:
        """Report the status of a connector, if it is not known or was asked for."""
        current = self.status_of(number)
        talker = self.insides.talker
        if not asked and (
            self._told.get(number) == current or not talker.online or talker.gate is not Gate.OPEN
        ):
            return
        self._told[number] = current
        status, error = current

        def forget_if_lost(reply: Reply) -> None:
            if reply is None:
                self._told.pop(number, None)

        talker.tell(
            StatusNotification(
                connector_id=number, error_code=error, status=status, timestamp=self.insides.now()
            ),
            forget_if_lost,
            perishable=True,
            needs=Gate.PENDING if asked else Gate.OPEN,
        )
