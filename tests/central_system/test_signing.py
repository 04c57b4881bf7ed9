"""Certificates of charge points, from the request to what becomes of it (security whitepaper A02, A03)."""

import base64
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.support.central import START, Central, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.known import introduce
from tests.support.messages import hears_nothing, serve_command
from tests.support.requests import csr, new_key

from ocpp_actors.central_system import signing
from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.outside import SigningFailed
from ocpp_actors.certificates.signers import BuiltIn
from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    ListCertificates,
    ListSecurityEvents,
    ListSigningRequests,
    RecordCertificate,
    SetCertificateState,
)
from ocpp_actors.protocol.messages import ExtendedMessageTrigger, ExtendedTriggerMessage, RegistrationStatus

AUTHORITY = Authority.new(START)
KEY = new_key()
PASSWORD = b"0123456789abcdef"
PROOF = [(b"Authorization", b"Basic " + base64.b64encode(b"CP:" + PASSWORD))]
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
TRIGGER = ExtendedTriggerMessage(requested_message=ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE)
SERIAL = {"chargePointSerialNumber": "SN-1"}


def built_in() -> BuiltIn:
    return BuiltIn(AUTHORITY, TrioClock(START))


@asynccontextmanager
async def open_keyed(**how: Any) -> AsyncIterator[Central]:
    """Run a central system that knows the key of the charge points of this test."""
    async with open_central(**how) as central:
        for number in range(10):
            await introduce(central.ledger, f"CP{number}", key=PASSWORD)
        yield central


