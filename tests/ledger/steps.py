"""Requests in any order, out of few different values, for a ledger that is compared with another."""

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Any

import hypothesis.strategies as st
from tests.ledger.facts import command, later, meter_values, samples, security_event, start, stop

from ocpp_actors.ledger import port
from ocpp_actors.protocol.messages import AuthorizationStatus, RegistrationStatus

IDENTITIES = st.sampled_from(["CP-1", "cp-1", "CP-2"])
TAGS = st.sampled_from(["A", "a", "B", "b\0"])
MOMENTS = st.integers(0, 3).map(later)
KEYS = st.sampled_from([port.KeyHash(f"$sha256$salt${name}") for name in "abc"])
METERS = st.integers(0, 3)
VERSIONS = st.none() | st.integers(0, 2)
REFERENCES = st.integers(-2, 5)
"""The n-th id that the ledger gave; negative or too large: an id that it never gave."""
RESERVATIONS = st.integers(1, 3)
"""Every ledger gives the same ids, from 1 on."""
DATA = st.sampled_from([None, samples("1"), samples("2")])

Refer = Callable[[int], int]
Step = Callable[[Refer, Refer], object]
"""Makes a request out of the ids of transactions and of commands that this ledger gave."""


def fixed(request: object) -> Step:
    return lambda transactions, commands: request


def starts() -> st.SearchStrategy[Step]:
    return st.builds(
        lambda identity, connector, tag, meter, moment, reservation_id: fixed(
            start(
                identity,
                connector_id=connector,
                id_tag=tag,
                meter_start=meter,
                timestamp=moment,
                reservation_id=reservation_id,
            )
        ),
        IDENTITIES,
        st.integers(1, 2),
        TAGS,
        METERS,
        MOMENTS,
        st.none() | RESERVATIONS,
    )


def stops() -> st.SearchStrategy[Step]:
    def build(
        identity: str, reference: int, tag: str | None, meter: int, moment: datetime, reason: str, data: Any
    ) -> Step:
        return lambda transactions, commands: stop(
            transactions(reference),
            identity,
            id_tag=tag,
            meter_stop=meter,
            timestamp=moment,
            reason=reason,
            transaction_data=data,
        )

    reasons = st.sampled_from(["Local", "Remote"])
    return st.builds(build, IDENTITIES, REFERENCES, st.none() | TAGS, METERS, MOMENTS, reasons, DATA)


def guessed_and_real_stops() -> st.SearchStrategy[list[Step]]:
    """A transaction that a guess ends, and the real stop; what happens between and after is left to the others."""

    def build(number: int, tag: str, sent: int, meter: int, data: Any, other: Any) -> list[Step]:
        return [
            fixed(start("CP-1", id_tag=tag, meter_start=0, timestamp=later(number))),
            lambda transactions, commands: stop(
                transactions(sent), id_tag=tag, meter_stop=meter, transaction_data=data
            ),
            lambda transactions, commands: stop(
                transactions(0), id_tag=tag, meter_stop=meter + 1, transaction_data=other
            ),
        ]

    return st.builds(build, st.integers(0, 3), TAGS, st.integers(-2, 0), METERS, DATA, DATA)


def metering() -> st.SearchStrategy[Step]:
    def build(
        identity: str, reference: int | None, content: int, energy: float | None, moment: datetime | None
    ) -> Step:
        return lambda transactions, commands: meter_values(
            None if reference is None else transactions(reference),
            identity,
            content_hash=bytes([content]),
            energy_wh=energy,
            energy_at=moment,
        )

    return st.builds(
        build,
        IDENTITIES,
        st.none() | REFERENCES,
        st.integers(0, 5),
        st.none() | st.floats(0, 1e6, width=32),
        st.none() | MOMENTS,
    )


def metered_transactions() -> st.SearchStrategy[list[Step]]:
    """A transaction whose register is read several times, received in another order."""

    def build(tag: str, readings: list[tuple[int, datetime | None]]) -> list[Step]:
        begin = fixed(start("CP-2", id_tag=tag, meter_start=0))

        def reading(number: int, moment: datetime | None) -> Step:
            return lambda transactions, commands: meter_values(
                transactions(0),
                "CP-2",
                content_hash=f"{number} {moment}".encode(),
                energy_wh=float(number),
                energy_at=moment,
            )

        find: Step = lambda transactions, commands: port.FindTransaction(transactions(0))  # noqa: E731
        steps = [step for number, moment in readings for step in (reading(number, moment), find)]
        return [begin, *steps]

    readings = st.tuples(st.integers(1, 9), st.none() | MOMENTS)
    return st.builds(build, TAGS, st.lists(readings, min_size=1, max_size=3))


