"""What the specification demands of a request of the central system beyond its schema."""

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from ocpp_actors.protocol.messages import (
    ChangeConfiguration,
    ChargingProfile,
    ChargingProfilePurposeType,
    GetCompositeSchedule,
    RemoteStartTransaction,
    RemoteStopTransaction,
    ReserveNow,
    SendLocalList,
    SetChargingProfile,
    UnlockConnector,
    UpdateType,
)
from ocpp_actors.protocol.messages import ChargingProfileKindType as Kind

AUTHORIZATION_KEY: Final = "authorizationkey"
"""The configuration key of the charge point's credentials, casefolded."""


def is_authorization_key(name: str) -> bool:
    """Whether this is the name of that key, in any letters; some charge points put up with blanks around it."""
    return name.strip().casefold() == AUTHORIZATION_KEY


@frozen
class Breach:
    """A rule that a request breaks: at which JSON pointer of its payload, and what the rule says."""

    path: str
    rule: str


def breach(request: object) -> Breach | None:
    """Return the first rule that a request breaks, None where it may be sent."""
    check = _CHECKS.get(type(request))
    return None if check is None else check(request)


def _remote_start(request: RemoteStartTransaction) -> Breach | None:
    if request.connector_id == 0:
        return Breach("/connectorId", "a transaction is started on a connector from 1 (OCPP 1.6 §6.33)")
    profile = request.charging_profile
    if profile is None:
        return None
    if profile.charging_profile_purpose is not ChargingProfilePurposeType.TX_PROFILE:
        return Breach(
            "/chargingProfile/chargingProfilePurpose", "only a TxProfile may be in it (OCPP 1.6 §5.11)"
        )
    if profile.transaction_id is not None:
        return Breach(
            "/chargingProfile/transactionId", "there is no transaction yet, so it is left out (errata 3.41)"
        )
    return _profile(profile, "/chargingProfile")


def _remote_stop(request: RemoteStopTransaction) -> Breach | None:
    if request.transaction_id <= 0:
        return Breach("/transactionId", "this central system gives ids from 1 (errata 3.54)")
    return None


def _set_charging_profile(request: SetChargingProfile) -> Breach | None:
    profile, at = request.cs_charging_profiles, "/csChargingProfiles"
    purpose = profile.charging_profile_purpose
    if purpose is ChargingProfilePurposeType.CHARGE_POINT_MAX_PROFILE and request.connector_id != 0:
        return Breach("/connectorId", "a ChargePointMaxProfile is for connector 0 (OCPP 1.6 §3.13.1)")
    if purpose is ChargingProfilePurposeType.TX_PROFILE:
        if request.connector_id == 0:
            return Breach("/connectorId", "a TxProfile is for a connector from 1 (OCPP 1.6 §3.13.1)")
        if profile.transaction_id is None:
            return Breach(
                f"{at}/transactionId", "a TxProfile names the transaction that it applies to (OCPP 1.6 §5.16)"
            )
    elif profile.transaction_id is not None:
        return Breach(f"{at}/transactionId", "only a TxProfile belongs to a transaction (OCPP 1.6 §7.8)")
    return _profile(profile, at)


def _profile(profile: ChargingProfile, at: str) -> Breach | None:
    if profile.stack_level < 0:
        return Breach(f"{at}/stackLevel", "it is 0 or more (OCPP 1.6 §7.8)")
    if profile.charging_profile_kind is Kind.RECURRING and profile.recurrency_kind is None:
        return Breach(f"{at}/recurrencyKind", "a Recurring profile says how often (OCPP 1.6 §7.8)")
    periods = profile.charging_schedule.charging_schedule_period
    if periods and periods[0].start_period != 0:
        path = f"{at}/chargingSchedule/chargingSchedulePeriod/0/startPeriod"
        return Breach(path, "the first period starts at 0 (OCPP 1.6 §7.14)")
    for index in range(1, len(periods)):
        if periods[index].start_period <= periods[index - 1].start_period:
            path = f"{at}/chargingSchedule/chargingSchedulePeriod/{index}/startPeriod"
            return Breach(path, "periods are in the order of their start (OCPP 1.6 §7.14)")
    if profile.valid_from and profile.valid_to and profile.valid_to <= profile.valid_from:
        return Breach(f"{at}/validTo", "it is after validFrom (OCPP 1.6 §7.8)")
    return None


def _unlock_connector(request: UnlockConnector) -> Breach | None:
    if request.connector_id == 0:
        return Breach("/connectorId", "a connector has a number from 1 (OCPP 1.6 §6.53)")
    return None


def _reserve_now(request: ReserveNow) -> Breach | None:
    if request.reservation_id <= 0:
        return Breach("/reservationId", "this central system gives ids from 1")
    return None


def _send_local_list(request: SendLocalList) -> Breach | None:
    if request.list_version <= 0:
        return Breach("/listVersion", "0 and -1 have another meaning (errata 3.52)")
    seen: set[str] = set()
    for index, entry in enumerate(request.local_authorization_list or []):
        at = f"/localAuthorizationList/{index}"
        if request.update_type is UpdateType.FULL and entry.id_tag_info is None:
            return Breach(f"{at}/idTagInfo", "only a Differential update removes an idTag (OCPP 1.6 §7.1)")
        if entry.id_tag.casefold() in seen:
            return Breach(f"{at}/idTag", "an idTag stands once in the list (OCPP 1.6 §5.15)")
        seen.add(entry.id_tag.casefold())
    return None


def _get_composite_schedule(request: GetCompositeSchedule) -> Breach | None:
    if request.duration < 0:
        return Breach("/duration", "it is in seconds from now, 0 or more (OCPP 1.6 §6.21)")
    return None


def _change_configuration(request: ChangeConfiguration) -> Breach | None:
    if is_authorization_key(request.key) and not 16 <= len(request.value) <= 40:
        return Breach(
            "/value", "an AuthorizationKey has 16 to 40 characters (security whitepaper, configuration keys)"
        )
    return None


_CHECKS: Final[dict[type, Callable[[Any], Breach | None]]] = {
    ChangeConfiguration: _change_configuration,
    GetCompositeSchedule: _get_composite_schedule,
    RemoteStartTransaction: _remote_start,
    RemoteStopTransaction: _remote_stop,
    ReserveNow: _reserve_now,
    SendLocalList: _send_local_list,
    SetChargingProfile: _set_charging_profile,
    UnlockConnector: _unlock_connector,
}
