"""Who is let in under which security profile, over real TLS (security whitepaper §2)."""

import base64
import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from attrs import frozen
from structlog.testing import capture_logs
from tests.support.central import START, Central, open_central
from tests.support.known import introduce
from trio_websocket import ConnectionRejected

from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    ListSecurityEvents,
    RecordBoot,
    RecordCertificate,
)
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.server.tls import ServerTls

KEY = b"0123456789abcdef0123456789abcdef01234567"
SERIAL = "SN-001"
OPERATOR = "Operator"


@frozen
class Variant:
    """How a charge point connects. ``certificate``: what is in the one that it shows."""

    tls: bool = False
    key: bytes | None = None
    certificate: dict[str, Any] | None = None
    kept_as: tuple[str, CertificateState] | None = None
    """Whose it is, and in which state, where it was signed here."""


OWN: dict[str, Any] = {"common_name": SERIAL, "organization_name": OPERATOR}
VARIANTS = {
    "nothing": Variant(),
    "key": Variant(key=KEY),
    "key in binary": Variant(key=bytes.fromhex(KEY.decode())),
    "wrong key": Variant(key=b"0123456789abcdef0123456789abcdef01234568"),
    "tls": Variant(tls=True),
    "tls, key": Variant(tls=True, key=KEY),
    "tls, wrong key": Variant(tls=True, key=b"wrong"),
    "certificate": Variant(tls=True, certificate=OWN),
    "certificate of the identity": Variant(tls=True, certificate=OWN | {"common_name": "CP1"}),
    "certificate, wrong CN": Variant(tls=True, certificate=OWN | {"common_name": "SN-002"}),
    "certificate, wrong CN, key": Variant(tls=True, key=KEY, certificate=OWN | {"common_name": "SN-002"}),
    "certificate, wrong O": Variant(tls=True, certificate=OWN | {"organization_name": "Another"}),
    "revoked certificate": Variant(tls=True, certificate=OWN, kept_as=("CP1", CertificateState.REVOKED)),
    "own certificate": Variant(
        tls=True, certificate=OWN | {"common_name": "CP1"}, kept_as=("cp1", CertificateState.ACCEPTED)
    ),
    "certificate of another": Variant(tls=True, certificate=OWN, kept_as=("CP2", CertificateState.ACCEPTED)),
}

FAILED = "FailedToAuthenticateAtCentralSystem"
INVALID = "InvalidChargePointCertificate"
LOW = "SecurityProfileTooLow"
Outcome = tuple[int, tuple[str, ...]]
LET_IN: Outcome = (101, ())
NO_KEY, NOT_ITS_OWN, TOO_LOW = (401, (FAILED,)), (401, (INVALID,)), (403, (LOW,))
BY_KEY: Outcome = (101, (INVALID,))
NEITHER: Outcome = (401, (INVALID, FAILED))
"""A certificate was shown that is not its own, and no key that is right."""

# What a charge point with a key gets: status and recorded events, by the profile that is required.
TABLE: dict[str, dict[int, Outcome]] = {
    "nothing": {0: NO_KEY, 1: NO_KEY, 2: TOO_LOW, 3: TOO_LOW},
    "key": {0: LET_IN, 1: LET_IN, 2: TOO_LOW, 3: TOO_LOW},
    "key in binary": {0: LET_IN, 1: LET_IN, 2: TOO_LOW, 3: TOO_LOW},
    "wrong key": {0: NO_KEY, 1: NO_KEY, 2: TOO_LOW, 3: TOO_LOW},
    "tls": {0: NO_KEY, 1: NO_KEY, 2: NO_KEY, 3: TOO_LOW},
    "tls, key": {0: LET_IN, 1: LET_IN, 2: LET_IN, 3: TOO_LOW},
    "tls, wrong key": {0: NO_KEY, 1: NO_KEY, 2: NO_KEY, 3: TOO_LOW},
    "certificate": {0: LET_IN, 1: LET_IN, 2: LET_IN, 3: LET_IN},
    "certificate of the identity": {0: LET_IN, 1: LET_IN, 2: LET_IN, 3: LET_IN},
    "certificate, wrong CN": {0: NEITHER, 1: NEITHER, 2: NEITHER, 3: NOT_ITS_OWN},
    "certificate, wrong CN, key": {0: BY_KEY, 1: BY_KEY, 2: BY_KEY, 3: NOT_ITS_OWN},
    "certificate, wrong O": {0: NEITHER, 1: NEITHER, 2: NEITHER, 3: NOT_ITS_OWN},
    "own certificate": {0: LET_IN, 1: LET_IN, 2: LET_IN, 3: LET_IN},
    "certificate of another": {0: NEITHER, 1: NEITHER, 2: NEITHER, 3: NOT_ITS_OWN},
    "revoked certificate": {0: NEITHER, 1: NEITHER, 2: NEITHER, 3: NOT_ITS_OWN},
}


