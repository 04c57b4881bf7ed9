"""Charge points move to higher security profiles, one command each (security whitepaper A05)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import define, field

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.operator.calls import Calls
from ocpp_actors.operator.upgrade_steps import Done, Step, Upgrade
from ocpp_actors.server.fleet import Fleet

PATIENCE: Final = 300.0
"""Seconds for the charge point to come back, and to have its certificate signed, where nothing else is said."""


class UpgradeInProgress(Exception):
    """The charge point is being upgraded already."""


@define(eq=False)
class Upgrades:
    """Moves charge points to higher security profiles.

    ``tls``: charge points can connect over TLS; ``client_certificates``: they are asked for certificates then.
    ``root`` is the root certificate of the server's own in PEM, which charge points are given before they use TLS.
    """

    _fleet: Fleet
    _calls: Calls
    _central_system: CentralSystem
    _tls: bool
    _client_certificates: bool
    _root: str | None = None
    _running: set[str] = field(init=False, factory=set)

    async def upgrade(
        self,
        identity: str,
        profile: int,
        *,
        requested_by: str,
        root: str | None = None,
        patience: float = PATIENCE,
    ) -> tuple[Done, ...]:
        """Move a connected charge point to a profile from 1 to 3, and let it use no lower one from then on (A05.FR.09).

        ``root`` is given to it in place of the server's. It has ``patience`` seconds to come back, and as many to get
        a certificate. What it does not need is left out, so that a failed upgrade can be begun again.

        Raises UpgradeFailed: a step failed. Nothing is required of the charge point that it was not before; a key or a
            certificate that it took stays.
        Raises UpgradeInProgress, NotConnected, UnknownChargePoint: as they say.
        Raises NotAllowed, MailboxFull, LedgerUnavailable, RequestFailed: as Calls.call() does.
        """
        with self._alone(identity):
            upgrade = Upgrade(
                self._fleet,
                self._calls,
                self._central_system,
                identity=identity,
                profile=profile,
                requested_by=requested_by,
                patience=patience,
            )
            session = await upgrade.session()
            in_use = session.security_profile
            if in_use < profile:
                self._check(upgrade)
                if profile < 3 or in_use == 0:
                    await upgrade.have_key()
                given = root or (self._root if in_use < 2 <= profile else None)
                if profile >= 2:
                    await upgrade.have_root(given)
                if profile == 3:
                    await upgrade.have_certificate()
                await upgrade.change_profile()
            elif in_use > profile:
                raise upgrade.failure(
                    Step.PREREQUISITES,
                    f"it uses profile {in_use}; a lower one cannot be set over OCPP (A00.FR.005)",
                )
            else:
                upgrade.note(Step.PROFILE, f"it uses profile {profile} already")
            await upgrade.raise_minimum()
            return tuple(upgrade.done)

    @contextmanager
    def _alone(self, identity: str) -> Iterator[None]:
        key = identity.casefold()
        if key in self._running:
            raise UpgradeInProgress(f"{identity} is being upgraded already")
        self._running.add(key)
        try:
            yield
        finally:
            self._running.remove(key)

    def _check(self, upgrade: Upgrade) -> None:
        if upgrade.profile >= 2 and not self._tls:
            raise upgrade.failure(
                Step.PREREQUISITES,
                "charge points cannot connect over TLS: set TLS_PORT and TLS_CERTIFICATE, or TRUSTED_PROXIES where a "
                "proxy sees to it",
            )
        if upgrade.profile == 3 and not self._client_certificates:
            raise upgrade.failure(
                Step.PREREQUISITES, "charge points are not asked for certificates: set TLS_CLIENT_CA"
            )
