"""Firmware updates and uploads, and what is reported of them (OCPP 1.6 §5.9, §5.19; security whitepaper L01, N01).

Nothing is downloaded, installed or uploaded. The name of the location decides how it goes: where it contains
``DownloadFailed``, ``InstallationFailed``, ``InvalidSignature`` or ``UploadFailed``, it ends so; otherwise well.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import AttrsInstance, define, field

from ocpp_actors.protocol.messages import (
    DiagnosticsStatus,
    DiagnosticsStatusNotification,
    FirmwareStatus,
    FirmwareStatusNotification,
    GetDiagnostics,
    GetLog,
    LogStatusNotification,
    SecurityEventNotification,
    SignedFirmwareStatus,
    SignedFirmwareStatusNotification,
    SignedUpdateFirmware,
    UpdateFirmware,
    UploadLogStatus,
)
from ocpp_actors.testbench.simulated.places import Insides, Places
from ocpp_actors.testbench.simulated.talker import Gate

STEP: Final = 2.0
"""Seconds that each step takes."""

RETRY_INTERVAL: Final = 5
"""Seconds between attempts, where none are given."""

MAX_INFO: Final = 255
"""Characters of techInfo in a security event."""

_NO_UPDATE: Final = SignedFirmwareStatusNotification(status=SignedFirmwareStatus.IDLE)
_NO_UPLOAD: Final = LogStatusNotification(status=UploadLogStatus.IDLE)
_DONE: Final = {FirmwareStatus.INSTALLED, FirmwareStatus.INSTALLATION_FAILED, FirmwareStatus.DOWNLOAD_FAILED}


@define(eq=False)
class Upkeep:
    """The updates and uploads of a running charge point; a new one of a kind takes the place of the old."""

    insides: Insides
    places: Places
    start_soon: Callable[[Callable[[], Awaitable[None]]], None]
    reboot: Callable[[], None]
    firmware: FirmwareStatus = FirmwareStatus.IDLE
    diagnostics: DiagnosticsStatus = DiagnosticsStatus.IDLE
    signed: SignedFirmwareStatusNotification = _NO_UPDATE
    log: LogStatusNotification = _NO_UPLOAD
    _running: dict[str, trio.CancelScope] = field(init=False, factory=dict)

    def runs(self, kind: str) -> bool:
        """Tell whether a piece of work of a kind goes on."""
        return kind in self._running

    def replace(self, kind: str, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a piece of work; one of its kind that goes on ends."""
        if kind in self._running:
            self._running[kind].cancel()
        scope = self._running[kind] = trio.CancelScope()

        async def run() -> None:
            with scope:
                await work()
            if self._running.get(kind) is scope:
                del self._running[kind]

        self.start_soon(run)

    # --- what is reported --------------------------------------------------------------------------------------

    def tell_firmware(self, status: FirmwareStatus, *, asked: bool = False) -> None:
        """Report how far an update is. Idle is only said when asked for, and so is what is over (§4.5)."""
        if not asked:
            self.firmware = status
        self._tell(
            FirmwareStatusNotification(status=FirmwareStatus.IDLE if status in _DONE and asked else status),
            asked,
        )

    def tell_diagnostics(self, status: DiagnosticsStatus, *, asked: bool = False) -> None:
        """Report how far an upload is (§4.4)."""
        if not asked:
            self.diagnostics = status
        busy = status is DiagnosticsStatus.UPLOADING or not asked
        self._tell(DiagnosticsStatusNotification(status=status if busy else DiagnosticsStatus.IDLE), asked)

    def tell_signed(self, status: SignedFirmwareStatus, request_id: int | None) -> None:
        """Report how far a signed update is (security whitepaper §5.19)."""
        self.signed = SignedFirmwareStatusNotification(status=status, request_id=request_id)
        self._tell(self.signed)

    def tell_log(self, status: UploadLogStatus, request_id: int) -> None:
        """Report how far the upload of a log is (security whitepaper §5.13)."""
        self.log = LogStatusNotification(status=status, request_id=request_id)
        self._tell(self.log)

    def event(self, kind: str, info: str | None = None) -> None:
        """Report a security event (security whitepaper A04)."""
        told = info and info[:MAX_INFO]
        self._tell(SecurityEventNotification(type=kind, timestamp=self.insides.now(), tech_info=told))

    def _tell(self, request: AttrsInstance, asked: bool = False) -> None:
        self.insides.talker.tell(request, needs=Gate.PENDING if asked else Gate.OPEN)

    # --- firmware ----------------------------------------------------------------------------------------------

    async def update(self, request: UpdateFirmware) -> None:
        """Go through an update (§5.19)."""
        await self._until(request.retrieve_date)
        for left in range(request.retries or 0, -1, -1):
            self.tell_firmware(FirmwareStatus.DOWNLOADING)
            await trio.sleep(STEP)
            if "DownloadFailed" not in request.location:
                break
            self.tell_firmware(FirmwareStatus.DOWNLOAD_FAILED)
            if not left:
                return
            await trio.sleep(request.retry_interval or RETRY_INTERVAL)
        self.tell_firmware(FirmwareStatus.DOWNLOADED)
        await self.places.until_idle()
        self.tell_firmware(FirmwareStatus.INSTALLING)
        await trio.sleep(STEP)
        if "InstallationFailed" in request.location:
            self.tell_firmware(FirmwareStatus.INSTALLATION_FAILED)
            return
        self._install(request.location, FirmwareStatusNotification(status=FirmwareStatus.INSTALLED))

    async def update_signed(self, request: SignedUpdateFirmware) -> None:
        """Go through a signed update (security whitepaper L01)."""
        status, firmware, number = SignedFirmwareStatus, request.firmware, request.request_id
        if firmware.retrieve_date_time > self.insides.now():
            self.tell_signed(status.DOWNLOAD_SCHEDULED, number)
        await self._until(firmware.retrieve_date_time)
        for left in range(request.retries or 0, -1, -1):
            self.tell_signed(status.DOWNLOADING, number)
            await trio.sleep(STEP)
            if "DownloadFailed" not in firmware.location:
                break
            self.tell_signed(status.DOWNLOAD_FAILED, number)
            if not left:
                return
            await trio.sleep(request.retry_interval or RETRY_INTERVAL)
        self.tell_signed(status.DOWNLOADED, number)
        if "InvalidSignature" in firmware.location:
            self.tell_signed(status.INVALID_SIGNATURE, number)
            self.event("InvalidFirmwareSignature")
            return
        self.tell_signed(status.SIGNATURE_VERIFIED, number)
        if firmware.install_date_time is not None and firmware.install_date_time > self.insides.now():
            self.tell_signed(status.INSTALL_SCHEDULED, number)
            await self._until(firmware.install_date_time)
        await self.places.until_idle()
        self.tell_signed(status.INSTALLING, number)
        await trio.sleep(STEP)
        if "InstallationFailed" in firmware.location:
            self.tell_signed(status.INSTALLATION_FAILED, number)
            return
        self.tell_signed(status.INSTALL_REBOOTING, number)
        installed = SignedFirmwareStatusNotification(status=status.INSTALLED, request_id=number)
        event = SecurityEventNotification(type="FirmwareUpdated", timestamp=self.insides.now())
        self._install(firmware.location, installed, event)

    def _install(self, location: str, *then: AttrsInstance) -> None:
        self.insides.memory.firmware = (urlsplit(location).path.rpartition("/")[2] or "updated")[:50]
        self.insides.memory.after_boot.extend(then)
        self.reboot()

    # --- uploads -----------------------------------------------------------------------------------------------

    async def upload(self, request: GetDiagnostics) -> None:
        """Go through an upload of diagnostics (§5.9)."""
        for left in range(request.retries or 0, -1, -1):
            self.tell_diagnostics(DiagnosticsStatus.UPLOADING)
            await trio.sleep(STEP)
            if "UploadFailed" not in request.location:
                self.tell_diagnostics(DiagnosticsStatus.UPLOADED)
                return
            self.tell_diagnostics(DiagnosticsStatus.UPLOAD_FAILED)
            if left:
                await trio.sleep(request.retry_interval or RETRY_INTERVAL)

    async def upload_log(self, request: GetLog) -> None:
        """Go through an upload of a log (security whitepaper N01)."""
        for left in range(request.retries or 0, -1, -1):
            self.tell_log(UploadLogStatus.UPLOADING, request.request_id)
            await trio.sleep(STEP)
            if "UploadFailed" not in request.log.remote_location:
                self.tell_log(UploadLogStatus.UPLOADED, request.request_id)
                return
            self.tell_log(UploadLogStatus.UPLOAD_FAILURE, request.request_id)
            if left:
                await trio.sleep(request.retry_interval or RETRY_INTERVAL)

    async def _until(self, moment: datetime) -> None:
        await trio.sleep(max(0.0, (moment - self.insides.now()).total_seconds()))
