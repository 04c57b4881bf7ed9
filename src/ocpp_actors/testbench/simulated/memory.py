"""What a charge point keeps when its power is cut, and what stands before it that no power cut changes."""

from collections import deque
from datetime import datetime

from attrs import AttrsInstance, define, field, frozen

from ocpp_actors.protocol.messages import (
    ChargePointErrorCode,
    IdTagInfo,
    MeterValue,
    Reason,
)
from ocpp_actors.testbench.simulated.authorization import Cache
from ocpp_actors.testbench.simulated.certificates import Certificates, OwnCertificate
from ocpp_actors.testbench.simulated.configuration import Configuration
from ocpp_actors.testbench.simulated.connector import NO_ERROR
from ocpp_actors.testbench.simulated.local_list import LocalList
from ocpp_actors.testbench.simulated.meter import CAR, LoadCurve, Meter
from ocpp_actors.testbench.simulated.reservations import Reservations
from ocpp_actors.testbench.simulated.smart_charging import Profiles, Usage

CERTIFICATES = 3
"""The security profile in which a charge point shows a certificate of its own."""

MAX_QUEUED = 1000
"""Transaction-related messages that wait; beyond it, meter values are not kept, starts and stops are."""


@define(eq=False)
class Transaction:
    """One transaction. ``transaction_id`` comes with the answer to StartTransaction."""

    connector_id: int
    id_tag: str
    meter_start: int
    started_at: datetime
    info: IdTagInfo | None = None
    """What was known of the idTag when it began."""
    transaction_id: int | None = None
    refused: bool = False
    """Its StartTransaction was given up: nothing of it can be reported any more (§3.7.1)."""
    data: list[MeterValue] = field(factory=list)
    """For the transactionData of StopTransaction."""
    seen_at: datetime | None = None
    """When it was last seen running; that is when it ended if the power is cut."""

    @property
    def usage(self) -> Usage:
        """What charging profiles ask for."""
        return Usage(self.started_at, self.transaction_id)


@define(eq=False)
class Message:
    """A transaction-related message that waits to be sent (§3.7). ``attempts`` failed so far."""

    order: int
    request: AttrsInstance
    transaction: Transaction | None
    attempts: int = 0
    not_before: float = 0.0


@frozen
class Credentials:
    """What a charge point proves who it is with: its key, or with security profile 3 its certificate."""

    profile: int
    key: str = field(default="", repr=False)
    certificate: OwnCertificate | None = None


@define(eq=False)
class Memory:
    """The non-volatile memory of a charge point."""

    configuration: Configuration
    firmware: str = "1.0.0"
    local_list: LocalList = field(factory=LocalList)
    cache: Cache = field(factory=Cache)
    reservations: Reservations = field(factory=Reservations)
    profiles: Profiles = field(factory=Profiles)
    certificates: Certificates = field(factory=Certificates)
    former: Credentials | None = None
    """Those that worked last, while the present ones have not worked yet."""
    inoperative: set[int] = field(factory=set)
    """Connectors that ChangeAvailability made inoperative, 0 for the charge point; they stay so (§5.2)."""
    queue: deque[Message] = field(factory=deque)
    running: dict[int, Transaction] = field(factory=dict)
    """By connector."""
    stop_reason: Reason = Reason.POWER_LOSS
    """Why those that run have ended when it starts again."""
    after_boot: list[AttrsInstance] = field(factory=list)
    """What it has to tell once it is accepted again."""
    accepted_once: bool = False
    """A central system has accepted it, so it may charge offline (§4.2.1)."""
    counter: int = 0

    def wiped(self) -> "Memory":
        """Return it as it was at first, but for what makes it this charge point; no number is given again."""
        return Memory(
            self.configuration,
            firmware=self.firmware,
            certificates=self.certificates,
            former=self.former,
            accepted_once=self.accepted_once,
            counter=self.counter,
        )

    @property
    def credentials(self) -> Credentials:
        """The present credentials."""
        profile = self.configuration.number("SecurityProfile")
        if profile == CERTIFICATES:
            return Credentials(profile, certificate=self.certificates.own)
        return Credentials(profile, key=self.configuration.text("AuthorizationKey"))

    def use(self, credentials: Credentials) -> None:
        """Make these the present ones."""
        self.configuration.restore("SecurityProfile", str(credentials.profile))
        if credentials.profile == CERTIFICATES:
            self.certificates.own = credentials.certificate
        else:
            self.configuration.restore("AuthorizationKey", credentials.key)

    def next_number(self) -> int:
        """Return a number that it never gave before."""
        self.counter += 1
        return self.counter


@define(eq=False)
class Outlet:
    """The hardware of one connector: the meter, and the vehicle at the end of the cable."""

    meter: Meter = field(factory=Meter)
    curve: LoadCurve = CAR
    """What the vehicle that is plugged in next will take."""
    plugged: bool = False
    error: ChargePointErrorCode = NO_ERROR
