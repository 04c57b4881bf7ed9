"""What a profile says, once it has been read."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import field, frozen

from ocpp_actors.testbench.links.schedule import Schedule
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.tls import ClientTls

ChargerKind = Literal["simulated", "microocpp", "attached"]
RestartKind = Literal["kill", "gracefully"]
FrameLogs = Literal["all", "off"]

Activity = Literal["none", "charging"]

NO_ACTIVITY: Final = "none"
"""What a group of chargers does by itself where scenarios are run on it: nothing."""


class ProfileError(Exception):
    """A profile that cannot be used. The message is one line: which file, which key, and what is allowed."""


@frozen(kw_only=True)
class Chargers:
    """A group of like chargers.

    Scenarios that need a charger are run on each of a group without an activity. ``reconnect_interval`` is what each
    outage may take: the seconds until a charger tries again. ``boot_within`` are the seconds that the whole group has
    until each was accepted. An activity lets vehicles charge and pauses between them for a time between two bounds.
    ``faults``: those of the profile are for this group, too.

    Attached ones run already: ``api`` are the addresses of simulators, ``identities`` those of chargers that will
    connect to ``listen``; ``features`` is what the latter support, and ``hands``: a person at the terminal plugs, taps
    and switches them.
    """

    kind: ChargerKind
    count: int
    connectors: int
    quirks: tuple[str, ...]
    activity: Activity
    charges_for: tuple[float, float]
    pauses_for: tuple[float, float]
    reconnect_interval: float
    boot_within: float
    faults: bool
    configuration: Mapping[str, bool | int | str] = field(factory=dict)
    api: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    listen: str = "127.0.0.1:0"
    features: frozenset[Feature] = frozenset()
    hands: bool = False


@frozen(kw_only=True)
class ScenarioChoice:
    """Which scenarios run: patterns of names, groups and cases, and in how many lanes those without a charger."""

    run: tuple[str, ...]
    skip: tuple[str, ...]
    lanes: int


@frozen(kw_only=True)
class CentralSystem:
    """The central system under test: a process of the session's own, or one that runs somewhere.

    ``foreign`` and ``anywhere`` say in so many words that a central system may be tested that is not the session's
    own, and that it may be beyond this machine; ``foreign_storage`` that the own server may use a database, a message
    log or an address that the profile names.
    """

    url: str | None
    foreign: bool
    anywhere: bool
    foreign_storage: bool
    api_url: str | None
    api_token_file: str | None
    id_tags: Mapping[str, str]
    tls: ClientTls = field(factory=ClientTls)
    """What its chargers speak TLS with, where ``url`` begins with ``wss``."""


@frozen(kw_only=True)
class Restart:
    """The server ends ``at`` seconds after the chargers are up, and is started again ``down`` seconds later."""

    at: float
    how: RestartKind
    down: float
    back_within: float


@frozen(kw_only=True)
class Misbehaviour:
    """The server breaks answers to these chargers, to all where none is named; ``rule`` is in the words of its API."""

    chargers: tuple[str, ...]
    rule: Mapping[str, Any]


@frozen(kw_only=True)
class ActionLimits:
    """Seconds in which the central system has to answer one action; None: no limit."""

    response_time_p99: float | None = None
    response_time_max: float | None = None


@frozen(kw_only=True)
class Limits:
    """What has to hold in the end; None: it is measured only.

    ``restarts`` counts ends of the server that nobody asked for, and restarts of task trees that its metrics tell.
    """

    response_time_p99: float | None
    response_time_max: float | None
    actions: Mapping[str, ActionLimits]
    connection_stability: float | None
    verdict_accuracy: float | None
    restarts: int | None
    lost_transactions: int | None
    doubled_transactions: int | None


@frozen(kw_only=True)
class Profile:
    """One session, as it is to be. Durations are in seconds.

    Activities, faults and restarts go on for ``duration``, at least until all scenarios have ended; ``deadline`` ends
    the session whatever happens. In ``faults`` and ``misbehaviour`` chargers are named ``C1``, ``C2``, … in the order
    of their groups.
    """

    name: str
    title: str
    description: str
    seed: int
    duration: float
    deadline: float
    frame_logs: FrameLogs
    chargers: tuple[Chargers, ...]
    faults: Schedule
    scenarios: ScenarioChoice
    server: Mapping[str, Any]
    central_system: CentralSystem
    restarts: tuple[Restart, ...]
    misbehaviour: tuple[Misbehaviour, ...]
    limits: Limits