@define
class Fake:
    """A signer that does what the test says, one request after the other."""

    act: Callable[[str], Any] = lambda request: AUTHORITY.sign(request, START, names=("SN-1", "CP1", "CP2"))
    gate: trio.Event | None = None
    asked: list[tuple[str, frozenset[str]]] = field(factory=list)
    requests: list[str] = field(factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def sign(self, request: str, identity: str, names: Collection[str]) -> str:
        self.asked.append((identity, frozenset(names)))
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            chain: str = self.act(request)
        finally:
            self.at_once -= 1
        return chain


async def certificates(central: Central) -> list[Certificate]:
    return await central.ledger.ask(ListCertificates())


async def failures(central: Central) -> list[tuple[str, str]]:
    await trio.testing.wait_all_tasks_blocked()
    events = await central.ledger.ask(ListSecurityEvents())
    assert {event.type for event in events} <= {"CertificateSigningFailed"}
    return [(event.identity, event.tech_info or "") for event in events]


@pytest.mark.parametrize(
    ("answer", "state"), [(ACCEPTED, CertificateState.ACCEPTED), (REJECTED, CertificateState.REJECTED)]
)
async def test_a_request_becomes_a_certificate_that_the_charge_point_takes_or_not(
    autojump_clock: Any, answer: Any, state: CertificateState
) -> None:
    async with open_keyed(signer=built_in()) as central, central.charger(headers=PROOF) as charger:
        await charger.boot(**SERIAL)
        request = csr("SN-1")
        assert await charger.result("SignCertificate", {"csr": request}) == ACCEPTED
        action, payload = await serve_command(charger, answer)
        await trio.testing.wait_all_tasks_blocked()
        [kept] = await certificates(central)
        [asked] = await central.ledger.ask(ListSigningRequests("CP1"))
        assert await failures(central) == []
    assert action == "CertificateSigned"
    assert payload == {"certificateChain": kept.chain}
    assert (kept.identity, kept.subject, kept.state) == ("CP1", "CN=SN-1", state)
    assert asked.csr == request


async def test_the_answer_comes_before_the_certificate(autojump_clock: Any) -> None:
    async with open_keyed(signer=built_in()) as central, central.charger(headers=PROOF) as charger:
        await charger.boot()
        await charger.send([2, "1", "SignCertificate", {"csr": csr()}])
        assert await charger.receive() == [3, "1", ACCEPTED]
        assert (await charger.receive())[2] == "CertificateSigned"


async def test_a_charge_point_that_is_signed_for_is_served_on(autojump_clock: Any) -> None:
    signer = Fake(gate=trio.Event())
    async with open_keyed(signer=signer) as central, central.charger(headers=PROOF) as charger:
        await charger.boot()
        await charger.result("SignCertificate", {"csr": csr()})
        assert "currentTime" in await charger.result("Heartbeat", {})
        assert signer.asked == [("CP1", frozenset({"CP1"}))]


async def test_a_certificate_waits_for_a_charge_point_that_lost_its_connection(autojump_clock: Any) -> None:
    gate = trio.Event()
    async with open_keyed(signer=Fake(gate=gate)) as central:
        async with central.charger(headers=PROOF) as charger:
            await charger.boot()
            await charger.result("SignCertificate", {"csr": csr()})
        gate.set()
        await trio.sleep(20)
        [kept] = await certificates(central)
        assert kept.state is CertificateState.SIGNED
        async with central.charger(headers=PROOF) as charger:
            action, payload = await serve_command(charger, ACCEPTED)
            await trio.testing.wait_all_tasks_blocked()
        [kept] = await certificates(central)
    assert (action, payload) == ("CertificateSigned", {"certificateChain": kept.chain})
    assert kept.state is CertificateState.ACCEPTED


async def test_a_newer_request_takes_the_place_of_one_that_waits(
    autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "AT_ONCE", 1)
    signer = Fake(gate=trio.Event())
    requests = [csr() for _ in range(3)]
    async with open_keyed(signer=signer) as central, central.charger(headers=PROOF) as charger:
        await charger.boot()
        for request in requests:
            assert await charger.result("SignCertificate", {"csr": request}) == ACCEPTED
        assert signer.gate is not None
        signer.gate.set()
        for _ in range(2):
            await serve_command(charger, ACCEPTED)
        assert await hears_nothing(charger, 60)
    assert signer.requests == [requests[0], requests[2]]


async def test_so_many_are_signed_at_once_and_so_many_wait(
    autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "WAITING", 2)
    signer = Fake(gate=trio.Event(), act=lambda request: AUTHORITY.sign(request, START, names=("SN",)))
    async with open_keyed(signer=signer) as central, trio.open_nursery() as nursery:
        answers = {}

        async def ask(identity: str, task_status: trio.TaskStatus[None]) -> None:
            async with central.charger(identity, headers=PROOF) as charger:
                await charger.boot(chargePointSerialNumber="SN")
                answers[identity] = await charger.result("SignCertificate", {"csr": csr("SN")})
                await trio.testing.wait_all_tasks_blocked()
                task_status.started()
                await trio.sleep_forever()

        for number in range(signing.AT_ONCE + 3):
            await nursery.start(ask, f"CP{number}")
        reasons = await failures(central)
        nursery.cancel_scope.cancel()
    assert signer.most_at_once == signing.AT_ONCE
    assert list(answers.values()) == [ACCEPTED] * (signing.AT_ONCE + 2) + [REJECTED]
    assert reasons == [("CP6", "2 charge points wait for the certificate authority")]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ("PEM", "no certificate signing request"),
        (csr("SN-2", "Operator"), "its CN is 'SN-2'"),
        (csr("SN-1"), "its O is '' instead of 'Operator'"),
    ],
)
async def test_a_request_that_is_no_good_is_rejected_and_told_of(
    autojump_clock: Any, request_: str, reason: str
) -> None:
    signer = Fake()
    async with (
        open_keyed(signer=signer, tls_client_organization="Operator") as central,
        central.charger(headers=PROOF) as charger,
    ):
        await charger.boot(**SERIAL)
        assert await charger.result("SignCertificate", {"csr": request_}) == REJECTED
        assert await hears_nothing(charger, 60)
        [(identity, told)] = await failures(central)
    assert identity == "CP1"
    assert reason in told
    assert signer.asked == []


def fails(request: str) -> str:
    raise SigningFailed("out of order")


def crashes(request: str) -> str:
    raise ZeroDivisionError


def of_another_key(request: str) -> str:
    return AUTHORITY.sign(csr(), START, names=("CP1",))


def of_another_name(request: str) -> str:
    return AUTHORITY.sign(csr("CP9", key=KEY), START, names=("CP9",))