@frozen
class Authorities:
    """Who signs what in these tests."""

    operators: trustme.CA
    foreign: trustme.CA
    server: ServerTls


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    directory = tmp_path_factory.mktemp("certificates")
    operators, foreign = trustme.CA(), trustme.CA()
    operators.cert_pem.write_to_path(str(directory / "ca.pem"))
    own = operators.issue_cert("central.test")
    own.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
    server = ServerTls([str(directory / "server.pem")], [], str(directory / "ca.pem"))
    return Authorities(operators, foreign, server)


def client_context(authorities: Authorities, variant: Variant) -> tuple[ssl.SSLContext, bytes | None]:
    """What the charge point speaks TLS with, and the certificate that it shows, in PEM."""
    context = ssl.create_default_context()
    authorities.operators.configure_trust(context)
    if variant.certificate is None:
        return context, None
    certificate = authorities.operators.issue_cert("charger.test", **variant.certificate)
    certificate.configure_cert(context)
    return context, certificate.cert_chain_pems[0].bytes()


def basic(key: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"Authorization", b"Basic " + base64.b64encode(b"CP1:" + key))]


async def outcome(central: Central, authorities: Authorities, variant: Variant) -> int:
    """Connect, and return the status of the answer."""
    how: dict[str, Any] = {"headers": basic(variant.key) if variant.key else []}
    if variant.tls:
        context, shown = client_context(authorities, variant)
        how["tls"] = (authorities.server, context)
        if variant.kept_as is not None and shown is not None:
            await keep(central, shown, *variant.kept_as)
    status = 0
    try:
        async with central.charger(**how) as charger:
            await charger.boot(chargePointSerialNumber=SERIAL)
            status = 101
    except* ConnectionRejected as group:
        status = leaves(group)[0].status_code
    return status


def leaves(group: BaseExceptionGroup[Any]) -> list[Any]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (leaves(each) if isinstance(each, BaseExceptionGroup) else [each])
    ]


async def keep(central: Central, pem: bytes, identity: str, state: CertificateState) -> None:
    import hashlib

    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    await central.ledger.ask(
        RecordCertificate(
            Certificate(
                identity=identity,
                fingerprint=hashlib.sha256(der).hexdigest(),
                serial_number="1",
                issuer="CN=ca",
                subject="CN=cp",
                chain=pem.decode(),
                not_before=START,
                not_after=START,
                state=state,
                changed_at=START,
            )
        )
    )


CASES = [(name, required, *expected) for name, row in TABLE.items() for required, expected in row.items()]


