"""The credentials of a simulated charge point change: keys, security profiles and certificates, over real TLS.

Whitepaper A01, A02, A05.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.clock import SystemClock
from ocpp_actors.server.admission import Refused
from ocpp_actors.testbench.secured import Secured, TlsFiles
from ocpp_actors.testbench.simulated.access import TRIES, Security
from ocpp_actors.testbench.simulated.certificates import OwnCertificate
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint, open_charge_point
from ocpp_actors.testbench.wire import ConnectionChange
from ocpp_actors.testing.in_process import InProcess, open_in_process

PATIENCE = 300.0
KEY, OTHER = "0123456789abcdef", "fedcba9876543210"
ROOT = "CentralSystemRootCertificate"


@define
class Yard:
    """CP1, its central system over TCP and TLS, and the operator."""

    central: InProcess
    secured: Secured
    station: SimulatedChargePoint

    @property
    def root(self) -> str:
        return self.secured.files.authority.root_pem

    async def boot(self) -> None:
        with trio.fail_after(PATIENCE):
            await self.station.power_on()
            await self.station.wire.exchange("BootNotification")
            await self.station.wire.exchange(
                "StatusNotification", where=lambda told: told["connectorId"] == 1
            )

    async def ask(self, action: str, **payload: Any) -> Any:
        answer = await self.central.operator.result("CP1", action, payload)
        return answer["status"]

    async def set(self, key: str, value: str) -> Any:
        return await self.ask("ChangeConfiguration", key=key, value=value)

    async def known_key(self, key: str = KEY) -> None:
        await self.central.operator.put("/charge-points/CP1", {"registration": "Accepted"})
        await self.central.operator.put("/charge-points/CP1/key", {"key": key})

    async def back(self, since: int) -> int:
        """Wait until it is connected anew, and return the security profile that it uses."""
        with trio.fail_after(PATIENCE):
            await self.station.wire.change("opened", since=since)
        shown = await self.central.operator.charge_point("CP1")
        assert shown["online"]
        profile: int = shown["securityProfile"]
        return profile

    async def reported(self, event: str) -> str:
        with trio.fail_after(PATIENCE):
            told = await self.station.wire.exchange(
                "SecurityEventNotification", where=lambda payload: payload["type"] == event
            )
        info: str = told.payload.get("techInfo", "")
        return info

    @property
    def changes(self) -> list[ConnectionChange]:
        return list(self.station.wire.changes)

    @property
    def profile(self) -> int:
        return self.station.memory.configuration.number("SecurityProfile")


@asynccontextmanager
async def open_yard(directory: Path, *, trusts: str | None = None, **how: Any) -> AsyncIterator[Yard]:
    """``trusts`` are its roots, those of the central system where none are given."""
    files = TlsFiles.made(directory / "tls", SystemClock())
    roots = files.authority.root_pem if trusts is None else trusts
    async with open_in_process(tls=files) as central:
        assert central.secured is not None
        how = {"security": Security(central.secured.address, roots), **how}
        async with open_charge_point(
            central.target, "CP1", central.clock, random.Random(1), **how
        ) as station:
            yield Yard(central, central.secured, station)


def with_key(key: str = KEY, profile: int = 1) -> dict[str, Any]:
    return {"configuration": {"AuthorizationKey": key, "SecurityProfile": str(profile)}}


async def test_a_new_key_is_used_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_yard(tmp_path, **with_key()) as yard:
        await yard.known_key()
        await yard.boot()
        since = yard.station.wire.mark()
        assert await yard.set("AuthorizationKey", OTHER) == "Accepted"
        assert await yard.back(since) == 1
        assert [each.kind for each in yard.changes] == ["opened", "closed", "opened"]
        assert yard.changes[1].code == 1000
        assert yard.station.memory.former is None
        assert len(yard.station.wire.answered("BootNotification")) == 1


async def test_the_same_key_again_is_no_change(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_yard(tmp_path, **with_key()) as yard:
        await yard.known_key()
        await yard.boot()
        assert await yard.set("AuthorizationKey", KEY) == "Accepted"
        await trio.sleep(60)
        assert [each.kind for each in yard.changes] == ["opened"]


async def test_a_key_that_lets_it_in_nowhere_is_given_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_yard(tmp_path, **with_key()) as yard:
        await yard.known_key()
        await yard.boot()
        since = yard.station.wire.mark()
        assert await yard.set("AuthorizationKey", OTHER) == "Accepted"
        await yard.known_key()  # the operator goes back, and it cannot know
        assert await yard.back(since) == 1
        assert [each.kind for each in yard.changes] == ["opened", "closed", *["refused"] * TRIES, "opened"]
        assert yard.station.memory.configuration.text("AuthorizationKey") == KEY
        assert "401" in await yard.reported("FailedToAuthenticateAtCentralSystem")


@pytest.mark.parametrize(
    ("lacks", "statuses"),
    [
        (None, {"1": "Rejected", "0": "Rejected", "4": "Rejected", "x": "Rejected", "2": "Accepted"}),
        ("key", {"2": "Rejected", "3": "Accepted"}),
        ("root", {"2": "Rejected", "3": "Rejected"}),
        ("certificate", {"3": "Rejected"}),
        ("valid certificate", {"3": "Rejected"}),
        ("address", {"2": "Rejected", "3": "Rejected"}),
    ],
)
async def test_a_profile_rises_only_with_what_it_needs(
    tmp_path: Path, autojump_clock: MockClock, lacks: str | None, statuses: dict[str, str]
) -> None:
    """A05.FR.01 to A05.FR.05."""
    async with open_yard(tmp_path, **with_key()) as yard:
        await yard.known_key()
        station, memory = yard.station, yard.station.memory
        shown = yard.secured.certificate("CP1")
        memory.certificates.own = OwnCertificate(shown, "")
        match lacks:
            case "key":
                memory.configuration.restore("AuthorizationKey", "")
                memory.configuration.restore("SecurityProfile", "0")
                await yard.central.operator.delete("/charge-points/CP1/key")
            case "root":
                memory.certificates.factory_roots = ""
            case "certificate":
                memory.certificates.own = None
            case "address":
                station.security = evolve(station.security, address=None)
        await yard.boot()
        if lacks == "valid certificate":  # the time is that of the central system
            assert station.controller is not None
            station.controller._ahead = timedelta(days=400)
        for value, status in statuses.items():
            assert (value, await yard.set("SecurityProfile", value)) == (value, status)
        accepted = [int(value) for value, status in statuses.items() if status == "Accepted"]
        assert yard.profile == (accepted or [0 if lacks == "key" else 1])[-1]


async def test_from_nothing_to_certificates(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A charge point that trusts nobody follows one command after the other to the end."""
    async with open_yard(tmp_path, trusts="") as yard:
        await yard.boot()
        for profile in (1, 2, 3):
            done = await yard.central.operator.post(
                "/charge-points/CP1/security-profile", {"profile": profile}
            )
            assert done["securityProfile"] == profile
            shown = await yard.central.operator.charge_point("CP1")
            assert (shown["online"], shown["securityProfile"], yard.profile) == (True, profile, profile)
        assert not [each for each in yard.changes if each.kind == "refused"]
        await yard.station.power_off()
        since = yard.station.wire.mark()
        await yard.station.power_on()
        assert await yard.back(since) == 3


