"""The security extension (security whitepaper §5): certificates, logs, security events, signed firmware."""

from typing import Annotated

from attrs import frozen

from ocpp_actors.protocol.messages.data_types import CertificateHashData, Firmware, LogParameters
from ocpp_actors.protocol.messages.enumerations import (
    CertificateSignedStatus,
    CertificateStatus,
    CertificateUse,
    DeleteCertificateStatus,
    ExtendedMessageTrigger,
    GenericStatus,
    GetInstalledCertificateStatus,
    LogStatus,
    LogType,
    SignedFirmwareStatus,
    TriggerMessageStatus,
    UpdateFirmwareStatus,
    UploadLogStatus,
)
from ocpp_actors.protocol.types import (
    ConnectorId,
    DateTime,
    MinItems,
    String50,
    String255,
    String5500,
    String10000,
)


@frozen(kw_only=True)
class CertificateSigned:
    """Brings the signed certificate that SignCertificate asked for. Security whitepaper §5.1."""

    certificate_chain: String10000


@frozen(kw_only=True)
class CertificateSignedResponse:
    """Says whether the certificate was taken. Security whitepaper §5.2."""

    status: CertificateSignedStatus


@frozen(kw_only=True)
class DeleteCertificate:
    """Asks the charge point to delete a certificate. Security whitepaper §5.3."""

    certificate_hash_data: CertificateHashData


@frozen(kw_only=True)
class DeleteCertificateResponse:
    """Says whether the certificate was deleted. Security whitepaper §5.4."""

    status: DeleteCertificateStatus


@frozen(kw_only=True)
class ExtendedTriggerMessage:
    """Asks the charge point to send a message. Security whitepaper §5.5."""

    requested_message: ExtendedMessageTrigger
    connector_id: ConnectorId | None = None


@frozen(kw_only=True)
class ExtendedTriggerMessageResponse:
    """Says whether the message will come. Security whitepaper §5.6."""

    status: TriggerMessageStatus


@frozen(kw_only=True)
class GetInstalledCertificateIds:
    """Asks which root certificates are installed. Security whitepaper §5.7."""

    certificate_type: CertificateUse


@frozen(kw_only=True)
class GetInstalledCertificateIdsResponse:
    """The installed root certificates. Security whitepaper §5.8."""

    status: GetInstalledCertificateStatus
    certificate_hash_data: Annotated[list[CertificateHashData], MinItems(1)] | None = None


@frozen(kw_only=True)
class GetLog:
    """Asks for an upload of a log; ``retry_interval`` is in seconds. Security whitepaper §5.9."""

    log: LogParameters
    log_type: LogType
    request_id: int
    retries: int | None = None
    retry_interval: int | None = None


@frozen(kw_only=True)
class GetLogResponse:
    """Says whether the log will be uploaded, and under which name. Security whitepaper §5.10."""

    status: LogStatus
    filename: String255 | None = None


@frozen(kw_only=True)
class InstallCertificate:
    """Asks the charge point to install a root certificate. Security whitepaper §5.11."""

    certificate_type: CertificateUse
    certificate: String5500


@frozen(kw_only=True)
class InstallCertificateResponse:
    """Says whether the certificate was installed. Security whitepaper §5.12."""

    status: CertificateStatus


@frozen(kw_only=True)
class LogStatusNotification:
    """Reports how far an upload of a log is. Security whitepaper §5.13."""

    status: UploadLogStatus
    request_id: int | None = None


@frozen(kw_only=True)
class LogStatusNotificationResponse:
    """Confirms the report. Security whitepaper §5.14."""


@frozen(kw_only=True)
class SecurityEventNotification:
    """Reports a security event. Security whitepaper §5.15."""

    type: String50
    timestamp: DateTime
    tech_info: String255 | None = None


@frozen(kw_only=True)
class SecurityEventNotificationResponse:
    """Confirms that the event is kept. Security whitepaper §5.16."""


@frozen(kw_only=True)
class SignCertificate:
    """Asks for a certificate: the signing request in PEM. Security whitepaper §5.17."""

    csr: String5500


@frozen(kw_only=True)
class SignCertificateResponse:
    """Says whether the request will be processed. Security whitepaper §5.18."""

    status: GenericStatus


@frozen(kw_only=True)
class SignedFirmwareStatusNotification:
    """Reports how far a signed firmware update is. Security whitepaper §5.19."""

    status: SignedFirmwareStatus
    request_id: int | None = None


@frozen(kw_only=True)
class SignedFirmwareStatusNotificationResponse:
    """Confirms the report. Security whitepaper §5.20."""


@frozen(kw_only=True)
class SignedUpdateFirmware:
    """Asks for a signed firmware update; ``retry_interval`` is in seconds. Security whitepaper §5.21."""

    request_id: int
    firmware: Firmware
    retries: int | None = None
    retry_interval: int | None = None


@frozen(kw_only=True)
class SignedUpdateFirmwareResponse:
    """Says whether the update will be done. Security whitepaper §5.22."""

    status: UpdateFirmwareStatus