def command_steps() -> st.SearchStrategy[Step]:
    def sent(reference: int, moment: datetime) -> Step:
        return lambda transactions, commands: port.MarkCommandSent(commands(reference), "m", moment)

    def ended(
        reference: int, state: port.CommandState, detail: dict[str, Any] | None, moment: datetime
    ) -> Step:
        return lambda transactions, commands: port.EndCommand(commands(reference), state, detail, moment)

    def noted(
        identity: str,
        reference: int,
        state: port.CommandState,
        detail: dict[str, Any] | None,
        moment: datetime,
    ) -> Step:
        return lambda transactions, commands: port.NoteCommandEnded(
            identity, commands(reference), state, detail, moment
        )

    details = st.none() | st.just({"status": "Accepted"})
    outcomes = st.sampled_from([port.CommandState.ANSWERED, port.CommandState.EXPIRED])
    return st.one_of(
        st.builds(
            lambda identity, durable, key: fixed(command(identity, durable=durable, idempotency_key=key)),
            IDENTITIES,
            st.booleans(),
            st.sampled_from([None, "k", "K"]),
        ),
        IDENTITIES.map(
            lambda identity: fixed(
                command(identity, "ChangeConfiguration", {"key": "AuthorizationKey", "value": "secret"})
            )
        ),
        st.builds(sent, REFERENCES, MOMENTS),
        st.builds(ended, REFERENCES, outcomes, details, MOMENTS),
        st.builds(noted, IDENTITIES, REFERENCES, outcomes, details, MOMENTS),
        MOMENTS.map(lambda moment: fixed(port.AbandonSentCommands(moment))),
    )


def charge_point_steps() -> st.SearchStrategy[Step]:
    connectors = st.builds(
        lambda number, status, error_code, moment: port.Connector(
            number, status, error_code, None, None, None, None, moment
        ),
        st.integers(0, 1),
        st.sampled_from(["Available", "Charging", "Faulted"]),
        st.sampled_from(["NoError", "NoError", "WeakSignal"]),
        MOMENTS,
    )
    notes = st.one_of(
        st.builds(port.NoteSeen, IDENTITIES, MOMENTS),
        st.builds(port.NoteBoot, IDENTITIES, MOMENTS),
        st.builds(port.NoteConnector, IDENTITIES, connectors),
        st.builds(port.NoteProgress, IDENTITIES, st.just("log"), st.sampled_from("XY"), st.none(), MOMENTS),
    )
    requests = st.one_of(
        st.builds(port.AdmitChargePoint, IDENTITIES, MOMENTS),
        st.builds(
            port.RecordBoot,
            IDENTITIES,
            st.sampled_from(RegistrationStatus),
            st.sampled_from(
                [{"chargePointModel": "M\0%"}, {"chargePointVendor": "ß_", "firmwareVersion": 1}]
            ),
            MOMENTS,
        ),
        st.builds(port.SetRegistration, IDENTITIES, st.sampled_from(RegistrationStatus)),
        st.builds(
            port.SetChargePointSettings, IDENTITIES, st.builds(port.ChargePointSettings, st.booleans())
        ),
        st.builds(port.SetKey, IDENTITIES, st.none() | KEYS, st.lists(KEYS, max_size=2).map(tuple)),
        st.builds(port.SetNextKeys, IDENTITIES, st.lists(KEYS, max_size=3).map(tuple)),
        st.builds(
            port.PutChargePoint,
            IDENTITIES,
            st.none() | st.sampled_from(RegistrationStatus),
            st.builds(port.ChargePointSettings, st.booleans()),
            MOMENTS,
            VERSIONS,
        ),
        st.builds(port.RemoveChargePoint, IDENTITIES, MOMENTS, VERSIONS),
        st.builds(port.RecordMisbehaviour, IDENTITIES, st.just(({"kind": "drop"},))),
        st.just(port.CountAll()),
        notes,
        st.builds(port.Notes, st.lists(notes, min_size=1, max_size=4, unique_by=_apart).map(tuple)),
    )
    return made_by_operators(requests).map(fixed)


def _apart(note: port.Note) -> tuple[object, ...]:
    """Of a boot and a sign of life of one charge point, either may be its first."""
    kind = port.NoteSeen if isinstance(note, port.NoteBoot) else type(note)
    return (kind, note.identity.casefold(), *note.key[2:])


