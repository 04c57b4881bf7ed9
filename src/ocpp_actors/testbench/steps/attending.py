"""A charge point that lives by itself is used step by step, and left as it was found."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import structlog
import trio
from attrs import define, field

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallResult
from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import Failed, Skipped, expect, expect_equal
from ocpp_actors.testbench.station import Station
from ocpp_actors.testbench.steps.comparing import expect_same
from ocpp_actors.testbench.steps.records import at
from ocpp_actors.testbench.steps.transactions import expect_started
from ocpp_actors.testbench.wire import Exchange, Mark, Wire

log = structlog.get_logger(__name__)

RESTART: Final = 60.0
"""Seconds in which a charge point has started again, after a reset or without power."""

RECONNECT: Final = 45.0
"""Seconds in which a charge point is connected again, after its link came back."""

UNDOING: Final = 30.0
"""Seconds in which one thing is undone; a central system may hold its CALLs for a while after a reconnection."""

SECRET: Final = "AuthorizationKey"  # noqa: S105 — the name of a key
"""The configuration key whose value a central system does not show to its operators."""

Undo = Callable[[], Awaitable[object]]


def _any(_payload: Any) -> bool:
    return True


@define(eq=False)
class Attended:
    """A charge point of which each kind of message is read in its order, from the beginning of the scenario on.

    What a scenario does to it is undone when the scenario is over, the last first, where the scenario did not get
    there itself.
    """

    bench: Bench
    station: Station
    _read: dict[tuple[str, int | None], Mark] = field(init=False, factory=dict)
    _began: Mark = field(init=False)
    _undo: dict[str, Undo] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._began = self.station.wire.mark()

    @property
    def identity(self) -> str:
        """Its identity."""
        return self.station.identity

    @property
    def connectors(self) -> Iterable[int]:
        """The numbers of its connectors."""
        return range(1, self.station.connector_count + 1)

    # --- hands on it -------------------------------------------------------------------------------------------

    async def plug_in(self, connector_id: int = 1) -> None:
        """Connect a vehicle."""
        self._undo[f"plug {connector_id}"] = lambda: self.station.unplug(connector_id)
        await self.station.plug_in(connector_id)

    async def unplug(self, connector_id: int = 1) -> None:
        """Take the vehicle away."""
        self._undo.pop(f"plug {connector_id}", None)
        await self.station.unplug(connector_id)

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Present a card."""
        await self.station.tap(id_tag, connector_id)

    async def lose_link(self) -> None:
        """Cut the connection to the central system, and wait until it is gone."""
        self._undo["link"] = self.station.link_up
        await self.station.link_down()
        with self.bench.patient():
            await self.station.wire.until(lambda: None if self.station.wire.connected else True)

    async def regain_link(self) -> None:
        """Let it connect again."""
        self._undo.pop("link", None)
        await self.station.link_up()

    async def lose_power(self) -> None:
        """Cut its power."""
        self._undo["power"] = self.station.power_on
        await self.station.power_off()

    async def regain_power(self) -> None:
        """Start it again."""
        self._undo.pop("power", None)
        await self.station.power_on()

    # --- what it says ------------------------------------------------------------------------------------------

    async def says(
        self,
        action: str,
        where: Callable[[Any], object] = _any,
        *,
        connector_id: int | None = None,
        since: Mark = 0,
        within: float | None = None,
    ) -> Exchange:
        """Wait for its next message of this kind; it has to be answered with a CALLRESULT.

        ``connector_id``: of this connector alone. ``since``: sent after this mark. ``within``: seconds, the bench's
        patience where none are given.

        Raises Failed: the answer is a CALLERROR. Raises trio.TooSlowError: it did not come, or was not answered.
        """
        key = action, connector_id

        def wanted(payload: Any) -> object:
            return connector_id in (None, payload.get("connectorId")) and where(payload)

        with trio.fail_after(self.bench.patience if within is None else within):
            exchange = await self.station.wire.exchange(
                action, since=max(since, self._read.get(key, self._began)), where=wanted
            )
        self._read[key] = exchange.asked.number + 1
        expect(isinstance(exchange.result, dict), f"{action}.conf is no object")
        return exchange

    async def reports(
        self, status: str, connector_id: int = 1, *, since: Mark = 0, within: float | None = None
    ) -> Exchange:
        """Wait until it reports that a connector has this status."""
        return await self.says(
            "StatusNotification",
            lambda payload: payload["status"] == status,
            connector_id=connector_id,
            since=since,
            within=within,
        )

    async def authorizes(self, id_tag: str, status: str) -> Exchange:
        """Wait until it asks about an idTag, which has to have this status."""
        exchange = await self.says("Authorize", lambda payload: payload["idTag"] == id_tag)
        expect_equal(
            exchange.result["idTagInfo"]["status"], status, f"the status of {id_tag} in Authorize.conf"
        )
        return exchange

    async def starts(
        self, id_tag: str, *, status: str = "Accepted", connector_id: int = 1, within: float | None = None
    ) -> Exchange:
        """Wait until it reports the start of a transaction; the answer has to be as expect_started() wants it."""
        exchange = await self.says(
            "StartTransaction",
            lambda payload: payload["idTag"] == id_tag,
            connector_id=connector_id,
            within=within,
        )
        expect_started(self.station.wire, exchange, status)
        return exchange

    async def stops(
        self, started: Exchange, *, reason: str | None = None, within: float | None = None
    ) -> Exchange:
        """Wait until it reports the end of a transaction, for this reason where one is given."""
        transaction_id = started.result["transactionId"]
        exchange = await self.says(
            "StopTransaction", lambda payload: payload["transactionId"] == transaction_id, within=within
        )
        if reason is not None:
            said = exchange.payload.get("reason", "Local")
            expect_equal(said, reason, "the reason in the charge point's StopTransaction")
        return exchange

    async def says_nothing_of(self, action: str) -> None:
        """Go on where it has sent no message of this kind since the beginning. Raises Failed."""
        said = self.station.wire.calls(action, since=self._began)
        expect(
            not said, f"no {action} was expected, and the charge point sent {said[0].text if said else ''}"
        )

    # --- what a driver does ------------------------------------------------------------------------------------

    async def charges(self, id_tag: str, connector_id: int = 1) -> Exchange:
        """Let a driver plug in and present a card; wait until it charges, and return the start."""
        await self.plug_in(connector_id)
        await self.reports("Preparing", connector_id)
        await self.tap(id_tag, connector_id)
        started = await self.starts(id_tag, connector_id=connector_id)
        await self.reports("Charging", connector_id)
        return started

    async def leaves(self, connector_id: int = 1) -> None:
        """Let the driver unplug; the connector has to become Available."""
        await self.unplug(connector_id)
        await self.reports("Available", connector_id)

    # --- what the operator does --------------------------------------------------------------------------------

    async def ask(
        self, action: str, payload: dict[str, Any] | None = None, status: str | None = None
    ) -> dict[str, Any]:
        """Let the operator ask this of it, and return what it answered.

        Raises Failed: the CALL did not say what the operator asked for; the operator was not told the answer; the
        answer has another status, where one is given.
        """
        await self._is_connected()
        since = self.station.wire.mark()
        told = await self.bench.operator.result(self.identity, action, payload)
        await self._asked(action, payload or {}, told, since)
        if status is not None:
            expect_equal(told.get("status"), status, f"the charge point's answer to {action}")
        return told

    async def configure(self, key: str, value: str) -> None:
        """Set a configuration key until the scenario is over.

        Raises Skipped: the charge point does not have the key, or does not take the value.
        """
        present = await self._configured(key)
        if present == value:
            return
        answer = await self.ask("ChangeConfiguration", {"key": key, "value": value})
        if answer["status"] != "Accepted":
            raise Skipped(f"the charge point answers {key}={value} with {answer['status']}")
        restore = {"key": key, "value": present}
        self._undo.setdefault(key, lambda: self.ask("ChangeConfiguration", restore, "Accepted"))

    async def _configured(self, key: str) -> str:
        answer = await self.ask("GetConfiguration", {"key": [key]})
        for each in answer.get("configurationKey", ()):
            if each["key"] == key:
                return str(each.get("value", ""))
        raise Skipped(f"the charge point has no configuration key {key}")

    async def needs(self, key: str, value: str) -> None:
        """Go on where a configuration key has this value. Raises Skipped: it has another one."""
        present = await self._configured(key)
        if present.lower() != value:
            raise Skipped(f"the charge point has {key}={present}")

    async def reserve(
        self,
        id_tag: str,
        *,
        connector_id: int = 1,
        parent_id_tag: str | None = None,
        seconds: float = 600.0,
        status: str = "Accepted",
    ) -> int:
        """Let the operator reserve a connector for some seconds; return the reservationId.

        Raises Failed: ReserveNow did not say what the operator asked for, or the reservation has another status.
        """
        await self._is_connected()
        since = self.station.wire.mark()
        wanted = {
            "connectorId": connector_id,
            "idTag": id_tag,
            "expiryDate": write(self.bench.clock.now() + timedelta(seconds=seconds)),
            **({} if parent_id_tag is None else {"parentIdTag": parent_id_tag}),
        }
        made = await self.bench.operator.post(at(self.identity, "reservations"), wanted)
        reservation_id: int = made["id"]
        if made["status"] == "Accepted":
            self._undo["reservation"] = lambda: self._cancel(reservation_id)
        await self._asked(
            "ReserveNow", {**wanted, "reservationId": reservation_id}, {"status": made["status"]}, since
        )
        expect_equal(made["status"], status, "what became of the reservation")
        return reservation_id

    async def _cancel(self, reservation_id: int) -> None:
        """Cancel a reservation that may be over."""
        if (await self.bench.operator.get(f"/reservations/{reservation_id}"))["status"] == "Accepted":
            await self.ask("CancelReservation", {"reservationId": reservation_id})

    def afterwards(self, action: str, payload: dict[str, Any]) -> None:
        """Let the operator ask this of it when the scenario is over."""
        self._undo[action] = lambda: self.ask(action, payload)

    async def _asked(self, action: str, payload: dict[str, Any], told: dict[str, Any], since: Mark) -> None:
        with self.bench.patient():
            asked = await self.station.wire.exchange(action, by=Role.CENTRAL_SYSTEM, since=since)
        expect_same(asked.payload, payload, f"{action} as it arrived")
        expect_same(told, _as_shown(asked.result, told), f"what the operator was told of {action}")

    # --- before and after --------------------------------------------------------------------------------------

    async def _is_connected(self) -> None:
        with trio.fail_after(RECONNECT):
            await self.station.wire.until(lambda: self.station.wire.connected or None)

    async def arrive(self) -> None:
        """Wait until it is connected and all its connectors, as far as they were reported, are Available.

        Raises Failed: they are not.
        """
        await self._is_connected()
        with trio.move_on_after(self.bench.patience):
            await self.station.wire.until(lambda: None if occupied(self.station.wire) else True)
        busy = occupied(self.station.wire)
        expect(not busy, f"the charge point is not free: {in_words(busy)}")

    async def leave(self) -> None:
        """Undo what is left to be undone; what cannot be is logged."""
        for what, undo in reversed(self._undo.items()):
            try:
                with trio.fail_after(UNDOING):
                    await undo()
            except (Failed, Skipped, trio.TooSlowError) as failure:
                log.warning(
                    "a charge point is not as it was", identity=self.identity, what=what, reason=str(failure)
                )


