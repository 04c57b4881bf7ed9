"""Charge points move to higher security profiles by one command, over real TLS (security whitepaper A05)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
import trio.testing
from attrs import define
from tests.support.central import START
from tests.support.desk import Api, open_api
from tests.support.known import introduce, record_of
from tests.support.upgrading import LEAVES, Follower, Pki, connects_to, new_pki
from tests.support.waiting import eventually

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.outside import SigningFailed
from ocpp_actors.ledger.port import ListCommands
from ocpp_actors.operator.upgrade import Upgrades
from ocpp_actors.protocol.messages import RegistrationStatus

CP1 = "/api/v1/charge-points/CP1"
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return new_pki(tmp_path_factory.mktemp("pki"))


@define
class Scene:
    """A charge point that follows, and who leads it."""

    api: Api
    follower: Follower

    async def upgrade(self, profile: int, **more: Any) -> httpx2.Response:
        with trio.fail_after(3600):
            answer: httpx2.Response = await self.api.client.post(
                f"{CP1}/security-profile", json={"profile": profile, **more}
            )
        return answer

    async def upgraded(self, profile: int, **more: Any) -> list[str]:
        answer = await self.upgrade(profile, **more)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["securityProfile"] == profile
        shown = (await self.api.client.get(CP1)).json()
        assert (shown["securityProfile"], shown["online"]) == (profile, True)
        assert (await record_of(self.api.central)).settings.security_profile == profile
        return [step["step"] for step in document["steps"]]

    async def fails(self, profile: int, step: str, reason: str, **more: Any) -> list[str]:
        """Upgrade in vain; nothing more is required of the charge point, and it is connected as before."""
        before = await record_of(self.api.central)
        answer = await self.upgrade(profile, **more)
        document = answer.json()
        assert (answer.status_code, document["type"]) == (409, "urn:ocpp-actors:problem:upgrade-failed")
        assert document["step"] == step
        assert reason in document["detail"]
        assert (await record_of(self.api.central)).settings == before.settings
        return [each["step"] for each in document["steps"]]

    async def restarts(self) -> None:
        """Wait until the charge point has connected anew."""
        count = len(self.follower.used)
        [session] = self.api.central.fleet.sessions()
        session.end(1000, "restarted")
        await eventually(lambda: len(self.follower.used) > count and self.api.central.fleet.sessions())


@asynccontextmanager
async def scene(
    pki: Pki,
    directory: Path,
    *,
    profile: int = 0,
    signer: Any = None,
    follower: dict[str, Any] | None = None,
    desk: dict[str, Any] | None = None,
) -> AsyncIterator[Scene]:
    async with open_api(desk=desk, signer=signer or pki, call_timeout=5.0) as api:
        ready = {} if profile == 0 else {"key": KEY, "root": pki.authority.root_pem}
        key = KEY.encode() if profile else None
        await introduce(api.central.ledger, key=key, registration=RegistrationStatus.ACCEPTED)
        charge_point = Follower(
            connects_to(api.central, pki), directory, profile=profile, **{**ready, **(follower or {})}
        )
        await api.central.nursery.start(charge_point.live)
        yield Scene(api, charge_point)


async def test_from_nothing_to_certificates(autojump_clock: Any, pki: Pki, tmp_path: Path) -> None:
    async with scene(pki, tmp_path) as it:
        assert await it.upgraded(1) == ["key", "profile", "reconnection", "minimum"]
        root = pki.authority.root_pem
        steps = ["key", "rootCertificate", "profile", "reconnection", "minimum"]
        assert await it.upgraded(2, rootCertificate=root) == steps
        steps = ["rootCertificate", "certificate", "profile", "reconnection", "minimum"]
        assert await it.upgraded(3) == steps
        heard = [
            (action, payload.get("key") or payload.get("certificateType"))
            for action, payload in it.follower.heard
        ]
        assert it.follower.used == [0, 1, 1, 2, 3]
        commands = await it.api.central.ledger.ask(ListCommands())
    assert heard == [
        ("ChangeConfiguration", "AuthorizationKey"),
        ("ChangeConfiguration", "SecurityProfile"),
        ("InstallCertificate", "CentralSystemRootCertificate"),
        ("ChangeConfiguration", "SecurityProfile"),
        ("ExtendedTriggerMessage", None),
        ("CertificateSigned", None),
        ("ChangeConfiguration", "SecurityProfile"),
    ]
    assert len(commands) == len(heard)


async def test_from_nothing_to_certificates_at_once(autojump_clock: Any, pki: Pki, tmp_path: Path) -> None:
    async with scene(pki, tmp_path) as it:
        steps = ["key", "rootCertificate", "certificate", "profile", "reconnection", "minimum"]
        assert await it.upgraded(3, rootCertificate=pki.authority.root_pem) == steps
        assert it.follower.used == [0, 1, 3]


async def test_a_key_that_the_charge_point_does_not_know_is_replaced(
    autojump_clock: Any, pki: Pki, tmp_path: Path
) -> None:
    async with scene(pki, tmp_path) as it:
        assert (await it.api.client.put(f"{CP1}/key", json={})).status_code == 200
        await it.upgraded(1)
        assert it.follower.used == [0, 1, 1]


async def test_a_lower_profile_is_refused_from_then_on(autojump_clock: Any, pki: Pki, tmp_path: Path) -> None:
    async with scene(pki, tmp_path, profile=1) as it:
        await it.upgraded(2)
        refusal = await it.api.central.refused(headers=[])
    assert refusal.status_code == 403


async def test_what_is_there_already_is_not_done_again(autojump_clock: Any, pki: Pki, tmp_path: Path) -> None:
    async with scene(pki, tmp_path, profile=1) as it:
        assert await it.upgraded(1) == ["profile", "minimum"]
        assert await it.upgraded(1) == ["profile", "minimum"]
        assert it.follower.heard == []
        await it.upgraded(3, rootCertificate=pki.authority.root_pem)
        it.follower.heard.clear()
        assert await it.upgraded(3) == ["profile", "minimum"]
        assert it.follower.heard == []


async def test_the_root_of_the_settings_is_given_where_tls_is_new(
    autojump_clock: Any, pki: Pki, tmp_path: Path
) -> None:
    async with scene(pki, tmp_path, profile=1, follower={"root": None}) as it:
        it.api.desk.upgrades._root = pki.authority.root_pem
        await it.upgraded(2)
        assert it.follower.root == pki.authority.root_pem
        it.follower.answers["InstallCertificate"] = "Rejected"
        await it.upgraded(3)


@pytest.mark.parametrize(
    ("profile", "to", "answers", "step", "reason"),
    [
        (0, 1, {"AuthorizationKey": "Rejected"}, "key", "it answered Rejected: give it one on site"),
        (0, 1, {"AuthorizationKey": "NotSupported"}, "key", "it answered NotSupported"),
        (0, 2, {"AuthorizationKey": "RebootRequired"}, "key", "send it a Reset"),
        (1, 2, {"InstallCertificate": "Failed"}, "rootCertificate", "GetInstalledCertificateIds"),
        (1, 3, {"ExtendedTriggerMessage": "NotImplemented"}, "certificate", "does not ask for certificates"),
        (1, 3, {"CertificateSigned": "Rejected"}, "certificate", "is given with --root"),
        (1, 2, {"SecurityProfile": "Rejected"}, "profile", "(A05.FR.02, A05.FR.03)"),
        (1, 3, {"SecurityProfile": "NotSupported"}, "profile", "it answered NotSupported"),
        (1, 2, {"SecurityProfile": "nonsense"}, "profile", "was not answered as it should be (invalid"),
        (1, 2, {"SecurityProfile": "RebootRequired"}, "reconnection", "restart it (Reset)"),
    ],
)
async def test_a_step_that_fails_is_told_and_changes_nothing(
    autojump_clock: Any,
    pki: Pki,
    tmp_path: Path,
    profile: int,
    to: int,
    answers: dict[str, str],
    step: str,
    reason: str,
) -> None:
    async with scene(pki, tmp_path, profile=profile, follower={"answers": answers}) as it:
        await it.fails(to, step, reason, rootCertificate=pki.authority.root_pem, patience=60)
        answers.clear()
        if step == "key" and "Reset" in reason:
            await it.restarts()
        await it.upgraded(to, rootCertificate=pki.authority.root_pem)


async def test_an_answer_that_is_lost_in_the_change_does_not_matter(
    autojump_clock: Any, pki: Pki, tmp_path: Path
) -> None:
    async with scene(pki, tmp_path, profile=1, follower={"answers": {"SecurityProfile": LEAVES}}) as it:
        assert await it.upgraded(2) == ["key", "rootCertificate", "profile", "reconnection", "minimum"]


async def test_a_charge_point_that_falls_back_is_told_and_served_on(
    autojump_clock: Any, pki: Pki, tmp_path: Path
) -> None:
    foreign = Authority.new(START).root_pem
    async with scene(pki, tmp_path, profile=1, follower={"root": foreign}) as it:
        began = trio.current_time()
        steps = await it.fails(2, "reconnection", "it came back with profile 1", rootCertificate=foreign)
        assert steps == ["key", "rootCertificate", "profile"]
        assert trio.current_time() - began < 60
        assert it.follower.used == [1, 1]
        await it.upgraded(2, rootCertificate=pki.authority.root_pem)


async def test_a_charge_point_that_stays_away_is_waited_for_so_long(
    autojump_clock: Any, pki: Pki, tmp_path: Path
) -> None:
    async with scene(pki, tmp_path, profile=1, follower={"stays_away": True}) as it:
        began = trio.current_time()
        await it.fails(2, "reconnection", "did not come back within 120 s", patience=120)
        assert 120 <= trio.current_time() - began < 150
        answer = await it.upgrade(2)
        assert answer.json()["type"] == "urn:ocpp-actors:problem:not-connected"


@define
class Failing:
    async def sign(self, *_: Any) -> str:
        raise SigningFailed("out of order")


@define
class Silent:
    async def sign(self, *_: Any) -> str:
        await trio.sleep_forever()
        raise AssertionError


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (Failing(), "no certificate could be signed: out of order"),
        (Silent(), "it has taken no certificate within 20 s"),
    ],
)
async def test_without_a_certificate_the_profile_is_not_changed(
    autojump_clock: Any, pki: Pki, tmp_path: Path, signer: Any, reason: str
) -> None:
    async with scene(pki, tmp_path, profile=1, signer=signer) as it:
        assert await it.fails(3, "certificate", reason, patience=20) == ["rootCertificate"]
        assert "SecurityProfile" not in [payload.get("key") for _, payload in it.follower.heard]


@pytest.mark.parametrize(
    ("lacking", "to", "reason"),
    [
        ({"tls": False}, 2, "TLS_PORT"),
        ({"client_certificates": False}, 3, "TLS_CLIENT_CA"),
    ],
)
async def test_what_the_server_lacks_is_told_before_anything_is_asked(
    autojump_clock: Any, pki: Pki, tmp_path: Path, lacking: dict[str, bool], to: int, reason: str
) -> None:
    async with scene(pki, tmp_path, profile=1) as it:
        central = it.api.central
        has = {"tls": True, "client_certificates": True, **lacking}
        it.api.desk.upgrades = Upgrades(central.fleet, it.api.desk.calls, central.system, **has)  # type: ignore[arg-type]
        await it.fails(to, "prerequisites", reason)
        assert it.follower.heard == []


async def test_without_an_authority_a_certificate_has_to_be_there(
    autojump_clock: Any, pki: Pki, tmp_path: Path
) -> None:
    async with scene(pki, tmp_path, profile=1) as it:
        it.api.central.system.signing._signer = None
        await it.fails(3, "certificate", "set CERTIFICATE_AUTHORITY")


async def test_a_profile_is_not_lowered(autojump_clock: Any, pki: Pki, tmp_path: Path) -> None:
    async with scene(pki, tmp_path, profile=2) as it:
        await it.fails(1, "prerequisites", "it uses profile 2; a lower one cannot be set over OCPP")
        assert it.follower.heard == []


async def test_there_is_one_upgrade_at_a_time(autojump_clock: Any, pki: Pki, tmp_path: Path) -> None:
    async with scene(pki, tmp_path, profile=1, follower={"stays_away": True}) as it:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.upgrade, 2)
            await trio.testing.wait_all_tasks_blocked()
            second = await it.upgrade(2)
        assert second.json()["type"] == "urn:ocpp-actors:problem:upgrade-in-progress"
        assert (await it.upgrade(2)).json()["type"] == "urn:ocpp-actors:problem:not-connected"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("CP1", {}, 422),
        ("CP1", {"profile": 0}, 422),
        ("CP1", {"profile": 4}, 422),
        ("CP1", {"profile": 2, "patience": 0}, 422),
        ("CP1", {"profile": 2, "rootCertificate": "x" * 5501}, 422),
        ("CP1", {"profile": 2, "rootCertificate": "no certificate"}, 422),
        ("CP2", {"profile": 2}, 404),
        ("OFF", {"profile": 2}, 409),
    ],
)
async def test_other_requests_are_refused(
    autojump_clock: Any, pki: Pki, tmp_path: Path, path: str, body: Any, status: int
) -> None:
    async with scene(pki, tmp_path) as it:
        await introduce(it.api.central.ledger, "OFF")
        answer = await it.api.client.post(f"/api/v1/charge-points/{path}/security-profile", json=body)
        assert answer.status_code == status
        assert it.follower.heard == []
