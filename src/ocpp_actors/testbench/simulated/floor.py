"""What happens at the connectors: vehicles and cards come and go, transactions begin and end.

OCPP 1.6 §3.5, §3.6, §4.8, §4.10, §5.11 to §5.13.
"""

from typing import Final

import trio
from attrs import define

from ocpp_actors.protocol.messages import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    ChargePointErrorCode,
    ChargePointStatus,
    ChargingProfile,
    IdTagInfo,
    ReadingContext,
    Reason,
    StartTransaction,
    StartTransactionResponse,
    StatusNotification,
    StopTransaction,
    StopTransactionResponse,
)
from ocpp_actors.testbench.simulated.authorization import Policy, Verdict, decide, same_group
from ocpp_actors.testbench.simulated.connector import NO_ERROR
from ocpp_actors.testbench.simulated.memory import Message, Transaction
from ocpp_actors.testbench.simulated.metering import Metering
from ocpp_actors.testbench.simulated.places import Insides, Place, Places
from ocpp_actors.testbench.simulated.talker import Gate, Reply

_ACCEPTED: Final = AuthorizationStatus.ACCEPTED


@define(eq=False)
class Floor:
    """The connectors and those who use them."""

    insides: Insides
    places: Places
    metering: Metering

    # --- vehicles ----------------------------------------------------------------------------------------------

    def plug_in(self, place: Place) -> None:
        """A vehicle is connected."""
        if place.outlet.plugged:
            return
        place.outlet.plugged = True
        self.places.change(place, place.state.plugged_in())
        if place.transaction is not None:
            self.metering.regulate()
        elif place.state.authorized and place.state.ready:
            self._begin(place)
        else:
            self.await_usage(place)

    def unplug(self, place: Place) -> None:
        """The cable is taken out."""
        if not place.outlet.plugged:
            return
        place.outlet.plugged = False
        if place.transaction is None:
            self.places.change(place, place.state.unplugged())
            self._reserve_again()
        elif self.insides.memory.configuration.flag("StopTransactionOnEVSideDisconnect"):
            self._end(place, Reason.EV_DISCONNECTED)
            self.places.change(place, place.state.unplugged().stopped())
        else:
            self.places.change(place, place.state.unplugged())
            self.metering.regulate()

    def await_usage(self, place: Place) -> None:
        """Give up a usage that does not become a transaction within ConnectionTimeOut (B1, B6)."""
        seconds = self.insides.memory.configuration.number("ConnectionTimeOut")
        if seconds and place.state.status is ChargePointStatus.PREPARING:
            self.insides.timers.after(seconds, f"usage {place.number}", lambda: self._give_up(place))

    def _give_up(self, place: Place) -> None:
        self.insides.timers.cancel(f"usage {place.number}")
        if place.transaction is None and place.state.status is ChargePointStatus.PREPARING:
            place.id_tag, place.info, place.profile = "", None, None
            self.places.change(place, place.state.given_up())
            self._reserve_again()

    # --- cards -------------------------------------------------------------------------------------------------

    async def present(self, place: Place, id_tag: str, profile: ChargingProfile | None = None) -> None:
        """A card is presented: it begins a usage, or ends its own or its group's."""
        transaction = place.transaction
        if transaction is not None:
            if await self._may_stop(transaction, id_tag) and place.transaction is transaction:
                self.stop(place, Reason.LOCAL, id_tag)
            return
        if place.state.authorized:
            if place.id_tag.lower() == id_tag.lower():
                self._give_up(place)
            return
        if not self.usable(place):
            return
        accepted, info = await self.authorize(id_tag)
        if accepted and self.usable(place) and not self._forbidden(place, id_tag, info):
            self.accept(place, id_tag, info, profile)

    def usable(self, place: Place) -> bool:
        """Tell whether a usage could begin."""
        state = place.state
        return (
            state.operative
            and not state.leaving
            and not state.charging
            and not state.authorized
            and state.error is NO_ERROR
        )

    async def _may_stop(self, transaction: Transaction, id_tag: str) -> bool:
        """Only another idTag than that of the start is asked for (§4.1)."""
        if transaction.id_tag.lower() == id_tag.lower():
            return True
        accepted, info = await self.authorize(id_tag)
        return accepted and same_group(info, transaction.info)

    def _forbidden(self, place: Place, id_tag: str, info: IdTagInfo | None) -> bool:
        parent = info.parent_id_tag if info else None
        return self.insides.memory.reservations.forbid(id_tag, parent, place.number, self.places.statuses)

    def accept(
        self, place: Place, id_tag: str, info: IdTagInfo | None, profile: ChargingProfile | None = None
    ) -> None:
        """An idTag may charge here: it does, or as soon as a vehicle is connected."""
        place.id_tag, place.info, place.profile = id_tag, info, profile
        self.places.change(place, place.state.accepted())
        if place.state.ready:
            self._begin(place)
        else:
            self.await_usage(place)

    # --- who may charge ----------------------------------------------------------------------------------------

    async def authorize(self, id_tag: str) -> tuple[bool, IdTagInfo | None]:
        """Decide on an idTag, by oneself or by asking (§3.5, §4.1)."""
        memory, talker = self.insides.memory, self.insides.talker
        online = talker.online and talker.gate is Gate.OPEN
        verdict, info = self._decide(id_tag, online=online)
        if verdict is Verdict.ASK:
            reply = await talker.ask(Authorize(id_tag=id_tag))
            if isinstance(reply, AuthorizeResponse):
                self.learn(id_tag, reply.id_tag_info)
                return reply.id_tag_info.status is _ACCEPTED, reply.id_tag_info
            if reply is not None:
                return False, None  # a CALLERROR is no leave to charge
            verdict, info = self._decide(id_tag, online=False)
        return verdict is Verdict.ACCEPT and memory.accepted_once, info

    def _decide(self, id_tag: str, *, online: bool) -> tuple[Verdict, IdTagInfo | None]:
        memory = self.insides.memory
        flag = memory.configuration.flag
        policy = Policy(
            list_enabled=flag("LocalAuthListEnabled"),
            cache_enabled=flag("AuthorizationCacheEnabled"),
            pre_authorize=flag("LocalPreAuthorize"),
            authorize_offline=flag("LocalAuthorizeOffline"),
            unknown_offline=flag("AllowOfflineTxForUnknownId"),
        )
        return decide(id_tag, memory.local_list, memory.cache, policy, self.insides.now(), online=online)

    def learn(self, id_tag: str, info: IdTagInfo) -> None:
        """Keep what the central system says of an idTag; those of the local list are not cached (§3.5.3)."""
        memory = self.insides.memory
        if memory.configuration.flag("AuthorizationCacheEnabled") and memory.local_list.find(id_tag) is None:
            memory.cache.store(id_tag, info)

    # --- transactions ------------------------------------------------------------------------------------------

    def _begin(self, place: Place) -> None:
        now, moment = self.insides.now(), trio.current_time()
        memory = self.insides.memory
        self.insides.timers.cancel(f"usage {place.number}")
        place.outlet.meter.connect(place.outlet.curve, moment)
        transaction = Transaction(place.number, place.id_tag, place.outlet.meter.wh, now, place.info)
        transaction.seen_at = now
        parent = place.info.parent_id_tag if place.info else None
        used = memory.reservations.used_by(place.id_tag, parent, place.number)
        if used is not None:
            memory.reservations.cancel(used.reservation_id)
        self.insides.talker.report(
            StartTransaction(
                connector_id=place.number,
                id_tag=place.id_tag,
                meter_start=transaction.meter_start,
                timestamp=now,
                reservation_id=used.reservation_id if used else None,
            ),
            transaction,
        )
        memory.running[place.number] = place.transaction = transaction
        if place.profile is not None:
            memory.profiles.install(place.number, place.profile)
        place.profile, place.withheld = None, False
        place.state = place.state.started()
        self.metering.begin(place, transaction)
        self.metering.regulate()

    def stop(self, place: Place, reason: Reason, id_tag: str | None = None) -> None:
        """End the transaction of a connector."""
        if place.transaction is not None:
            self._end(place, reason, id_tag)
            self.places.change(place, place.state.stopped())

    def stop_all(self, reason: Reason) -> None:
        """End all transactions."""
        for place in self.places.charging:
            self.stop(place, reason)

    def _end(self, place: Place, reason: Reason, id_tag: str | None = None) -> None:
        transaction = place.transaction
        assert transaction is not None
        self.metering.keep(place, transaction, "StopTxnSampledData", ReadingContext.TRANSACTION_END)
        self.metering.end(place)
        self.report_stop(transaction, self.metering.read(place), reason, id_tag)
        place.outlet.meter.disconnect(trio.current_time())
        place.id_tag, place.info, place.transaction, place.withheld = "", None, None, False
        memory = self.insides.memory
        memory.running.pop(place.number, None)
        memory.profiles.end_transaction(place.number)
        self.metering.regulate()

    def report_stop(
        self, transaction: Transaction, meter_stop: int, reason: Reason, id_tag: str | None = None
    ) -> None:
        """Report the end of a transaction; one that was cut off ended when it was last seen."""
        if transaction.refused:
            return
        cut_off = reason in {Reason.POWER_LOSS, Reason.HARD_RESET} and transaction.seen_at is not None
        self.insides.talker.report(
            StopTransaction(
                transaction_id=0,
                meter_stop=meter_stop,
                timestamp=transaction.seen_at if cut_off and transaction.seen_at else self.insides.now(),
                id_tag=id_tag,
                reason=reason,
                transaction_data=transaction.data or None,
            ),
            transaction,
        )

    def answered(self, message: Message, reply: Reply) -> None:
        """Take the answer to a transaction-related message."""
        transaction = message.transaction
        if isinstance(reply, StartTransactionResponse) and transaction is not None:
            transaction.transaction_id = reply.transaction_id
            self.learn(transaction.id_tag, reply.id_tag_info)
            if reply.id_tag_info.status is not _ACCEPTED:
                self._invalid(transaction)
            elif transaction.info is None:
                transaction.info = reply.id_tag_info
        elif isinstance(reply, StopTransactionResponse) and reply.id_tag_info is not None:
            id_tag = getattr(message.request, "id_tag", None)
            if id_tag is not None:
                self.learn(id_tag, reply.id_tag_info)

    def _invalid(self, transaction: Transaction) -> None:
        """The idTag of a transaction turned out to be invalid (§3.5.4)."""
        memory = self.insides.memory
        listed = memory.local_list.find(transaction.id_tag)
        if listed is not None and listed.status is _ACCEPTED:
            self.insides.talker.tell(
                StatusNotification(
                    connector_id=0,
                    error_code=ChargePointErrorCode.LOCAL_LIST_CONFLICT,
                    status=self.places.status_of(0)[0],
                    timestamp=self.insides.now(),
                )
            )
        place = self.places[transaction.connector_id]
        if place.transaction is not transaction:
            return
        if memory.configuration.flag("StopTransactionOnInvalidId"):
            self.stop(place, Reason.DE_AUTHORIZED)
        else:
            place.withheld = True
            self.metering.regulate()

    # --- reservations ------------------------------------------------------------------------------------------

    def watch_reservations(self) -> None:
        """Look again when the next reservation expires."""
        expiries = [each.expires_at for each in self.insides.memory.reservations]
        if expiries:
            pause = (min(expiries) - self.insides.now()).total_seconds()
            self.insides.timers.after(pause, "reservations", self._expire)
        else:
            self.insides.timers.cancel("reservations")

    def _expire(self) -> None:
        for each in self.insides.memory.reservations.expired(self.insides.now()):
            self.released(each.connector_id)
        self.watch_reservations()

    def released(self, connector_id: int) -> None:
        """A reservation of a connector is over."""
        if connector_id in self.places:
            place = self.places[connector_id]
            self.places.change(place, place.state.reserve(False))
            self.await_usage(place)

    def _reserve_again(self) -> None:
        """A usage that came to nothing has not used up its reservation (§5.13)."""
        for each in self.insides.memory.reservations:
            if each.connector_id in self.places and self.places[each.connector_id].state.free:
                place = self.places[each.connector_id]
                self.places.change(place, place.state.reserve(True))

    # --- errors ------------------------------------------------------------------------------------------------

    def fail(self, place: Place, error: ChargePointErrorCode) -> None:
        """A connector fails; its reservation is over (§5.13), its transaction waits."""
        place.outlet.error = error
        reservation = self.insides.memory.reservations.of_connector(place.number)
        if reservation is not None:
            self.insides.memory.reservations.cancel(reservation.reservation_id)
        self.places.change(place, place.state.failed(error))
        self.metering.regulate()

    def repair(self, place: Place) -> None:
        """A connector works again."""
        place.outlet.error = NO_ERROR
        self.places.change(place, place.state.repaired())
        self.metering.regulate()
        if place.state.authorized and place.state.ready:
            self._begin(place)

    # --- availability ------------------------------------------------------------------------------------------

    def make_operative(self, numbers: set[int]) -> None:
        """Let connectors be used; 0 is the charge point, with all of them (§5.2)."""
        self.insides.memory.inoperative -= numbers
        for place in self.places:
            if place.number in numbers:
                self.places.change(place, place.state.made_operative())
                self.await_usage(place)
        if 0 in numbers:
            self.places.report(0)

    def make_inoperative(self, numbers: set[int]) -> None:
        """Let connectors not be used any more, as soon as nobody uses them."""
        self.insides.memory.inoperative |= numbers
        for place in self.places:
            if place.number in numbers:
                self.places.change(place, place.state.made_inoperative())
                reservation = self.insides.memory.reservations.of_connector(place.number)
                if reservation is not None and not place.state.operative:
                    self.insides.memory.reservations.cancel(reservation.reservation_id)
        if 0 in numbers:
            self.places.report(0)
