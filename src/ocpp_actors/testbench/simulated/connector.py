"""A connector as a state machine of its nine statuses (OCPP 1.6 §4.9, §7.7), without time and without I/O.

What is so is kept as facts; the status follows from them. Every event takes a connector and returns the next.
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from ocpp_actors.protocol.messages import ChargePointErrorCode, ChargePointStatus

_S = ChargePointStatus
NO_ERROR: Final = ChargePointErrorCode.NO_ERROR

TRANSITIONS: Final[Mapping[ChargePointStatus, frozenset[ChargePointStatus]]] = {
    _S.AVAILABLE: frozenset(_S) - {_S.AVAILABLE, _S.FINISHING},
    _S.PREPARING: frozenset(_S) - {_S.PREPARING, _S.RESERVED, _S.UNAVAILABLE},
    _S.CHARGING: frozenset(_S) - {_S.CHARGING, _S.PREPARING, _S.RESERVED},
    _S.SUSPENDED_EV: frozenset(_S) - {_S.SUSPENDED_EV, _S.PREPARING, _S.RESERVED},
    _S.SUSPENDED_EVSE: frozenset(_S) - {_S.SUSPENDED_EVSE, _S.PREPARING, _S.RESERVED},
    _S.FINISHING: frozenset({_S.AVAILABLE, _S.PREPARING, _S.UNAVAILABLE, _S.FAULTED}),
    _S.RESERVED: frozenset({_S.AVAILABLE, _S.PREPARING, _S.UNAVAILABLE, _S.FAULTED}),
    _S.UNAVAILABLE: frozenset(_S) - {_S.UNAVAILABLE, _S.FINISHING, _S.RESERVED},
    _S.FAULTED: frozenset(_S) - {_S.FAULTED},
}
"""Which status may follow which (§4.9, the table of transitions)."""


@frozen
class Connector:
    """One connector. Its defaults are those of one that is free."""

    plugged: bool = False
    """A vehicle's cable is in."""
    draws: bool = True
    """The vehicle takes what is offered."""
    offers: bool = True
    """The charge point offers energy."""
    authorized: bool = False
    """An idTag was accepted, and no transaction has begun with it."""
    charging: bool = False
    """A transaction runs."""
    finished: bool = False
    """The usage is over, but the cable is still in."""
    reserved: bool = False
    operative: bool = True
    leaving: bool = False
    """It becomes inoperative when its usage is over."""
    error: ChargePointErrorCode = NO_ERROR

    @property
    def status(self) -> ChargePointStatus:
        """The status that it has to report."""
        if self.error is not NO_ERROR:
            return _S.FAULTED
        if self.charging:
            if not self.offers:
                return _S.SUSPENDED_EVSE  # it has precedence over SuspendedEV
            return _S.CHARGING if self.plugged and self.draws else _S.SUSPENDED_EV
        if self.finished:
            return _S.FINISHING
        if not self.operative:
            return _S.UNAVAILABLE
        if self.authorized:
            return _S.PREPARING
        if self.reserved:
            return _S.RESERVED
        return _S.PREPARING if self.plugged else _S.AVAILABLE

    @property
    def in_use(self) -> bool:
        """Whether somebody uses it: what would be its status without an error is one of the five of an occupied one."""
        return self.charging or self.finished or (self.operative and (self.authorized or self.plugged))

    @property
    def free(self) -> bool:
        """Whether somebody could begin to use it."""
        return self.status is _S.AVAILABLE

    @property
    def ready(self) -> bool:
        """Whether a transaction can begin as soon as an idTag is accepted."""
        return self.plugged and self.operative and not self.charging and self.error is NO_ERROR

    # --- the vehicle -------------------------------------------------------------------------------------------

    def plugged_in(self) -> "Connector":
        """A vehicle is connected (A2), in a transaction again (D3)."""
        return evolve(self, plugged=True, draws=True)

    def unplugged(self) -> "Connector":
        """The cable is out: all user actions are completed (B1, F1, F8)."""
        return self._over(evolve(self, plugged=False, finished=False))

    def drawing(self, draws: bool) -> "Connector":
        """The vehicle begins or ceases to take energy (C4, D3)."""
        return evolve(self, draws=draws)

    def offering(self, offers: bool) -> "Connector":
        """The charge point begins or ceases to offer energy (C5, E3)."""
        return evolve(self, offers=offers)

    # --- the usage ---------------------------------------------------------------------------------------------

    def accepted(self) -> "Connector":
        """An idTag was accepted (A2, F2, G2)."""
        return evolve(self, authorized=True, finished=False, reserved=False)

    def given_up(self) -> "Connector":
        """The usage ends before it began: the idTag was presented again, or the time for it is over (B1, B6)."""
        return self._over(evolve(self, authorized=False, finished=self.plugged))

    def started(self) -> "Connector":
        """A transaction begins (B3)."""
        return evolve(
            self, authorized=False, finished=False, charging=True, reserved=False, offers=True, draws=True
        )

    def stopped(self) -> "Connector":
        """The transaction ends (C1, C6, C8)."""
        return evolve(self, charging=False, finished=self.plugged, offers=True, draws=True).settled()

    # --- the operator ------------------------------------------------------------------------------------------

    def reserve(self, reserved: bool) -> "Connector":
        """A reservation of it begins or ends (A7, G1)."""
        return evolve(self, reserved=reserved)

    def made_operative(self) -> "Connector":
        """It may be used from now on (H1 to H5)."""
        return evolve(self, operative=True, leaving=False)

    def made_inoperative(self) -> "Connector":
        """It may not be used any more, as soon as nobody does (A8, C8, F8, G8)."""
        return evolve(self, leaving=True).settled()

    def _over(self, following: "Connector") -> "Connector":
        """From Preparing no step leads to Unavailable: Available comes in between."""
        return following if self.status is _S.PREPARING else following.settled()

    def settled(self) -> "Connector":
        """What was put off until the usage is over happens."""
        if self.leaving and not self.in_use:
            return evolve(self, operative=False, leaving=False, reserved=False)
        return self

    def failed(self, error: ChargePointErrorCode) -> "Connector":
        """An error prevents charging (A9 to H9); it ends a reservation (§5.13)."""
        return evolve(self, error=error, reserved=False)

    def repaired(self) -> "Connector":
        """The error is over, and the status before it is back (I1 to I8)."""
        return evolve(self, error=NO_ERROR)
