"""A scripted charge point that follows an operator to higher security profiles (security whitepaper A05)."""

import base64
import math
import ssl
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.server.tls import ServerTls
from tests.support.central import START, Central, Charger
from tests.support.requests import csr, key_pem, new_key

ALWAYS = timedelta(days=36_500)
"""TLS looks at the time of the machine, whatever a test's clock says."""

LEAVES = "leaves"
"""Instead of a status: it does what it is told, but leaves without an answer."""

PATIENCE, PAUSE = 5.0, 1.0
"""Seconds that it tries to connect, and before it connects again."""


@define
class Pki:
    """An operator's authority, and what the server speaks TLS with."""

    authority: Authority
    tls: ServerTls

    async def sign(self, request: str, identity: str, names: Collection[str]) -> str:
        """Be a Signer."""
        return self.authority.sign(request, START, names=names, life=ALWAYS)


def new_pki(directory: Path) -> Pki:
    authority = Authority.new(START, life=ALWAYS)
    own = authority.server_certificate(["central.test"], START, life=ALWAYS)
    for name, text in (("server.pem", own.certificate + own.key), ("root.pem", authority.root_pem)):
        (directory / name).write_text(text)
    return Pki(authority, ServerTls([str(directory / "server.pem")], [], str(directory / "root.pem")))


Connect = Callable[
    [str, list[tuple[bytes, bytes]], ssl.SSLContext | None], AbstractAsyncContextManager[Charger]
]
"""Connects under an identity, with these headers, over TLS if there is a context."""


def connects_to(central: Central, pki: Pki) -> Connect:
    def connect(identity: str, headers: Any, context: Any) -> AbstractAsyncContextManager[Charger]:
        tls = None if context is None else (pki.tls, context)
        return central.charger(identity, headers=headers, tls=tls)

    return connect


@define
class Follower:
    """``answers`` are statuses by action, or by configuration key, where it does not simply accept.

    ``stays_away``: it never comes back after a new profile. It falls back if it cannot connect with it.
    """

    connect: Connect
    directory: Path
    identity: str = "CP1"
    serial_number: str = "SN-1"
    profile: int = 0
    key: str | None = None
    root: str | None = None
    certificate: str | None = None
    answers: dict[str, str] = field(factory=dict)
    stays_away: bool = False
    heard: list[tuple[str, Any]] = field(factory=list)
    used: list[int] = field(factory=list)
    """The profiles that it was connected with."""
    _own: Any = field(init=False, factory=new_key)

    async def live(self, task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC128, another one calls it
        """Connect, do what it is told, connect again."""
        works = self.profile
        while True:
            tried = self.profile
            if await self._connected(trio.TASK_STATUS_IGNORED if self.used else task_status):
                works = tried
            else:
                self.profile = works
            if self.stays_away and self.profile != tried:
                await trio.sleep_forever()
            await trio.sleep(PAUSE)

    async def _connected(self, task_status: trio.TaskStatus[None]) -> bool:
        """Be connected until it has to connect anew; False: it was not let in."""
        count = len(self.used)
        try:
            with trio.move_on_after(PATIENCE) as patience:
                async with self.connect(self.identity, self._headers(), self._context()) as charger:
                    self.used.append(1 if self.profile == 0 and self.key else self.profile)
                    patience.deadline = math.inf
                    await charger.boot(chargePointSerialNumber=self.serial_number)
                    task_status.started()
                    await self._serve(charger)
        except* (ConnectionRejected, ConnectionClosed, HandshakeError, OSError, trio.BrokenResourceError):
            pass
        return len(self.used) > count

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if self.profile == 3 or self.key is None:
            return []
        encoded = base64.b64encode(f"{self.identity}:{self.key}".encode())
        return [(b"Authorization", b"Basic " + encoded)]

    def _context(self) -> ssl.SSLContext | None:
        if self.profile < 2:
            return None
        context = ssl.create_default_context(cadata=self.root)
        if self.profile == 3:
            file = self.directory / "client.pem"
            file.write_text((self.certificate or "") + key_pem(self._own))
            context.load_cert_chain(file)
        return context

    async def _serve(self, charger: Charger) -> None:
        """Do what it is told until it has to connect anew."""
        while True:
            frame = await charger.receive()
            if frame[0] != 2:
                continue
            _, message_id, action, payload = frame
            self.heard.append((action, payload))
            name = payload.get("key", action)
            status = self.answers.get(name, "Accepted")
            if status != LEAVES:
                await charger.send([3, message_id, {"status": status}])
            if status in ("Accepted", LEAVES) and await self._did(charger, name, payload):
                return

    async def _did(self, charger: Charger, name: str, payload: Any) -> bool:
        """Carry out what it accepted, and tell whether it connects anew."""
        match name:
            case "AuthorizationKey":
                self.key = payload["value"]
            case "SecurityProfile":
                self.profile = int(payload["value"])
            case "InstallCertificate":
                self.root = payload["certificate"]
            case "CertificateSigned":
                self.certificate = payload["certificateChain"]
            case "ExtendedTriggerMessage":
                await charger.send(
                    [2, "sign", "SignCertificate", {"csr": csr(self.serial_number, key=self._own)}]
                )
        return name in ("AuthorizationKey", "SecurityProfile")
