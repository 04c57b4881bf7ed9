"""The commands about reservations, local lists and charging profiles.

OCPP 1.6 §5.1, §5.5, §5.7, §5.10, §5.13, §5.15, §5.16.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import AttrsInstance

from ocpp_actors.protocol.messages import (
    CancelReservation,
    CancelReservationResponse,
    CancelReservationStatus,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ClearChargingProfile,
    ClearChargingProfileResponse,
    ClearChargingProfileStatus,
    GetCompositeSchedule,
    GetCompositeScheduleResponse,
    GetCompositeScheduleStatus,
    GetLocalListVersion,
    GetLocalListVersionResponse,
    ReservationStatus,
    ReserveNow,
    ReserveNowResponse,
    SendLocalList,
    SendLocalListResponse,
    SetChargingProfile,
    SetChargingProfileResponse,
    UpdateStatus,
)
from ocpp_actors.testbench.simulated.controller import Controller
from ocpp_actors.testbench.simulated.smart_charging import Usage, refusal

NOT_SUPPORTED: Final = -1
"""The version of a list that is switched off (§5.10)."""


def reserve_now(controller: Controller, request: ReserveNow) -> ReserveNowResponse:
    """Reserve a connector, or with 0 any (§5.13)."""
    reservations = controller.memory.reservations
    former = next((each for each in reservations if each.reservation_id == request.reservation_id), None)
    status = reservations.reserve(request, controller.places.statuses, controller.now())
    if status is ReservationStatus.ACCEPTED:

        def show() -> None:
            if former is not None and former.connector_id != request.connector_id:
                controller.floor.released(former.connector_id)
            if request.connector_id:
                place = controller.places[request.connector_id]
                controller.places.change(place, place.state.reserve(True))
            controller.floor.watch_reservations()

        controller.afterwards(show)
    return ReserveNowResponse(status=status)


def cancel_reservation(controller: Controller, request: CancelReservation) -> CancelReservationResponse:
    """Cancel a reservation, if there is one with this id (§5.1)."""
    cancelled = controller.memory.reservations.cancel(request.reservation_id)
    if cancelled is None:
        return CancelReservationResponse(status=CancelReservationStatus.REJECTED)
    controller.afterwards(partial(controller.floor.released, cancelled.connector_id))
    controller.floor.watch_reservations()
    return CancelReservationResponse(status=CancelReservationStatus.ACCEPTED)


def get_local_list_version(
    controller: Controller, _request: GetLocalListVersion
) -> GetLocalListVersionResponse:
    """Return the version of the list; 0: it is empty, -1: it is switched off (§5.10)."""
    enabled = controller.memory.configuration.flag("LocalAuthListEnabled")
    version = controller.memory.local_list.version if enabled else NOT_SUPPORTED
    return GetLocalListVersionResponse(list_version=version)


def send_local_list(controller: Controller, request: SendLocalList) -> SendLocalListResponse:
    """Replace or change the list (§5.15)."""
    memory = controller.memory
    if not memory.configuration.flag("LocalAuthListEnabled"):
        return SendLocalListResponse(status=UpdateStatus.NOT_SUPPORTED)
    status, memory.local_list = memory.local_list.updated(request)
    return SendLocalListResponse(status=status)


def set_charging_profile(controller: Controller, request: SetChargingProfile) -> SetChargingProfileResponse:
    """Install a charging profile (§5.16)."""
    places, profiles = controller.places, controller.memory.profiles
    number, profile = request.connector_id, request.cs_charging_profiles
    usage = None
    if number in places and (transaction := places[number].transaction) is not None:
        usage = transaction.usage
    if refusal(number, profile, len(places), usage) is not None or not profiles.install(number, profile):
        return SetChargingProfileResponse(status=ChargingProfileStatus.REJECTED)
    controller.afterwards(controller.metering.regulate)
    return SetChargingProfileResponse(status=ChargingProfileStatus.ACCEPTED)


def clear_charging_profile(
    controller: Controller, request: ClearChargingProfile
) -> ClearChargingProfileResponse:
    """Remove charging profiles; Unknown: none matches (§5.5)."""
    removed = controller.memory.profiles.clear(request)
    controller.afterwards(controller.metering.regulate)
    status = ClearChargingProfileStatus.ACCEPTED if removed else ClearChargingProfileStatus.UNKNOWN
    return ClearChargingProfileResponse(status=status)


def get_composite_schedule(
    controller: Controller, request: GetCompositeSchedule
) -> GetCompositeScheduleResponse:
    """Return the limits of a connector, or of all together, for some time to come (§5.7).

    Where no transaction runs, it is as if one began now.
    """
    places, profiles, now = controller.places, controller.memory.profiles, controller.now()
    number = request.connector_id
    if (number and number not in places) or request.duration < 0:
        return GetCompositeScheduleResponse(status=GetCompositeScheduleStatus.REJECTED)
    usages = [usage or Usage(now) for usage in controller.metering.usages()]

    def limit(at: datetime) -> float:
        if number == 0:
            return profiles.total(at, usages)
        return profiles.limit(number, at, usages[number - 1], len(places.charging))

    unit = request.charging_rate_unit or ChargingRateUnitType.W
    return GetCompositeScheduleResponse(
        status=GetCompositeScheduleStatus.ACCEPTED,
        connector_id=number,
        schedule_start=now,
        charging_schedule=profiles.composite(limit, now, request.duration, unit, usages),
    )


HANDLERS: Final[Mapping[type[AttrsInstance], Callable[[Controller, Any], AttrsInstance]]] = {
    CancelReservation: cancel_reservation,
    ClearChargingProfile: clear_charging_profile,
    GetCompositeSchedule: get_composite_schedule,
    GetLocalListVersion: get_local_list_version,
    ReserveNow: reserve_now,
    SendLocalList: send_local_list,
    SetChargingProfile: set_charging_profile,
}
