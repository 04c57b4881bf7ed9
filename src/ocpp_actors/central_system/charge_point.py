"""A charge point as the central system knows it while it runs: its record and what was asked of it."""

from attrs import define, field

from ocpp_actors.ledger.port import ChargePointRecord
from ocpp_actors.protocol.messages import RegistrationStatus


@define(eq=False)
class ChargePoint:
    """What is known of one charge point, in memory, for as long as the server runs.

    ``triggered`` holds the actions that the central system asked for with TriggerMessage and that did not come yet:
    they are let through while the charge point is Pending (OCPP 1.6 §4.2). The value tells whether one is asked for
    every connector, so that several will come (§5.17).
    """

    record: ChargePointRecord
    first_boot: RegistrationStatus = RegistrationStatus.ACCEPTED
    """What it is taken for until it has booted here."""
    triggered: dict[str, bool] = field(factory=dict)
    boot_requested: bool = False
    """A BootNotification was asked for, because the charge point spoke without ever having booted."""

    @property
    def identity(self) -> str:
        """The identity in the letters of its first connection."""
        return self.record.identity

    @property
    def registration(self) -> RegistrationStatus:
        """What its last BootNotification was answered with, or what the first would be."""
        return self.record.registration or self.first_boot

    @property
    def lenient(self) -> bool:
        """Whether the faults of its messages are put up with where they can be."""
        return self.record.settings.lenient