def made_by_operators(requests: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Let operators make some of the requests."""

    def make(request: Any, operator: str | None, moment: datetime) -> Any:
        if operator is None or isinstance(request, port.Note | port.Notes):
            return request
        return port.ByOperator(request, operator, moment)

    return st.builds(make, requests, st.sampled_from([None, None, "ann", "bob\0"]), MOMENTS)


def id_tag_steps() -> st.SearchStrategy[Step]:
    tags = st.builds(
        port.IdTag,
        TAGS,
        st.sampled_from(AuthorizationStatus),
        st.none() | MOMENTS,
        st.none() | TAGS,
        st.none() | st.integers(0, 2),
    )
    requests = st.one_of(
        st.builds(port.PutIdTag, tags, VERSIONS),
        st.builds(port.RemoveIdTag, TAGS, VERSIONS),
        st.builds(port.FindIdTag, TAGS),
    )
    return made_by_operators(requests).map(fixed)


def reservation_steps() -> st.SearchStrategy[Step]:
    states = st.sampled_from(port.ReservationState)
    requests = st.one_of(
        st.builds(
            port.AddReservation,
            IDENTITIES,
            st.integers(0, 1),
            TAGS,
            st.none() | TAGS,
            MOMENTS,
            MOMENTS,
            st.none() | RESERVATIONS,
            st.just(port.ReservationState.REQUESTED) | states,
        ),
        st.builds(port.SetReservationState, IDENTITIES, RESERVATIONS, states, MOMENTS),
        st.builds(port.ExpireReservations, MOMENTS),
        st.builds(port.FindReservation, RESERVATIONS),
    )
    return requests.map(fixed)


def configuration_steps() -> st.SearchStrategy[Step]:
    names = st.sampled_from(["K", "k", "L", "M\0"])
    keys = st.builds(
        port.ConfigurationKey,
        names,
        st.none() | st.sampled_from(["1", "2\0"]),
        st.none() | st.booleans(),
        st.booleans(),
        MOMENTS,
    )
    return st.builds(
        port.RecordConfiguration,
        IDENTITIES,
        st.lists(keys, max_size=4).map(tuple),
        st.lists(names, max_size=2).map(tuple),
        st.booleans(),
    ).map(fixed)


def local_list_steps() -> st.SearchStrategy[Step]:
    entries = st.builds(
        lambda tag, info: {"idTag": tag} | ({} if info is None else {"idTagInfo": {"status": info}}),
        TAGS,
        st.none() | st.sampled_from(["Accepted", "Blocked"]),
    )
    versions = st.integers(-1, 2)
    requests = st.one_of(
        st.builds(
            port.RecordLocalList,
            IDENTITIES,
            versions,
            st.booleans(),
            st.lists(entries, max_size=3).map(tuple),
            MOMENTS,
        ),
        st.builds(port.RecordLocalListVersion, IDENTITIES, versions, MOMENTS),
        st.builds(port.FindLocalList, IDENTITIES),
    )
    return requests.map(fixed)


def profile(number: int, stack_level: int, purpose: str, transaction_id: int | None) -> dict[str, Any]:
    content = {"chargingProfileId": number, "stackLevel": stack_level, "chargingProfilePurpose": purpose}
    return content if transaction_id is None else content | {"transactionId": transaction_id}


PURPOSES = st.sampled_from(["TxDefaultProfile", "TxProfile"])


def profile_steps() -> st.SearchStrategy[Step]:
    def install(
        identity: str, connector: int, level: int, purpose: str, reference: int | None, number: int
    ) -> Step:
        return lambda transactions, commands: port.RecordInstalledProfile(
            port.InstalledProfile(
                identity,
                connector,
                profile(number, level, purpose, None if reference is None else transactions(reference)),
                later(number),
            )
        )

    names = st.sampled_from(["n", "N", "o\0"])
    versions = st.none() | st.integers(0, 2)
    requests = st.one_of(
        st.builds(
            port.PutNamedProfile,
            names,
            st.builds(profile, *[st.integers(0, 1)] * 2, PURPOSES, st.none()),
            versions,
        ),
        st.builds(port.RemoveNamedProfile, names, versions),
        st.builds(port.FindNamedProfile, names),
        st.builds(
            port.RecordClearedProfiles,
            IDENTITIES,
            st.none() | st.integers(1, 3),
            st.none() | st.integers(0, 2),
            st.none() | PURPOSES,
            st.none() | st.integers(0, 1),
        ),
    )
    installs = st.builds(
        install,
        IDENTITIES,
        st.integers(0, 2),
        st.integers(0, 1),
        PURPOSES,
        st.none() | REFERENCES,
        st.integers(1, 3),
    )
    return st.one_of(requests.map(fixed), installs, installs)


ONE_STEP = st.one_of(
    starts(),
    stops(),
    metering(),
    command_steps(),
    charge_point_steps(),
    id_tag_steps(),
    reservation_steps(),
    configuration_steps(),
    local_list_steps(),
    profile_steps(),
    IDENTITIES.map(lambda identity: fixed(security_event(identity))),
)
STEPS = st.lists(
    st.one_of(ONE_STEP.map(lambda step: [step]), guessed_and_real_stops(), metered_transactions()),
    min_size=5,
    max_size=20,
).map(lambda groups: list(chain.from_iterable(groups)))
