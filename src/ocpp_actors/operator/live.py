"""The live power of running transactions, as their meter values tell it."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from ocpp_actors.clock import Clock
from ocpp_actors.observer import Event, MeterValuesRecorded, TransactionStopped

FORGET_AFTER: Final = timedelta(minutes=15)
"""After so long without news nothing is known of a transaction's power."""

MAX_TRANSACTIONS: Final = 100_000
"""Transactions of which something is known at a time; those without news for the longest time are forgotten first."""


@define
class _Reading:
    """A transaction's last power, in watts; None where it has stopped, so that late meter values do not revive it."""

    charge_point: str
    power: float | None
    at: datetime


class Live:
    """A subscriber of the observer that remembers the last power of each running transaction.

    While its charge point is offline, no power of a transaction is known. Charge points are named without regard to
    case. All powers are in watts.
    """

    def __init__(
        self, clock: Clock, is_online: Callable[[str], bool], max_transactions: int = MAX_TRANSACTIONS
    ) -> None:
        self._clock = clock
        self._is_online = is_online
        self._max = max_transactions
        self._readings: OrderedDict[int, _Reading] = OrderedDict()
        """By transaction, the one without news for the longest time first."""
        self._of_charge_point: dict[str, set[int]] = {}

    def __call__(self, event: Event) -> None:
        """Take note of meter values and of the end of a transaction."""
        if isinstance(event, MeterValuesRecorded):
            if event.transaction_id is not None and event.power_w is not None:
                known = self._readings.get(event.transaction_id)
                if known is None or known.power is not None:
                    self._set(event.transaction_id, event.identity, event.power_w, event.at)
        elif isinstance(event, TransactionStopped):
            self._set(event.transaction_id, event.identity, None, event.at)

    def power_of(self, identity: str) -> float | None:
        """Return the power of a charge point's running transactions together; None where it is not known."""
        self._forget_old()
        powers = [
            power
            for transaction_id in self._of_charge_point.get(identity.casefold(), ())
            if (power := self._power(self._readings[transaction_id])) is not None
        ]
        return sum(powers) if powers else None

    def power_of_transaction(self, transaction_id: int) -> float | None:
        """Return the power of a running transaction; None where it is not known."""
        self._forget_old()
        reading = self._readings.get(transaction_id)
        return None if reading is None else self._power(reading)

    def total_power(self) -> float:
        """Return the power of all running transactions together, as far as it is known."""
        self._forget_old()
        return sum(self._power(reading) or 0.0 for reading in self._readings.values())

    def _power(self, reading: _Reading) -> float | None:
        return reading.power if self._is_online(reading.charge_point) else None

    def _set(self, transaction_id: int, identity: str, power: float | None, at: datetime) -> None:
        charge_point = identity.casefold()
        known = self._readings.get(transaction_id)
        if known is not None and known.charge_point == charge_point:
            known.power, known.at = power, at
            self._readings.move_to_end(transaction_id)
            return
        self._forget(transaction_id)
        self._readings[transaction_id] = _Reading(charge_point, power, at)
        self._of_charge_point.setdefault(charge_point, set()).add(transaction_id)
        if len(self._readings) > self._max:
            self._forget(next(iter(self._readings)))

    def _forget_old(self) -> None:
        before = self._clock.now() - FORGET_AFTER
        while self._readings:
            transaction_id, reading = next(iter(self._readings.items()))
            if reading.at > before:
                break
            self._forget(transaction_id)

    def _forget(self, transaction_id: int) -> None:
        reading = self._readings.pop(transaction_id, None)
        if reading is None:
            return
        others = self._of_charge_point[reading.charge_point]
        others.discard(transaction_id)
        if not others:
            del self._of_charge_point[reading.charge_point]
