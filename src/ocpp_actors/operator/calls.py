"""An operator's calls to charge points: checked, kept with who asked for them, and waited for."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
import trio
from attrs import evolve

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.central_system.rules import breach
from ocpp_actors.charge_point.mailbox import Command, Outcome
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import (
    AddReservation,
    CommandRecord,
    CommandState,
    FindChargePoint,
    FindCommand,
    FindRepeatedCommand,
    FindReservation,
    LedgerUnavailable,
    RequestFailed,
    Reservation,
    ReservationState,
    SetReservationState,
)
from ocpp_actors.protocol import timestamps
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.messages import ReserveNow
from ocpp_actors.server.fleet import Fleet, NotConnected, UnknownChargePoint

log = structlog.get_logger(__name__)

REMEMBERED: Final = 10_000
"""Calls of which the outcome is at hand for whoever asks with the same idempotency key; older ones are looked up."""

NOT_ENDED: Final = (CommandState.WAITING, CommandState.SENT)


class RuleBroken(Exception):
    """The request breaks a rule of the specification; ``path`` is the JSON pointer of what is wrong in it."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(rule)
        self.path = path


class IdempotencyKeyReused(Exception):
    """The idempotency key was used before, for another request."""


class Calls:
    """What operators ask of charge points.

    A call waits at most ``call_timeout`` seconds until it can be sent, and as long again for its answer.
    """

    def __init__(self, fleet: Fleet, central_system: CentralSystem, call_timeout: float) -> None:
        self._fleet = fleet
        self._central_system = central_system
        self._patience = timedelta(seconds=call_timeout)
        self._longest = 2 * call_timeout + 3 * central_system.policy.ledger_patience
        self._remembered: OrderedDict[int, Command] = OrderedDict()

    async def call(
        self, identity: str, request: Any, *, requested_by: str, idempotency_key: str | None = None
    ) -> CommandRecord:
        """Send a request to a connected charge point, wait for its end and return what is kept of it.

        The state is one of ANSWERED, CALL_ERROR, INVALID (an answer that breaks its schema), TIMEOUT, LOST (the
        connection ended), EXPIRED (it could not be sent in time). With an idempotency key that was used before for the
        same request nothing is sent, and the first call's end is waited for; the charge point may have left since.

        Raises RuleBroken: the specification forbids such a request.
        Raises NotAllowed: the specification forbids it now.
        Raises NotConnected, UnknownChargePoint, MailboxFull: as they say.
        Raises IdempotencyKeyReused: the key belongs to another request.
        Raises LedgerUnavailable, RequestFailed: it cannot be kept, and is not sent; or nothing is known of its end.
        """
        first = await self._repeated(identity, request, idempotency_key, durable=False)
        if first is not None:
            return await self._end_of(first)
        await self._check(identity, request)
        return await self._send(identity, request, requested_by, idempotency_key)

    async def queue(
        self,
        identity: str,
        request: Any,
        *,
        time_to_live: timedelta,
        requested_by: str,
        idempotency_key: str | None = None,
    ) -> CommandRecord:
        """Keep a request for a charge point, connected or not, and return what is kept.

        Raises as call() does, but NotConnected and NotAllowed.
        """
        first = await self._repeated(identity, request, idempotency_key, durable=True)
        if first is not None:
            return first
        await self._check(identity, request)
        command_id = await self._fleet.queue(identity, request, time_to_live, requested_by, idempotency_key)
        return await self._known(command_id, request, durable=True)

    async def reserve(
        self,
        identity: str,
        *,
        connector_id: int,
        id_tag: str,
        parent_id_tag: str | None,
        expiry_date: datetime,
        requested_by: str,
    ) -> tuple[Reservation, CommandRecord]:
        """Give a reservation an id, request it, and return what became of both.

        Raises as call() does; the reservation is kept as Cancelled then.
        """
        ledger = self._central_system.ledger
        await self._must_be_connected(identity)
        expiry_date = timestamps.read(timestamps.write(expiry_date))  # as it is sent, to the millisecond
        reservation = await ledger.ask(
            AddReservation(identity, connector_id, id_tag, parent_id_tag, expiry_date, self._now())
        )
        request = ReserveNow(
            connector_id=connector_id,
            id_tag=id_tag,
            parent_id_tag=parent_id_tag,
            expiry_date=expiry_date,
            reservation_id=reservation.reservation_id,
        )
        record = None
        try:
            record = await self._send(identity, request, requested_by, None)
        finally:
            if record is None or record.message_id is None:
                await self._not_requested(reservation)  # noqa: ASYNC102, it is shielded and bounded inside
        kept = await ledger.ask(FindReservation(reservation.reservation_id))
        return kept or reservation, record

    async def _not_requested(self, reservation: Reservation) -> None:
        cancelled = SetReservationState(
            reservation.identity, reservation.reservation_id, ReservationState.CANCELLED, self._now()
        )
        with trio.move_on_after(self._central_system.policy.ledger_patience, shield=True):
            try:
                await self._central_system.ledger.ask(cancelled)
            except (LedgerUnavailable, RequestFailed) as error:
                log.warning("a reservation that was never requested is kept as Requested", reason=str(error))

    async def _check(self, identity: str, request: Any) -> None:
        broken = breach(request)
        if broken is not None:
            raise RuleBroken(broken.path, broken.rule)
        if isinstance(request, ReserveNow):
            taken = await self._central_system.ledger.ask(FindReservation(request.reservation_id))
            if taken is not None and taken.identity.casefold() != identity.casefold():
                raise RuleBroken("/reservationId", f"it is that of a reservation at {taken.identity}")

    async def _must_be_connected(self, identity: str) -> None:
        entry = self._fleet.find(identity)
        if entry is not None and entry.session is not None:
            return
        if await self._central_system.ledger.ask(FindChargePoint(identity)) is None:
            raise UnknownChargePoint(f"there is no charge point {identity}")
        raise NotConnected(f"{identity} is not connected")

    async def _send(
        self, identity: str, request: Any, requested_by: str, idempotency_key: str | None
    ) -> CommandRecord:
        await self._must_be_connected(identity)
        command_id, command = await self._fleet.submit_recorded(
            identity,
            request,
            patience=self._patience,
            requested_by=requested_by,
            idempotency_key=idempotency_key,
        )
        if command is not None:
            self._remembered[command_id] = command
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return await self._end_of(await self._known(command_id, request, durable=False))

    async def _end_of(self, record: CommandRecord) -> CommandRecord:
        """Wait for the end of a call that does not wait for an offline charge point."""
        command = self._remembered.get(record.command_id)
        if command is None or record.state not in NOT_ENDED:
            return record
        with trio.move_on_after(self._longest):
            return _ended(record, await command.wait(), self._now())
        raise LedgerUnavailable(f"what became of call {record.command_id} could not be recorded")

    async def _repeated(
        self, identity: str, request: Any, idempotency_key: str | None, *, durable: bool
    ) -> CommandRecord | None:
        """Return what is kept of the first call with this key, whatever has become of the charge point since.

        Of two that come at once the ledger decides later.
        """
        if idempotency_key is None:
            return None
        first = await self._central_system.ledger.ask(FindRepeatedCommand(identity, idempotency_key))
        return None if first is None else _of_request(first, request, durable=durable)

    async def _known(self, command_id: int, request: Any, *, durable: bool) -> CommandRecord:
        """Return what is kept of a call, which must be of this request."""
        record = await self._central_system.ledger.ask(FindCommand(command_id))
        if record is None:
            raise LedgerUnavailable(f"call {command_id} is not to be found")
        return _of_request(record, request, durable=durable)

    def _now(self) -> datetime:
        return self._central_system.clock.now()


def _of_request(record: CommandRecord, request: Any, *, durable: bool) -> CommandRecord:
    same = (
        record.action == type(request).__name__
        and mask_document(record.payload) == mask_document(encode(request))
        and record.durable is durable
    )
    if not same:
        raise IdempotencyKeyReused(
            f"the idempotency key belongs to another request: call {record.command_id}"
        )
    return record


def _ended(record: CommandRecord, outcome: Outcome, at: datetime) -> CommandRecord:
    return evolve(
        record,
        state=outcome.state,
        message_id=outcome.message_id,
        ended_at=at,
        payload=mask_document(record.payload),
        detail=mask_document(outcome.detail()),
    )