async def test_a_profile_with_which_it_cannot_connect_is_given_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A05.FR.08: it trusts another authority than that of the central system."""
    foreign = Authority.new(SystemClock().now()).root_pem
    async with open_yard(tmp_path, trusts=foreign, **with_key()) as yard:
        await yard.known_key()
        await yard.boot()
        since = yard.station.wire.mark()
        assert await yard.set("SecurityProfile", "2") == "Accepted"
        assert yard.profile == 2
        assert await yard.back(since) == 1
        assert yard.profile == 1
        assert "is not trusted" in await yard.reported("InvalidCentralSystemCertificate")
        assert await yard.ask("InstallCertificate", certificateType=ROOT, certificate=yard.root) == "Accepted"
        since = yard.station.wire.mark()
        assert await yard.set("SecurityProfile", "2") == "Accepted"
        assert await yard.back(since) == 2


async def test_a_certificate_for_another_host_is_not_trusted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_yard(tmp_path, **with_key()) as yard:
        address = evolve(yard.secured.address, url="wss://other.test/ocpp")
        yard.station.security = evolve(yard.station.security, address=address)
        await yard.known_key()
        await yard.boot()
        since = yard.station.wire.mark()
        assert await yard.set("SecurityProfile", "2") == "Accepted"
        assert await yard.back(since) == 1
        assert "Hostname mismatch" in await yard.reported("InvalidCentralSystemCertificate")


async def test_the_former_and_the_new_take_turns(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Nobody is there for a while after the change; the former credentials are of no use then."""
    async with open_yard(tmp_path, **with_key()) as yard:
        await yard.known_key()
        await yard.boot()
        assert await yard.set("AuthorizationKey", OTHER) == "Accepted"
        steps, yard.central.server._steps = yard.central.server._steps, [nobody]
        await trio.sleep(40)
        assert yard.station.memory.configuration.text("AuthorizationKey") == KEY
        yard.central.server._steps = steps
        assert await yard.back(yard.station.wire.mark()) == 1
        assert yard.station.memory.configuration.text("AuthorizationKey") == OTHER


async def nobody(_handshake: Any) -> None:
    raise Refused(503, "nobody is there")


async def test_its_certificate_is_renewed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_yard(tmp_path, trusts="") as yard:
        await yard.boot()
        await yard.central.operator.post("/charge-points/CP1/security-profile", {"profile": 3})
        await wait_all_tasks_blocked()  # the charge point notices a moment later that it is connected
        first = yard.station.memory.certificates.own
        since = yard.station.wire.mark()
        assert await yard.ask("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate") == (
            "Accepted"
        )
        assert await yard.back(since) == 3
        second = yard.station.memory.certificates.own
        assert second is not None
        assert second != first
        kept = (await yard.central.operator.get("/charge-points/CP1/certificates"))["certificates"]
        assert [each["state"] for each in kept] == ["Accepted", "Accepted"]


async def test_a_certificate_of_another_key_is_refused_and_told(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_yard(tmp_path, **with_key()) as yard:
        await yard.known_key()
        await yard.boot()
        foreign = yard.secured.certificate("CP1").partition("-----BEGIN PRIVATE")[0]
        assert await yard.ask("CertificateSigned", certificateChain=foreign) == "Rejected"
        told = await yard.reported("InvalidChargePointCertificate")
        assert told == "it is not of the key that a certificate was asked for"
        assert yard.station.memory.certificates.own is None


async def test_a_certificate_from_the_factory(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It starts with security profile 3, and sends no key beside its certificate."""
    async with open_yard(tmp_path, **with_key(profile=3)) as yard:
        chain, begin, key = yard.secured.certificate("CP1").partition("-----BEGIN PRIVATE")
        yard.station.memory.certificates.own = OwnCertificate(chain, begin + key)
        await yard.boot()
        assert await yard.back(0) == 3
        assert yard.station.controller is not None
        assert yard.station.controller.access.way().key is None
