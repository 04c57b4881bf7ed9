"""The commands about firmware, logs and certificates (OCPP 1.6 §5.9, §5.19; security whitepaper §5)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from attrs import AttrsInstance

from ocpp_actors.protocol.messages import (
    CertificateSigned,
    CertificateSignedResponse,
    CertificateSignedStatus,
    CertificateStatus,
    CertificateUse,
    DeleteCertificate,
    DeleteCertificateResponse,
    DeleteCertificateStatus,
    GetDiagnostics,
    GetDiagnosticsResponse,
    GetInstalledCertificateIds,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    GetLog,
    GetLogResponse,
    InstallCertificate,
    InstallCertificateResponse,
    LogStatus,
    SignedUpdateFirmware,
    SignedUpdateFirmwareResponse,
    UpdateFirmware,
    UpdateFirmwareResponse,
    UpdateFirmwareStatus,
)
from ocpp_actors.testbench.simulated.certificates import NotACertificate, read
from ocpp_actors.testbench.simulated.controller import Controller


def update_firmware(controller: Controller, request: UpdateFirmware) -> UpdateFirmwareResponse:
    """Go through an update from its date on (§5.19)."""
    upkeep = controller.upkeep
    controller.afterwards(lambda: upkeep.replace("firmware", partial(upkeep.update, request)))
    return UpdateFirmwareResponse()


def signed_update_firmware(
    controller: Controller, request: SignedUpdateFirmware
) -> SignedUpdateFirmwareResponse:
    """Go through a signed update; the signing certificate has to be one (security whitepaper L01)."""
    upkeep, status = controller.upkeep, UpdateFirmwareStatus
    try:
        read(request.firmware.signing_certificate)
    except NotACertificate:
        controller.afterwards(partial(upkeep.event, "InvalidFirmwareSigningCertificate"))
        return SignedUpdateFirmwareResponse(status=status.INVALID_CERTIFICATE)
    replaces = upkeep.runs("firmware")
    controller.afterwards(lambda: upkeep.replace("firmware", partial(upkeep.update_signed, request)))
    return SignedUpdateFirmwareResponse(status=status.ACCEPTED_CANCELED if replaces else status.ACCEPTED)


def get_diagnostics(controller: Controller, request: GetDiagnostics) -> GetDiagnosticsResponse:
    """Go through an upload of diagnostics (§5.9)."""
    upkeep = controller.upkeep
    controller.afterwards(lambda: upkeep.replace("diagnostics", partial(upkeep.upload, request)))
    return GetDiagnosticsResponse(file_name=_file(controller, "diagnostics"))


def get_log(controller: Controller, request: GetLog) -> GetLogResponse:
    """Go through an upload of a log (security whitepaper N01)."""
    upkeep = controller.upkeep
    status = LogStatus.ACCEPTED_CANCELED if upkeep.runs("log") else LogStatus.ACCEPTED
    controller.afterwards(lambda: upkeep.replace("log", partial(upkeep.upload_log, request)))
    return GetLogResponse(status=status, filename=_file(controller, request.log_type))


def _file(controller: Controller, kind: str) -> str:
    return f"{controller.wire.identity}-{kind}.log"[:255]


def install_certificate(controller: Controller, request: InstallCertificate) -> InstallCertificateResponse:
    """Keep a root certificate (security whitepaper M05)."""
    status = controller.memory.certificates.install(
        request.certificate_type, request.certificate, controller.now()
    )
    if (
        status is CertificateStatus.REJECTED
        and request.certificate_type is CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE
    ):
        controller.afterwards(partial(controller.upkeep.event, "InvalidCentralSystemCertificate"))
    return InstallCertificateResponse(status=status)


def get_installed_certificate_ids(
    controller: Controller, request: GetInstalledCertificateIds
) -> GetInstalledCertificateIdsResponse:
    """Return what identifies the root certificates (security whitepaper M03)."""
    found = controller.memory.certificates.of(request.certificate_type)
    status = GetInstalledCertificateStatus
    return GetInstalledCertificateIdsResponse(
        status=status.ACCEPTED if found else status.NOT_FOUND, certificate_hash_data=found or None
    )


def delete_certificate(controller: Controller, request: DeleteCertificate) -> DeleteCertificateResponse:
    """Remove a root certificate (security whitepaper M04)."""
    deleted = controller.memory.certificates.delete(request.certificate_hash_data)
    status = DeleteCertificateStatus
    return DeleteCertificateResponse(status=status.ACCEPTED if deleted else status.NOT_FOUND)


def certificate_signed(controller: Controller, request: CertificateSigned) -> CertificateSignedResponse:
    """Take the certificate that was asked for, if it is good; it is used at once with security profile 3
    (security whitepaper A02.FR.06 to A02.FR.08).
    """
    memory, before = controller.memory, controller.memory.credentials
    reason = memory.certificates.take(request.certificate_chain, controller.name, controller.now())
    if reason is not None:
        controller.afterwards(partial(controller.upkeep.event, "InvalidChargePointCertificate", reason))
        return CertificateSignedResponse(status=CertificateSignedStatus.REJECTED)
    if controller.access.changed(before):
        controller.afterwards(controller.link.reconnect)
    return CertificateSignedResponse(status=CertificateSignedStatus.ACCEPTED)


HANDLERS: Final[Mapping[type[AttrsInstance], Callable[[Controller, Any], AttrsInstance]]] = {
    CertificateSigned: certificate_signed,
    DeleteCertificate: delete_certificate,
    GetDiagnostics: get_diagnostics,
    GetInstalledCertificateIds: get_installed_certificate_ids,
    GetLog: get_log,
    InstallCertificate: install_certificate,
    SignedUpdateFirmware: signed_update_firmware,
    UpdateFirmware: update_firmware,
}