@pytest.mark.parametrize("raised", [False, True], ids=["of the server", "of the charge point"])
@pytest.mark.parametrize(
    ("name", "required", "status", "events"), CASES, ids=[f"{case[0]}, profile {case[1]}" for case in CASES]
)
async def test_each_profile_takes_what_it_asks_for(
    autojump_clock: trio.abc.Clock,
    authorities: Authorities,
    tmp_path: Path,
    name: str,
    required: int,
    status: int,
    events: tuple[str, ...],
    raised: bool,
) -> None:
    settings: dict[str, Any] = {
        "security_profile": 0 if raised else required,
        "tls_port": 0,
        "tls_certificate": "server.pem",
        "tls_client_ca": "ca.pem",
        "tls_client_organization": OPERATOR,
    }
    async with open_central(**settings) as central:
        await introduce(central.ledger, key=KEY, security_profile=required if raised else 0)
        boot = {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": SERIAL}
        await central.ledger.ask(RecordBoot("CP1", RegistrationStatus.ACCEPTED, boot, START))
        assert await outcome(central, authorities, VARIANTS[name]) == status
        recorded = await central.ledger.ask(ListSecurityEvents())
        assert sorted(each.type for each in recorded) == sorted(events)
        assert {each.identity for each in recorded} <= {"CP1"}
        assert all((each.tech_info or "").endswith(", from test") for each in recorded)


NOT_AFTER: dict[str, Any] = {
    "not_before": datetime(2019, 1, 1, tzinfo=UTC),
    "not_after": datetime(2020, 1, 1, tzinfo=UTC),
}
OLD = ssl.TLSVersion.TLSv1_2


def without(authorities: Authorities) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authorities.operators.configure_trust(context)
    return context


def with_expired(authorities: Authorities) -> ssl.SSLContext:
    context = without(authorities)
    authorities.operators.issue_cert("charger.test", **OWN, **NOT_AFTER).configure_cert(context)
    return context


def with_foreign(authorities: Authorities) -> ssl.SSLContext:
    context = without(authorities)
    authorities.foreign.issue_cert("charger.test", **OWN).configure_cert(context)
    return context


def with_old_version(authorities: Authorities) -> ssl.SSLContext:
    context = without(authorities)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def with_weak_cipher(authorities: Authorities) -> ssl.SSLContext:
    context = without(authorities)
    context.maximum_version = OLD
    context.set_ciphers("ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA")
    return context


def distrusting(_authorities: Authorities) -> ssl.SSLContext:
    return ssl.create_default_context()


async def said(client: Any) -> bytes:
    """What the server says first; with TLS 1.3 it looks at the charge point's certificate after its own handshake."""
    await client.do_handshake()
    return bytes(await client.receive_some())


@pytest.mark.parametrize("latest", [OLD, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize(
    ("context_of", "event"),
    [
        (with_expired, INVALID),
        (with_foreign, INVALID),
        (with_old_version, "InvalidTLSVersion"),
        (with_weak_cipher, "InvalidTLSCipherSuite"),
        (distrusting, None),
    ],
)
async def test_what_is_no_good_ends_the_tls_handshake(
    autojump_clock: trio.abc.Clock,
    authorities: Authorities,
    context_of: Any,
    event: str | None,
    latest: ssl.TLSVersion,
) -> None:
    context = context_of(authorities)
    if context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED:
        context.maximum_version = latest
    async with open_central() as central:
        ours, theirs = central.pipe()
        server = trio.SSLStream(theirs, authorities.server.context(), server_side=True, https_compatible=True)
        central.accept(server)
        client = trio.SSLStream(ours, context, server_hostname="central.test", https_compatible=True)
        with pytest.raises(trio.BrokenResourceError) as broken:
            await said(client)
        assert isinstance(broken.value.__cause__, ssl.SSLError)
        await trio.testing.wait_all_tasks_blocked()
        recorded = await central.ledger.ask(ListSecurityEvents())
        assert [(each.type, each.identity) for each in recorded] == ([] if event is None else [(event, "")])
        async with central.charger("CP2", tls=(authorities.server, without(authorities))) as charger:
            await charger.boot()


def hello() -> bytes:
    """The first words of a charge point that speaks TLS 1.2."""
    context = ssl.create_default_context()
    context.maximum_version = OLD
    written = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), written, server_hostname="central.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return written.read()


CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"


@pytest.mark.parametrize(
    ("first_words", "reason"),
    [
        (b"GET /ocpp/CP1 HTTP/1.1\r\n", "http request"),
        (hello() + CLOSE_NOTIFY, "the peer left during the TLS handshake"),
        (hello(), "the peer took too long for the TLS handshake"),
    ],
    ids=["no TLS", "close_notify", "silence"],
)
async def test_why_there_is_no_tls_connection_is_logged(
    autojump_clock: trio.abc.Clock, authorities: Authorities, first_words: bytes, reason: str
) -> None:
    with capture_logs() as lines:
        async with open_central() as central:
            ours, theirs = central.pipe()
            central.accept(
                trio.SSLStream(theirs, authorities.server.context(), server_side=True, https_compatible=True)
            )
            await ours.send_all(first_words)
            await trio.sleep(100)
    assert [(line["event"], line["reason"]) for line in lines if "reason" in line] == [
        ("no TLS connection", reason)
    ]


@pytest.mark.parametrize("latest", [OLD, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize(
    ("through", "ends", "year"),
    [(False, 2100, 1999), (False, 2100, 2200), (True, 4000, 3500)],
    ids=["not yet valid", "expired", "its authority expired"],
)
async def test_a_resumed_session_is_as_good_as_its_certificates(
    autojump_clock: trio.abc.Clock,
    authorities: Authorities,
    latest: ssl.TLSVersion,
    through: bool,
    ends: int,
    year: int,
) -> None:
    """OpenSSL looks at a certificate in a full handshake only, so it is the server that has to look at its time.

    ``through`` an authority below the operators' own, which ends in 3000, the certificate is signed.
    """
    context = without(authorities)
    context.maximum_version = latest
    certificate: dict[str, Any] = {"common_name": "CP1", "not_after": datetime(ends, 1, 1, tzinfo=UTC)}
    authority = authorities.operators.create_child_ca() if through else authorities.operators
    authority.issue_cert("charger.test", **certificate).configure_cert(context)
    async with open_central(tls=authorities.server) as central:
        async with central.charger(tls=(authorities.server, context)) as charger:
            await charger.boot()
            session: Any = getattr(charger.stream, "session")  # noqa: B009 — that of TLS

        def resuming() -> Any:
            ours, theirs = central.pipe()
            tls = authorities.server.context()
            central.accept(trio.SSLStream(theirs, tls, server_side=True, https_compatible=True))
            client = trio.SSLStream(ours, context, server_hostname="central.test", https_compatible=True)
            client.session = session
            return client

        client = resuming()
        await client.do_handshake()
        assert client.session_reused
        await trio.aclose_forcefully(client)
        central.system.clock = TrioClock(datetime(year, 1, 1, tzinfo=UTC))
        client = resuming()
        assert await said(client) == b""
        assert client.session_reused
        await trio.testing.wait_all_tasks_blocked()
        recorded = await central.ledger.ask(ListSecurityEvents())
        assert [(each.type, each.identity) for each in recorded] == [(INVALID, "")]
        # It is not locked out by its old session once it has a certificate that is valid.
        client = resuming()
        await client.do_handshake()
        assert not client.session_reused
        await trio.aclose_forcefully(client)


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("nothing", 0),
        ("tls", 0),
        ("key", 1),
        ("tls, key", 2),
        ("certificate, wrong CN, key", 2),
        ("certificate", 3),
    ],
)
async def test_the_profile_in_use_is_known(
    autojump_clock: trio.abc.Clock, authorities: Authorities, name: str, profile: int
) -> None:
    variant = VARIANTS[name]
    async with open_central() as central:
        await introduce(central.ledger, key=KEY if variant.key else None)
        how: dict[str, Any] = {"headers": basic(variant.key) if variant.key else []}
        if variant.tls:
            boot = {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": SERIAL}
            await central.ledger.ask(RecordBoot("CP1", RegistrationStatus.ACCEPTED, boot, START))
            how["tls"] = (authorities.server, client_context(authorities, variant)[0])
        async with central.charger(**how) as charger:
            await charger.boot()
            entry = central.fleet.find("CP1")
            assert entry is not None
            assert entry.session is not None
            assert entry.session.security_profile == profile


async def test_a_certificate_of_the_serial_number_counts_after_the_first_boot(
    autojump_clock: trio.abc.Clock, authorities: Authorities
) -> None:
    """A new charge point with a certificate from the factory: its key lets it in, once."""
    context = client_context(authorities, VARIANTS["certificate"])[0]
    tls = (authorities.server, context)
    async with open_central() as central:
        await introduce(central.ledger, key=KEY, security_profile=2)
        async with central.charger(tls=tls, headers=basic(KEY)) as charger:
            await charger.boot(chargePointSerialNumber=SERIAL)
        await introduce(central.ledger, security_profile=3)
        async with central.charger(tls=tls) as charger:
            await charger.result("Heartbeat", {})
        recorded = await central.ledger.ask(ListSecurityEvents())
        assert [each.type for each in recorded] == [INVALID]
