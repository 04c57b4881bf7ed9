"""The commands of the Core profile, and triggers (OCPP 1.6 §5.2 to §5.6, §5.8, §5.11, §5.12, §5.14, §5.17, §5.18)."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from attrs import AttrsInstance

from ocpp_actors.protocol.messages import (
    AvailabilityStatus,
    AvailabilityType,
    ChangeAvailability,
    ChangeAvailabilityResponse,
    ChangeConfiguration,
    ChangeConfigurationResponse,
    ChargePointErrorCode,
    ChargingProfilePurposeType,
    ClearCache,
    ClearCacheResponse,
    ClearCacheStatus,
    ConfigurationStatus,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
    ExtendedMessageTrigger,
    ExtendedTriggerMessage,
    ExtendedTriggerMessageResponse,
    GetConfiguration,
    GetConfigurationResponse,
    MessageTrigger,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
    RemoteStartTransaction,
    RemoteStartTransactionResponse,
    RemoteStopTransaction,
    RemoteStopTransactionResponse,
    Reset,
    ResetResponse,
    ResetStatus,
    ResetType,
    SignCertificate,
    TriggerMessage,
    TriggerMessageResponse,
    TriggerMessageStatus,
    UnlockConnector,
    UnlockConnectorResponse,
    UnlockStatus,
)
from ocpp_actors.testbench.simulated.controller import Controller
from ocpp_actors.testbench.simulated.places import Place
from ocpp_actors.testbench.simulated.talker import Gate

_START: Final = RemoteStartStopStatus

T = TypeVar("T")


def change_availability(controller: Controller, request: ChangeAvailability) -> ChangeAvailabilityResponse:
    """Accepted also for what is so already; Scheduled while somebody uses a connector; 0 is all (§5.2)."""
    number, places = request.connector_id, controller.places
    if number and number not in places:
        return ChangeAvailabilityResponse(status=AvailabilityStatus.REJECTED)
    numbers = {number} if number else {0, *(place.number for place in places)}
    if request.type is AvailabilityType.OPERATIVE:
        controller.afterwards(partial(controller.floor.make_operative, numbers))
        return ChangeAvailabilityResponse(status=AvailabilityStatus.ACCEPTED)
    busy = any(place.state.in_use for place in places if place.number in numbers)
    controller.afterwards(partial(controller.floor.make_inoperative, numbers))
    status = AvailabilityStatus.SCHEDULED if busy else AvailabilityStatus.ACCEPTED
    return ChangeAvailabilityResponse(status=status)


def change_configuration(controller: Controller, request: ChangeConfiguration) -> ChangeConfigurationResponse:
    """Set a key (§5.3). New credentials are used at once, on a new connection (security whitepaper A01, A05)."""
    access, memory = controller.access, controller.memory
    if request.key.lower() == "securityprofile" and not access.may_rise(request.value):
        return ChangeConfigurationResponse(status=ConfigurationStatus.REJECTED)
    before = memory.credentials
    status = memory.configuration.change(request.key, request.value)
    if access.changed(before):
        controller.afterwards(controller.link.reconnect)
    if status is ConfigurationStatus.ACCEPTED:
        controller.afterwards(partial(controller.reconfigured, request.key))
    return ChangeConfigurationResponse(status=status)


def get_configuration(controller: Controller, request: GetConfiguration) -> GetConfigurationResponse:
    """Return keys, and the names that are none (§5.8)."""
    keys, unknown = controller.memory.configuration.read(request.key)
    return GetConfigurationResponse(configuration_key=keys, unknown_key=unknown or None)


def clear_cache(controller: Controller, _request: ClearCache) -> ClearCacheResponse:
    """Forget the authorization cache; Rejected where it is switched off (§5.4)."""
    if not controller.memory.configuration.flag("AuthorizationCacheEnabled"):
        return ClearCacheResponse(status=ClearCacheStatus.REJECTED)
    controller.memory.cache.clear()
    return ClearCacheResponse(status=ClearCacheStatus.ACCEPTED)


def data_transfer(controller: Controller, request: DataTransfer) -> DataTransferResponse:
    """Give back the data of its own vendor; others are unknown (§4.3, §5.6)."""
    if request.vendor_id != controller.make.vendor:
        return DataTransferResponse(status=DataTransferStatus.UNKNOWN_VENDOR_ID)
    return DataTransferResponse(status=DataTransferStatus.ACCEPTED, data=request.data)


# --- transactions ----------------------------------------------------------------------------------------------


def remote_start(controller: Controller, request: RemoteStartTransaction) -> RemoteStartTransactionResponse:
    """Start as if the idTag was presented, after asking for it only where AuthorizeRemoteTxRequests says so (§5.11)."""
    rejected = RemoteStartTransactionResponse(status=_START.REJECTED)
    profile = request.charging_profile
    if controller.registration is RegistrationStatus.PENDING:
        return rejected  # not allowed while Pending (§4.2)
    if profile is not None and (
        profile.charging_profile_purpose is not ChargingProfilePurposeType.TX_PROFILE
        or profile.transaction_id is not None
    ):
        return rejected
    place = _place_for(controller, request)
    if place is None:
        return rejected
    begin: Callable[[], None]
    if controller.memory.configuration.flag("AuthorizeRemoteTxRequests"):

        async def present() -> None:
            await controller.floor.present(place, request.id_tag, profile)

        begin = partial(controller.start_soon, present)
    else:
        info = controller.memory.local_list.find(request.id_tag)
        begin = partial(controller.floor.accept, place, request.id_tag, info, profile)
    controller.afterwards(begin)
    return RemoteStartTransactionResponse(status=_START.ACCEPTED)


def _place_for(controller: Controller, request: RemoteStartTransaction) -> Place | None:
    """The connector asked for, or the first with a vehicle, or the first; None: it may not be used."""
    memory, places = controller.memory, controller.places
    info = memory.local_list.find(request.id_tag) or memory.cache.find(request.id_tag, controller.now())
    parent = info.parent_id_tag if info else None

    def possible(place: Place) -> bool:
        return controller.floor.usable(place) and not memory.reservations.forbid(
            request.id_tag, parent, place.number, places.statuses
        )

    wanted = [place for place in places if request.connector_id in (None, place.number) and possible(place)]
    wanted.sort(key=lambda place: not place.state.plugged)
    return next(iter(wanted), None)


def remote_stop(controller: Controller, request: RemoteStopTransaction) -> RemoteStopTransactionResponse:
    """Stop a transaction, if it runs (§5.12)."""
    place = controller.places.of_transaction(request.transaction_id)
    if place is None or controller.registration is RegistrationStatus.PENDING:
        return RemoteStopTransactionResponse(status=_START.REJECTED)
    controller.afterwards(partial(controller.floor.stop, place, Reason.REMOTE))
    return RemoteStopTransactionResponse(status=_START.ACCEPTED)


def unlock_connector(controller: Controller, request: UnlockConnector) -> UnlockConnectorResponse:
    """Release the cable; a transaction ends first. An unknown connector is not supported (§5.18)."""
    if request.connector_id not in controller.places:
        return UnlockConnectorResponse(status=UnlockStatus.NOT_SUPPORTED)
    place = controller.places[request.connector_id]
    if place.state.error is ChargePointErrorCode.CONNECTOR_LOCK_FAILURE:
        return UnlockConnectorResponse(status=UnlockStatus.UNLOCK_FAILED)
    controller.floor.stop(place, Reason.UNLOCK_COMMAND)
    return UnlockConnectorResponse(status=UnlockStatus.UNLOCKED)


def reset(controller: Controller, request: Reset) -> ResetResponse:
    """Start anew (§5.14)."""
    controller.afterwards(partial(controller.reset, hard=request.type is ResetType.HARD))
    return ResetResponse(status=ResetStatus.ACCEPTED)


# --- triggers --------------------------------------------------------------------------------------------------


def trigger_message(controller: Controller, request: TriggerMessage) -> TriggerMessageResponse:
    """Send a message after the answer; Rejected for a connector that there is not (§5.17)."""
    sends = _triggered(controller, request.requested_message, request.connector_id)
    return TriggerMessageResponse(status=_will_send(controller, sends))


def extended_trigger_message(
    controller: Controller, request: ExtendedTriggerMessage
) -> ExtendedTriggerMessageResponse:
    """The same with the messages of the security extension (security whitepaper §5.5)."""
    sends = _triggered(controller, request.requested_message, request.connector_id)
    return ExtendedTriggerMessageResponse(status=_will_send(controller, sends))


def _will_send(controller: Controller, sends: Callable[[], None] | None) -> TriggerMessageStatus:
    if sends is None:
        return TriggerMessageStatus.REJECTED
    controller.afterwards(sends)
    return TriggerMessageStatus.ACCEPTED


def _triggered(
    controller: Controller, message: MessageTrigger | ExtendedMessageTrigger, connector_id: int | None
) -> Callable[[], None] | None:
    """What sends the message; a connector counts only where the message is of one."""
    places, upkeep = controller.places, controller.upkeep
    extended = isinstance(message, ExtendedMessageTrigger)
    match message.value:
        case "BootNotification":
            return controller.boot if controller.personality.boots else None
        case "Heartbeat":
            return partial(controller.heartbeat, asked=True)
        case "DiagnosticsStatusNotification":
            return partial(upkeep.tell_diagnostics, upkeep.diagnostics, asked=True)
        case "FirmwareStatusNotification" if extended:
            return partial(controller.talker.tell, upkeep.signed, needs=Gate.PENDING)
        case "FirmwareStatusNotification":
            return partial(upkeep.tell_firmware, upkeep.firmware, asked=True)
        case "LogStatusNotification":
            return partial(controller.talker.tell, upkeep.log, needs=Gate.PENDING)
        case "SignChargePointCertificate":
            return partial(_sign, controller)
    numbers = [connector_id] if connector_id is not None else [0, *(place.number for place in places)]
    if connector_id is not None and connector_id != 0 and connector_id not in places:
        return None
    if message.value == "StatusNotification":
        return partial(_each, numbers, partial(places.report, asked=True))
    metered = [places[number] for number in numbers if number]
    return partial(_each, metered, controller.metering.trigger) if metered else None


def _each(those: Iterable[T], call: Callable[[T], None]) -> None:
    for each in those:
        call(each)


def _sign(controller: Controller) -> None:
    """Ask for a certificate of its serial number and its operator's name (security whitepaper A02)."""
    operator = controller.memory.configuration.text("CpoName")
    csr = controller.memory.certificates.request(controller.name, operator)
    controller.talker.tell(SignCertificate(csr=csr), needs=Gate.PENDING)


HANDLERS: Final[Mapping[type[AttrsInstance], Callable[[Controller, Any], AttrsInstance]]] = {
    ChangeAvailability: change_availability,
    ChangeConfiguration: change_configuration,
    ClearCache: clear_cache,
    DataTransfer: data_transfer,
    ExtendedTriggerMessage: extended_trigger_message,
    GetConfiguration: get_configuration,
    RemoteStartTransaction: remote_start,
    RemoteStopTransaction: remote_stop,
    Reset: reset,
    TriggerMessage: trigger_message,
    UnlockConnector: unlock_connector,
}