def an_authority(request: str) -> str:
    """As a command line does that signs with the wrong profile."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CP1")])
    certificate = (
        x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return certificate.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def from_long_ago(request: str) -> str:
    return Authority.new(START.replace(year=2010), life=timedelta(days=400)).sign(
        request, START.replace(year=2010), names=("CP1",)
    )


def much_too_long(request: str) -> str:
    return AUTHORITY.sign(request, START, names=("CP1",)) + AUTHORITY.root_pem * 30


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (fails, "out of order"),
        (crashes, "made a mistake"),
        (of_another_key, "another key"),
        (of_another_name, "a certificate of 'CP9', the request is one of 'CP1'"),
        (an_authority, "may sign others itself"),
        (from_long_ago, "not now"),
        (much_too_long, "leave out the root"),
        (lambda request: "nothing", "no certificate chain"),
    ],
)
async def test_an_authority_that_fails_is_told_of_and_the_next_request_is_signed(
    autojump_clock: Any, act: Any, reason: str
) -> None:
    signer = Fake(act=act)
    async with open_keyed(signer=signer) as central, central.charger(headers=PROOF) as charger:
        await charger.boot()
        assert await charger.result("SignCertificate", {"csr": csr(key=KEY)}) == ACCEPTED
        assert await hears_nothing(charger, 60)
        [(identity, told)] = await failures(central)
        assert (identity, reason in told) == ("CP1", True), told
        assert await certificates(central) == []
        signer.act = Fake().act
        for _ in range(signing.AT_ONCE):
            assert await charger.result("SignCertificate", {"csr": csr()}) == ACCEPTED
            assert (await serve_command(charger, ACCEPTED))[0] == "CertificateSigned"


async def test_a_certificate_of_another_organization_is_not_sent(autojump_clock: Any) -> None:
    signer = Fake(act=lambda request: AUTHORITY.sign(csr("CP1", "Another", key=KEY), START, names=("CP1",)))
    async with (
        open_keyed(signer=signer, tls_client_organization="Operator") as central,
        central.charger(headers=PROOF) as charger,
    ):
        await charger.boot()
        assert await charger.result("SignCertificate", {"csr": csr("CP1", "Operator", key=KEY)}) == ACCEPTED
        assert await hears_nothing(charger, 60)
        [(_, told)] = await failures(central)
    assert "whose O is 'Another' instead of 'Operator'" in told


async def test_an_authority_has_so_much_time(autojump_clock: Any) -> None:
    signer = Fake(gate=trio.Event())
    async with (
        open_keyed(signer=signer, certificate_authority_timeout=7.0) as central,
        central.charger(headers=PROOF) as charger,
    ):
        await charger.boot()
        await charger.result("SignCertificate", {"csr": csr()})
        began = trio.current_time()
        await trio.sleep(6.9)
        assert await failures(central) == []
        await trio.sleep(0.2)
        [(_, told)] = await failures(central)
        assert "within 7 s (CERTIFICATE_AUTHORITY_TIMEOUT)" in told
        assert trio.current_time() - began < 8


async def test_a_certificate_that_cannot_be_kept_is_not_sent(autojump_clock: Any) -> None:
    ledger = FailingLedger(MemoryLedger())
    async with (
        open_keyed(ledger=ledger, signer=built_in()) as central,
        central.charger(headers=PROOF) as charger,
    ):
        await charger.boot()
        ledger.unavailable(RecordCertificate)
        assert await charger.result("SignCertificate", {"csr": csr()}) == ACCEPTED
        assert await hears_nothing(charger, 60)
        [(_, told)] = await failures(central)
    assert "cannot be kept" in told


async def test_a_revoked_certificate_stays_revoked_whatever_the_charge_point_says(
    autojump_clock: Any,
) -> None:
    async with open_keyed(signer=built_in()) as central, central.charger(headers=PROOF) as charger:
        await charger.boot()
        await charger.result("SignCertificate", {"csr": csr()})
        frame = await charger.receive()
        [kept] = await certificates(central)
        await central.ledger.ask(SetCertificateState(kept.certificate_id, CertificateState.REVOKED, START))
        await charger.send([3, frame[1], ACCEPTED])
        await trio.testing.wait_all_tasks_blocked()
        [kept] = await certificates(central)
    assert kept.state is CertificateState.REVOKED


async def test_while_pending_a_triggered_request_is_signed(autojump_clock: Any) -> None:
    """A charge point with factory credentials gets its own before it may do anything else (A00.FR.806)."""
    async with open_keyed(signer=built_in()) as central:
        await introduce(central.ledger, key=PASSWORD, registration=RegistrationStatus.PENDING)
        async with central.charger(headers=PROOF) as charger:
            await charger.boot()
            asked = central.fleet.submit("CP1", TRIGGER)
            await serve_command(charger, ACCEPTED)
            await asked.wait()
            assert await charger.result("SignCertificate", {"csr": csr()}) == ACCEPTED
            assert (await serve_command(charger, ACCEPTED))[0] == "CertificateSigned"


async def test_who_has_proved_nothing_gets_no_certificate(autojump_clock: Any) -> None:
    """It would let a stranger in for as long as it is valid, whatever key the charge point is given later."""
    async with open_central(signer=built_in()) as central, central.charger("STRANGER") as charger:
        await charger.boot()
        assert await charger.result("SignCertificate", {"csr": csr("STRANGER")}) == REJECTED
        [(_, told)] = await failures(central)
    assert "security profile 0" in told
