"""Has certificates of charge points signed, beside all else that goes on (security whitepaper A02, A03)."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from ocpp_actors.central_system.security_log import SecurityLog
from ocpp_actors.certificates.chains import MAX_CHAIN, Chain, UnusableChain, read_chain
from ocpp_actors.certificates.outside import SigningFailed
from ocpp_actors.certificates.requests import SigningRequest, UnusableRequest, check
from ocpp_actors.certificates.signers import Signer
from ocpp_actors.clock import Clock
from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    ChargePointRecord,
    Ledger,
    LedgerUnavailable,
    RecordCertificate,
    RequestFailed,
)
from ocpp_actors.protocol.messages import CertificateSigned

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4
"""Requests that are with the certificate authority at once."""

WAITING: Final = 1000
"""Charge points whose requests may wait for it; one has at most one that waits."""

LEDGER_PATIENCE: Final = 10.0
"""Seconds for the ledger to keep a certificate."""

FAILED: Final = "CertificateSigningFailed"
"""The type of the security event of a request that was not signed; the whitepaper has none of its own."""

Deliver = Callable[[str, CertificateSigned], Awaitable[None]]
"""Sends a charge point its certificate, now or when it is back. Raises SigningFailed: it cannot be sent."""


@frozen
class _Job:
    record: ChargePointRecord
    request: SigningRequest


@define(eq=False)
class Signing:
    """The requests that wait to be signed. They belong to the server: a charge point that loses its connection
    meanwhile gets its certificate when it is back.

    A newer request of a charge point takes the place of one that still waits: its key is the one that counts.
    """

    _ledger: Ledger
    _clock: Clock
    _security_log: SecurityLog
    _signer: Signer | None
    _organization: str | None
    _timeout: float
    _waiting: OrderedDict[str, _Job] = field(init=False, factory=OrderedDict)
    _filled: trio.Semaphore = field(init=False, factory=partial(trio.Semaphore, 0))

    @property
    def possible(self) -> bool:
        """Whether there is a certificate authority."""
        return self._signer is not None

    async def refusal(self, record: ChargePointRecord, csr: str, security_profile: int) -> str | None:
        """Say why a request is not going to be signed; None: it can be.

        A stranger that came under the name of a charge point must not get a certificate that lets it in later: with
        security profile 0 nobody has proved anything. What an operator has to look into becomes a security event.
        """
        if not self.possible:
            return "there is no certificate authority: set CERTIFICATE_AUTHORITY"
        if security_profile == 0:
            reason = "the charge point has not proved who it is (security profile 0): give it a key first"
        elif self._full(record):
            reason = f"{WAITING} charge points wait for the certificate authority"
        else:
            try:
                check(csr, record.names, self._organization)
            except UnusableRequest as error:
                reason = str(error)
            else:
                return None
        await self._security_log.record(record.identity, FAILED, reason)
        return reason

    async def begin(self, record: ChargePointRecord, csr: str) -> None:
        """Have a request signed that refusal() had nothing against; see run()."""
        if not self.possible:
            return
        if self._full(record):
            await self._failed(record.identity, f"{WAITING} charge points wait for the certificate authority")
            return
        job = _Job(record, check(csr, record.names, self._organization))
        if self._waiting.pop(record.identity.casefold(), None) is None:
            self._filled.release()
        self._waiting[record.identity.casefold()] = job

    def _full(self, record: ChargePointRecord) -> bool:
        return len(self._waiting) >= WAITING and record.identity.casefold() not in self._waiting

    async def run(self, deliver: Deliver) -> None:
        """Have requests signed, keep the certificates and have them sent, until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(self._sign_one_after_the_other, deliver)

    async def _sign_one_after_the_other(self, deliver: Deliver) -> None:
        while True:
            await self._filled.acquire()
            _, job = self._waiting.popitem(last=False)
            identity = job.record.identity
            with structlog.contextvars.bound_contextvars(identity=identity):
                try:
                    await self._sign(job, deliver)
                except SigningFailed as error:
                    await self._failed(identity, str(error))
                except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
                    await self._failed(
                        identity, f"the certificate cannot be kept, so it is not sent: {error}"
                    )
                except Exception:
                    log.exception("a certificate could not be signed")
                    await self._failed(identity, "the central system made a mistake; its log has more")

    async def _sign(self, job: _Job, deliver: Deliver) -> None:
        assert self._signer is not None, "without one no request is taken"
        pem = None
        with trio.move_on_after(self._timeout):
            pem = await self._signer.sign(job.request.pem, job.record.identity, job.record.names)
        if pem is None:
            raise SigningFailed(
                f"the certificate authority did not answer within {self._timeout:g} s "
                "(CERTIFICATE_AUTHORITY_TIMEOUT)"
            )
        chain = self._judged(job, pem)
        certificate = Certificate(
            identity=job.record.identity,
            fingerprint=chain.fingerprint,
            serial_number=chain.serial_number,
            issuer=chain.issuer,
            subject=chain.subject,
            chain=chain.pem,
            not_before=chain.not_before,
            not_after=chain.not_after,
            state=CertificateState.SIGNED,
            changed_at=self._clock.now(),
        )
        with trio.fail_after(LEDGER_PATIENCE):
            await self._ledger.ask(RecordCertificate(certificate))
        await deliver(job.record.identity, CertificateSigned(certificate_chain=chain.pem))
        log.info("a certificate was signed", subject=chain.subject, ends=chain.not_after.isoformat())

    def _judged(self, job: _Job, pem: str) -> Chain:
        """Return the chain that the authority answered with, if it is an answer to the request.

        Raises SigningFailed: it is not.
        """
        try:
            chain = read_chain(pem)
        except UnusableChain as error:
            raise SigningFailed(f"what the certificate authority answered: {error}") from None
        now = self._clock.now()
        if chain.key_info != job.request.key_info:
            raise SigningFailed("the certificate authority answered with a certificate of another key")
        if chain.authority:
            raise SigningFailed(
                "the certificate authority answered with a certificate that may sign others itself (CA:TRUE)"
            )
        if chain.common_name not in job.record.names:
            raise SigningFailed(
                f"the certificate authority answered with a certificate of {chain.common_name!r}, the request is one "
                f"of {job.request.common_name!r}"
            )
        if self._organization is not None and chain.organization != self._organization:
            raise SigningFailed(
                f"the certificate authority answered with a certificate whose O is {chain.organization!r} instead of "
                f"{self._organization!r} (TLS_CLIENT_ORGANIZATION), so it would let nobody in"
            )
        if not chain.not_before <= now < chain.not_after:
            raise SigningFailed(
                f"the certificate authority answered with a certificate that is valid from {chain.not_before} until "
                f"{chain.not_after}, not now"
            )
        if len(chain.pem) > MAX_CHAIN:
            raise SigningFailed(
                f"the certificate authority answered with {len(chain.pem)} characters, CertificateSigned takes "
                f"{MAX_CHAIN}: leave out the root"
            )
        return chain

    async def _failed(self, identity: str, reason: str) -> None:
        """Tell the operator, as there is no way to tell the charge point (A02, error handling)."""
        log.error("a certificate could not be signed: look into it, then trigger it again", reason=reason)
        await self._security_log.record(identity, FAILED, reason)
