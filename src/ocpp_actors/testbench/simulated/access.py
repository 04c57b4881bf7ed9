"""How a charge point connects: where, whom it trusts, what it proves who it is with (security whitepaper A01, A05)."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from ocpp_actors.testbench.simulated.certificates import OwnCertificate
from ocpp_actors.testbench.simulated.memory import CERTIFICATES, Credentials, Memory
from ocpp_actors.testbench.target import SecureTarget, Target
from ocpp_actors.testbench.tls import client_context

TRIES: Final = 3
"""Attempts with new credentials, before the former ones are tried as often (A05.FR.08)."""

TLS: Final = 2
"""The security profile from which on it connects over TLS."""


@frozen
class Security:
    """What a charge point has of security from the factory."""

    address: SecureTarget | None = None
    """Where the central system is from security profile 2 on; None: it is not known."""
    roots: str = ""
    """Root certificates that it trusts, in PEM; the system's where it gets no others."""
    certificate: OwnCertificate | None = None
    """Its own."""


@frozen
class Way:
    """How the next connection is opened; ``key`` is sent as Basic credentials, None: none are."""

    target: Target
    key: bytes | None


@define(eq=False)
class Access:
    """Decides how the next connection is opened.

    ``target`` is where the central system is without security, ``secure`` where it is from security profile 2 on; None:
    that is not known, and it stays with ``target``.
    """

    memory: Memory
    target: Target
    secure: SecureTarget | None
    now: Callable[[], datetime]
    _tries: int = field(init=False, default=0)

    def way(self) -> Way:
        """Return how to connect now. Credentials that never worked take turns with the former ones."""
        memory = self.memory
        if memory.former is not None and self._tries >= TRIES:
            former, memory.former = memory.former, memory.credentials
            memory.use(former)
            self._tries = 0
        self._tries += 1
        used = memory.credentials
        if used.certificate is not None:
            return Way(self._secure(used.certificate.pem), None)
        return Way(self._secure() if used.profile >= TLS else self.target, _as_sent(used.key))

    def worked(self) -> None:
        """Forget the former credentials: a connection is open."""
        self.memory.former = None
        self._tries = 0

    def changed(self, before: Credentials) -> bool:
        """Tell whether the credentials are other ones now; those before are kept until the present ones have worked."""
        if self.memory.credentials == before:
            return False
        self.memory.former = self.memory.former or before
        self._tries = 0
        return True

    def may_rise(self, value: str) -> bool:
        """Tell whether the security profile may be changed to this value (A05.FR.01 to A05.FR.05)."""
        profile = int(value) if value in {"1", "2", "3"} else 0
        used = self.memory.credentials
        certificates = self.memory.certificates
        if profile <= used.profile:
            return False
        if profile >= TLS and not (self.secure and certificates.roots):
            return False
        if profile < CERTIFICATES:
            return bool(used.key)
        return certificates.own is not None and certificates.own.is_valid(self.now())

    def _secure(self, shown: str = "") -> Target:
        if self.secure is None:
            return self.target
        return self.secure.over(client_context(self.memory.certificates.roots, shown))


def _as_sent(key: str) -> bytes | None:
    """Return a key as it is sent: as it is, or the bytes that its hexadecimal digits mean."""
    if not key:
        return None
    try:
        return bytes.fromhex(key) if len(key) >= 32 else key.encode()
    except ValueError:
        return key.encode()
