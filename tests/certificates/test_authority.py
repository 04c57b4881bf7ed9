"""The small certificate authority: what it signs, what it refuses (security whitepaper §2.6)."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from tests.support.requests import csr, key_pem, new_key

from ocpp_actors.certificates.authority import Authority, KeyKind, UnusableAuthority
from ocpp_actors.certificates.chains import UnusableChain, read_chain
from ocpp_actors.certificates.requests import UnusableRequest, check

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = ("SN-1", "CP1")


@pytest.fixture(scope="module", params=["ecdsa", "rsa"])
def authority(request: pytest.FixtureRequest) -> Authority:
    return Authority.new(NOW, name="Operator", key=request.param)


def read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def attribute(name: x509.Name, kind: ObjectIdentifier) -> list[Any]:
    return [each.value for each in name.get_attributes_for_oid(kind)]


def test_a_request_becomes_a_certificate_of_a_client(authority: Authority) -> None:
    key = new_key()
    more = (x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),)
    signed = read(
        authority.sign(csr("SN-1", "Operator", key=key, more=more), NOW, names=NAMES, organization="Operator")
    )
    signed.verify_directly_issued_by(authority.root)
    assert signed.public_key() == key.public_key()
    assert attribute(signed.subject, NameOID.COMMON_NAME) == ["SN-1"]
    assert attribute(signed.subject, NameOID.ORGANIZATION_NAME) == ["Operator"]
    assert attribute(signed.subject, NameOID.COUNTRY_NAME) == []
    extensions = signed.extensions
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert signed.serial_number > 0
    assert signed.not_valid_before_utc <= NOW
    assert signed.not_valid_after_utc == NOW + timedelta(days=365)


def test_an_authority_of_rsa_signs_with_pss(authority: Authority) -> None:
    parameters = read(authority.sign(csr(), NOW, names=NAMES)).signature_algorithm_parameters
    if isinstance(authority.root.public_key(), rsa.RSAPublicKey):
        assert isinstance(parameters, padding.PSS)
    else:
        assert isinstance(parameters, ec.ECDSA)


def test_no_two_certificates_have_the_same_serial_number(authority: Authority) -> None:
    request = csr()
    assert len({read(authority.sign(request, NOW, names=NAMES)).serial_number for _ in range(5)}) == 5


def test_no_certificate_outlives_the_root(authority: Authority) -> None:
    late = authority.root.not_valid_after_utc - timedelta(days=3)
    assert read(authority.sign(csr(), late, names=NAMES)).not_valid_after_utc == late + timedelta(days=3)
    with pytest.raises(ValueError, match="before"):
        authority.sign(csr(), late + timedelta(days=4), names=NAMES)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_server_and_charge_point_shake_hands(authority: Authority, kind: KeyKind, tmp_path: Path) -> None:
    server = authority.server_certificate(["central.test", "127.0.0.1"], NOW, key=kind)
    key = new_key()
    own = authority.sign(csr("SN-1", "Operator", key=key), NOW, names=NAMES)
    (tmp_path / "server.pem").write_text(server.certificate + server.key)
    (tmp_path / "client.pem").write_text(own + key_pem(key))
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(tmp_path / "server.pem")
    here.load_verify_locations(cadata=authority.root_pem)
    here.verify_mode = ssl.CERT_REQUIRED
    there = ssl.create_default_context(cadata=authority.root_pem)
    there.load_cert_chain(tmp_path / "client.pem")
    for name in ("central.test", "127.0.0.1"):
        assert shake_hands(here, there, name) == (
            (("organizationName", "Operator"),),
            (("commonName", "SN-1"),),
        )
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(here, there, "other.test")


def shake_hands(here: ssl.SSLContext, there: ssl.SSLContext, name: str) -> Any:
    """The subject that the server sees, after a handshake through memory."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = here.wrap_bio(up, down, server_side=True)
    client = there.wrap_bio(down, up, server_hostname=name)
    for _ in range(4):
        for end in (client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    shown: Any = server.getpeercert()
    return shown["subject"]


def test_an_authority_is_kept_as_text(authority: Authority) -> None:
    again = Authority.load(authority.pem)
    assert again.root_pem == authority.root_pem
    assert "PRIVATE KEY" not in again.root_pem
    read(again.sign(csr(), NOW, names=NAMES)).verify_directly_issued_by(authority.root)
    assert "PRIVATE" not in repr(again)


def test_what_is_no_authority_is_refused(authority: Authority) -> None:
    other = Authority.new(NOW)
    for text in ("", "x", authority.root_pem, other.pem.replace(other.root_pem, authority.root_pem)):
        with pytest.raises(UnusableAuthority):
            Authority.load(text)


def of_short_rsa() -> str:
    return csr(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))


def of_short_curve() -> str:
    return csr(key=ec.generate_private_key(ec.SECP192R1()))


def of_another_kind() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CP1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    return request.public_bytes(Encoding.PEM).decode()


def with_another_signature() -> str:
    """A request of which the subject was changed after it was signed."""
    request = x509.load_pem_x509_csr(csr("CP2").encode())
    der = request.public_bytes(Encoding.DER).replace(b"CP2", b"CP1")
    return ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", "CERTIFICATE REQUEST")


def twice_named() -> str:
    return csr(more=(x509.NameAttribute(NameOID.COMMON_NAME, "CP1"),))


@pytest.mark.parametrize(
    ("request_of", "reason"),
    [
        (lambda: "nothing", "no certificate signing request"),
        (lambda: "", "no certificate signing request"),
        (lambda: csr("CP2"), "'CP2', which is neither"),
        (lambda: csr(None), "'', which is neither"),
        (twice_named, "2 CN"),
        (with_another_signature, "signature is not that of its key"),
        (of_short_rsa, "1024 bits"),
        (of_short_curve, "192 bits"),
        (of_another_kind, "neither one of RSA"),
    ],
)
def test_a_request_that_is_no_good_is_not_signed(authority: Authority, request_of: Any, reason: str) -> None:
    with pytest.raises(UnusableRequest, match=reason):
        authority.sign(request_of(), NOW, names=NAMES)


@pytest.mark.parametrize("organization", [None, "Another", "operator"])
def test_the_organization_has_to_be_the_operators(organization: str | None) -> None:
    with pytest.raises(UnusableRequest, match="CpoName"):
        check(csr("CP1", organization), NAMES, "Operator")
    assert check(csr("CP1", organization), NAMES).organization == (organization or "")


def test_a_name_that_is_not_there_is_no_name() -> None:
    with pytest.raises(UnusableRequest):
        check(csr(None), ("", "CP1"))


def test_a_chain_is_read(authority: Authority) -> None:
    key = new_key()
    request = csr("SN-1", "Operator", key=key)
    own = authority.sign(request, NOW, names=NAMES)
    chain = read_chain(f"as text\n{own}{authority.root_pem}")
    assert chain.pem == own + authority.root_pem
    assert (chain.common_name, chain.organization) == ("SN-1", "Operator")
    assert chain.subject == "CN=SN-1,O=Operator"
    assert chain.issuer == authority.root.subject.rfc4514_string()
    assert chain.serial_number == f"{read(own).serial_number:x}"
    assert chain.key_info == check(request, NAMES).key_info
    assert (chain.not_before, chain.not_after) == (NOW - timedelta(hours=1), NOW + timedelta(days=365))
    assert len(chain.fingerprint) == 64


@pytest.mark.parametrize(
    "text", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_chain_is_refused(text: str) -> None:
    with pytest.raises(UnusableChain):
        read_chain(text)
