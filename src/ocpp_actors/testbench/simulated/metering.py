"""What the meters show, and what charging profiles let flow (OCPP 1.6 §3.13, §3.16, §4.7)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

import trio
from attrs import define, evolve

from ocpp_actors.protocol.messages import (
    Measurand,
    MeterValue,
    MeterValues,
    ReadingContext,
)
from ocpp_actors.testbench.simulated.connector import NO_ERROR
from ocpp_actors.testbench.simulated.memory import Transaction
from ocpp_actors.testbench.simulated.meter import samples
from ocpp_actors.testbench.simulated.places import Insides, Place, Places
from ocpp_actors.testbench.simulated.smart_charging import Usage
from ocpp_actors.testbench.simulated.talker import Gate

_HAIR: Final = 0.001
"""Seconds after a change at which it is looked at, so that it has happened."""


@define(eq=False)
class Metering:
    """Reads the meters and sets what is offered."""

    insides: Insides
    places: Places

    # --- offers ------------------------------------------------------------------------------------------------

    def usages(self) -> list[Usage | None]:
        """Return the transactions of the connectors as profiles see them, from the first connector on."""
        return [place.transaction.usage if place.transaction else None for place in self.places]

    def limit(self, place: Place, at: datetime) -> float:
        """Return the watts that a connector may deliver at a time."""
        usage = place.transaction.usage if place.transaction else None
        sharing = len(self.places.charging)
        return self.insides.memory.profiles.limit(place.number, at, usage, sharing)

    def regulate(self) -> None:
        """Offer what may flow, and look again when that changes or a vehicle wants something else."""
        now, moment = self.insides.now(), trio.current_time()
        pauses: list[float] = []
        for place in self.places.charging:
            meter = place.outlet.meter
            barred = place.withheld or place.state.error is not NO_ERROR
            meter.offer(0.0 if barred else self.limit(place, now), moment)
            meter.close(moment, closed=place.state.plugged)
            state = place.state.offering(meter.limit_w > 0 or place.state.error is not NO_ERROR)
            if state.plugged:
                state = state.drawing(meter.wanted_w > 0)
            self.places.change(place, state)
            pauses.append(meter.changes_in())
        change = self.insides.memory.profiles.next_change(now, self.usages()) if pauses else None
        if change is not None:
            pauses.append((change - now).total_seconds())
        pause = min(filter(isfinite, pauses), default=None)
        if pause is None:
            self.insides.timers.cancel("regulate")
        else:
            self.insides.timers.after(pause + _HAIR, "regulate", self.regulate)

    # --- samples -----------------------------------------------------------------------------------------------

    def read(self, place: Place) -> int:
        """Return the register of a connector, in Wh."""
        place.outlet.meter.advance(trio.current_time())
        return place.outlet.meter.wh

    def sample(
        self,
        place: Place,
        measurands: Sequence[Measurand],
        context: ReadingContext,
        at: datetime | None = None,
    ) -> MeterValue:
        """Return what a meter shows."""
        self.read(place)
        values = samples(place.outlet.meter, measurands, context)
        return MeterValue(timestamp=at or self.insides.now(), sampled_value=values)

    def begin(self, place: Place, transaction: Transaction) -> None:
        """Sample from the start of a transaction on."""
        self.keep(place, transaction, "StopTxnSampledData", ReadingContext.TRANSACTION_BEGIN)
        self._schedule(place)

    def end(self, place: Place) -> None:
        """Sample no more."""
        self.insides.timers.cancel(f"sample {place.number}")

    def keep(
        self,
        place: Place,
        transaction: Transaction,
        key: str,
        context: ReadingContext,
        at: datetime | None = None,
    ) -> None:
        """Keep a sample for StopTransaction, if a key asks for it."""
        measurands = self.insides.memory.configuration.measurands(key)
        if measurands:
            transaction.data.append(self.sample(place, measurands, context, at))

    def _schedule(self, place: Place) -> None:
        interval = self.insides.memory.configuration.number("MeterValueSampleInterval")
        if interval and place.transaction:
            self.insides.timers.after(interval, f"sample {place.number}", lambda: self._periodic(place))

    def reschedule(self) -> None:
        """Take up another interval."""
        for place in self.places.charging:
            self.end(place)
            self._schedule(place)

    def _periodic(self, place: Place) -> None:
        transaction = place.transaction
        if transaction is None:
            return
        transaction.seen_at = self.insides.now()
        self.keep(place, transaction, "StopTxnSampledData", ReadingContext.SAMPLE_PERIODIC)
        measurands = self.insides.memory.configuration.measurands("MeterValuesSampledData")
        if measurands:
            value = self.sample(place, measurands, ReadingContext.SAMPLE_PERIODIC)
            self._report(place, value, transaction)
        self._schedule(place)

    def _report(self, place: Place, value: MeterValue, transaction: Transaction | None) -> None:
        if transaction is not None and transaction.refused:
            return
        request = MeterValues(connector_id=place.number, meter_value=[value])
        if transaction is not None:
            request = evolve(request, transaction_id=transaction.transaction_id or 0)
        self.insides.talker.report(request, transaction)

    def trigger(self, place: Place) -> None:
        """Report what TriggerMessage asked for: the latest of what MeterValuesSampledData names (§5.17)."""
        measurands = self.insides.memory.configuration.measurands("MeterValuesSampledData") or [
            Measurand.ENERGY_ACTIVE_IMPORT_REGISTER
        ]
        transaction_id = place.transaction.transaction_id if place.transaction else None
        self.insides.talker.tell(
            MeterValues(
                connector_id=place.number,
                meter_value=[self.sample(place, measurands, ReadingContext.TRIGGER)],
                transaction_id=transaction_id,
            ),
            perishable=True,
            needs=Gate.PENDING,
        )

    # --- by the clock ------------------------------------------------------------------------------------------

    def align(self) -> None:
        """Report at the intervals that begin at midnight (§3.16.2)."""
        interval = self.insides.memory.configuration.number("ClockAlignedDataInterval")
        if not interval:
            self.insides.timers.cancel("aligned")
            return
        now = self.insides.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since = (now - midnight).total_seconds()
        due = midnight + timedelta(seconds=(since // interval + 1) * interval)
        pause = (due - now).total_seconds() + _HAIR
        self.insides.timers.after(pause, "aligned", lambda: self._aligned(due))

    def _aligned(self, at: datetime) -> None:
        measurands = self.insides.memory.configuration.measurands("MeterValuesAlignedData")
        for place in self.places:
            if place.transaction is not None:
                self.keep(place, place.transaction, "StopTxnAlignedData", ReadingContext.SAMPLE_CLOCK, at)
            if measurands:
                value = self.sample(place, measurands, ReadingContext.SAMPLE_CLOCK, at)
                self._report(place, value, place.transaction)
        self.align()