def occupied(wire: Wire) -> dict[int, str]:
    """Return the connectors that were last reported as anything but Available, with their statuses."""
    reported = {
        each.payload["connectorId"]: each.payload["status"]
        for each in wire.answered("StatusNotification")
        if isinstance(each.reply, CallResult)
    }
    return {number: status for number, status in reported.items() if number and status != "Available"}


def in_words(statuses: dict[int, str]) -> str:
    """Say which status each of these connectors has."""
    return ", ".join(f"connector {number} is {status}" for number, status in statuses.items())


@asynccontextmanager
async def attended(bench: Bench) -> AsyncIterator[Attended]:
    """Use the bench's charge point for the length of the block; then it is as it was found.

    Raises Skipped: the bench has none. Raises Failed: it is in use.
    """
    charger = Attended(bench, bench.station)
    await charger.arrive()
    try:
        yield charger
    finally:
        async with bench.undoing():  # noqa: ASYNC102, it is shielded inside, until the session ends
            await charger.leave()  # noqa: ASYNC102


def _as_shown(answer: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as an operator may be told it: without the value of a secret key, if it is masked."""
    shown = {each["key"]: each for each in told.get("configurationKey", ())}
    keys = [
        shown.get(SECRET, each) if each["key"] == SECRET else each
        for each in answer.get("configurationKey", ())
    ]
    return {**answer, "configurationKey": keys} if keys else answer
