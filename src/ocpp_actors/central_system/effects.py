"""What an answered request of the central system changes, as facts for the ledger."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from ocpp_actors.central_system.rules import is_authorization_key
from ocpp_actors.certificates.chains import UnusableChain, read_chain
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import (
    AddReservation,
    CommandState,
    ConfigurationKey,
    InstalledProfile,
    KeyHash,
    RecordCertificateAnswer,
    RecordClearedProfiles,
    RecordConfiguration,
    RecordInstalledProfile,
    RecordLocalList,
    RecordLocalListVersion,
    Request,
    ReservationState,
    SetKey,
    SetNextKeys,
    SetReservationState,
)
from ocpp_actors.protocol import timestamps
from ocpp_actors.protocol.messages import (
    CancelReservationStatus,
    CertificateSignedStatus,
    ChargingProfileStatus,
    ClearChargingProfileStatus,
    ConfigurationStatus,
    ReservationStatus,
    UpdateStatus,
    UpdateType,
)


@frozen
class Exchange:
    """A request that was sent, with its payload, and how it ended: ``response`` is its valid answer, if one came.

    ``key`` is the hash of the AuthorizationKey that was sent, if one was; ``former_next_keys`` are those that were sent
    before, and of which is still not known whether the charge point uses one.
    """

    identity: str
    action: str
    payload: Mapping[str, Any]
    state: CommandState
    response: Any
    at: datetime
    key: KeyHash | None = None
    former_next_keys: tuple[KeyHash, ...] = ()


def effects(exchange: Exchange) -> list[Request[Any]]:
    """Return what is to be recorded of an exchange."""
    effect = _EFFECTS.get(exchange.action)
    if effect is None or (exchange.state is not CommandState.ANSWERED and effect not in _WHATEVER_CAME):
        return []
    return effect(exchange)


def _certificate_signed(exchange: Exchange) -> list[Request[Any]]:
    """Keep whether a certificate was taken (A02, A03). One that an operator made elsewhere is not known."""
    try:
        chain = read_chain(exchange.payload["certificateChain"])
    except UnusableChain:
        return []
    accepted = exchange.response.status == CertificateSignedStatus.ACCEPTED
    return [RecordCertificateAnswer(exchange.identity, chain.fingerprint, accepted, exchange.at)]


def _change_configuration(exchange: Exchange) -> list[Request[Any]]:
    """Keep the value that was set, and which AuthorizationKey is right."""
    status = exchange.response.status if exchange.state is CommandState.ANSWERED else None
    facts: list[Request[Any]] = []
    if status in (ConfigurationStatus.ACCEPTED, ConfigurationStatus.REBOOT_REQUIRED):
        key, value = exchange.payload["key"], exchange.payload["value"]
        seen = ConfigurationKey(
            key=key,
            value=_without_secrets(key, value),
            readonly=None,
            reboot_required=status == ConfigurationStatus.REBOOT_REQUIRED,
            seen_at=exchange.at,
        )
        facts.append(RecordConfiguration(exchange.identity, (seen,)))
    if exchange.key is not None:
        facts.append(_right_key(exchange, status))
    return facts


def _right_key(exchange: Exchange, status: str | None) -> Request[Any]:
    """A new AuthorizationKey takes the place of the old one (A01.FR.03), or does not (A01.FR.04).

    After RebootRequired both are right until the charge point uses the new one, also where an operator has set another
    old one meanwhile; those that were sent before were overwritten in the charge point. If nothing is known, they were
    perhaps not, and are right as well.
    """
    assert exchange.key is not None
    match status:
        case ConfigurationStatus.ACCEPTED:
            return SetKey(exchange.identity, exchange.key)
        case ConfigurationStatus.REJECTED | ConfigurationStatus.NOT_SUPPORTED:
            return SetNextKeys(exchange.identity, exchange.former_next_keys)
        case ConfigurationStatus.REBOOT_REQUIRED:
            return SetNextKeys(exchange.identity, (exchange.key,))
        case _:
            return SetNextKeys(exchange.identity, (*exchange.former_next_keys, exchange.key))


def _get_configuration(exchange: Exchange) -> list[Request[Any]]:
    keys = tuple(
        ConfigurationKey(
            key=each.key,
            value=_without_secrets(each.key, each.value),
            readonly=each.readonly,
            reboot_required=False,
            seen_at=exchange.at,
        )
        for each in exchange.response.configuration_key or ()
    )
    unknown = tuple(exchange.response.unknown_key or ())
    complete = not exchange.payload.get("key")
    return [RecordConfiguration(exchange.identity, keys, unknown, complete=complete)]


def _without_secrets(key: str, value: str | None) -> str | None:
    """Return what is kept of a value: of the AuthorizationKey nothing, of a URL all but its password."""
    return None if is_authorization_key(key) else mask_document({"value": value})["value"]


def _reserve_now(exchange: Exchange) -> list[Request[Any]]:
    """Keep what became of a reservation: one that may or may not have been taken is Unknown."""
    if exchange.state is CommandState.ANSWERED:
        state = _RESERVATION_STATES.get(exchange.response.status, ReservationState.UNKNOWN)
    elif exchange.state is CommandState.CALL_ERROR:
        state = ReservationState.REJECTED
    else:
        state = ReservationState.UNKNOWN
    payload = exchange.payload
    return [
        AddReservation(
            identity=exchange.identity,
            connector_id=payload["connectorId"],
            id_tag=payload["idTag"],
            parent_id_tag=payload.get("parentIdTag"),
            expiry_date=timestamps.read(payload["expiryDate"]),
            at=exchange.at,
            reservation_id=payload["reservationId"],
            state=state,
        )
    ]


def _cancel_reservation(exchange: Exchange) -> list[Request[Any]]:
    if exchange.response.status != CancelReservationStatus.ACCEPTED:
        return []
    return [
        SetReservationState(
            exchange.identity, exchange.payload["reservationId"], ReservationState.CANCELLED, exchange.at
        )
    ]


def _send_local_list(exchange: Exchange) -> list[Request[Any]]:
    if exchange.response.status != UpdateStatus.ACCEPTED:
        return []
    return [
        RecordLocalList(
            identity=exchange.identity,
            version=exchange.payload["listVersion"],
            full=exchange.payload["updateType"] == UpdateType.FULL,
            entries=tuple(exchange.payload.get("localAuthorizationList", ())),
            at=exchange.at,
        )
    ]


def _get_local_list_version(exchange: Exchange) -> list[Request[Any]]:
    return [RecordLocalListVersion(exchange.identity, exchange.response.list_version, exchange.at)]


def _set_charging_profile(exchange: Exchange) -> list[Request[Any]]:
    if exchange.response.status != ChargingProfileStatus.ACCEPTED:
        return []
    installed = InstalledProfile(
        identity=exchange.identity,
        connector_id=exchange.payload["connectorId"],
        profile=exchange.payload["csChargingProfiles"],
        installed_at=exchange.at,
    )
    return [RecordInstalledProfile(installed)]


def _clear_charging_profile(exchange: Exchange) -> list[Request[Any]]:
    """Forget what was cleared; Unknown says that there was nothing of the kind, which is the same."""
    if exchange.response.status not in tuple(ClearChargingProfileStatus):
        return []
    return [
        RecordClearedProfiles(
            identity=exchange.identity,
            profile_id=exchange.payload.get("id"),
            connector_id=exchange.payload.get("connectorId"),
            purpose=exchange.payload.get("chargingProfilePurpose"),
            stack_level=exchange.payload.get("stackLevel"),
        )
    ]


_RESERVATION_STATES: Final = {status.value: ReservationState(status.value) for status in ReservationStatus}

_WHATEVER_CAME: Final = (_change_configuration, _reserve_now)
"""Effects of exchanges that had no valid answer, too."""

_EFFECTS: Final[dict[str, Callable[[Exchange], list[Request[Any]]]]] = {
    "CancelReservation": _cancel_reservation,
    "CertificateSigned": _certificate_signed,
    "ChangeConfiguration": _change_configuration,
    "ClearChargingProfile": _clear_charging_profile,
    "GetConfiguration": _get_configuration,
    "GetLocalListVersion": _get_local_list_version,
    "ReserveNow": _reserve_now,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_charging_profile,
}
