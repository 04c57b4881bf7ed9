"""Certificates that a charge point keeps: roots that are installed, and its own."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.requests import check
from ocpp_actors.protocol.messages import CertificateStatus, CertificateUse
from ocpp_actors.testbench.simulated.certificates import (
    MAX_INSTALLED,
    Certificates,
    NotACertificate,
    hash_data,
    read,
)

ROOT = CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_what_identifies_a_certificate(certificate: str) -> None:
    """As ``openssl ocsp -sha256 -issuer c.pem -cert c.pem -req_text`` tells it."""
    found = hash_data(read(f"some text before\n{certificate}\n{certificate}"))
    assert found.issuer_name_hash == "5755cb125c31dfc7a6ddd44dd89deb23de94d138e6ee564b7439c3404624a2d0"
    assert found.issuer_key_hash == "eb57140da6399616317bc5d2c41f82c51f5f5225ad148bd77fdee6147fbab9eb"
    assert found.serial_number == "abc123"


@pytest.mark.parametrize("damage", ["nothing", "cut", "letters", "empty", "other"])
def test_what_is_no_certificate(certificate: str, damage: str) -> None:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    body = certificate.removeprefix(begin).rstrip().removesuffix(end)
    text = {
        "nothing": "",
        "cut": begin + body[:100] + "\n" + end,
        "letters": begin + "\n…\n" + end,
        "empty": begin + "\n" + end,
        "other": begin + "\nMAYCAQECAQI=\n" + end,
    }[damage]
    with pytest.raises(NotACertificate):
        read(text)


def test_installing_and_deleting(certificate: str) -> None:
    held = Certificates()
    assert held.install(ROOT, "nothing", NOW) is CertificateStatus.REJECTED
    assert held.roots == ""
    assert held.install(ROOT, certificate, NOW) is CertificateStatus.ACCEPTED
    assert held.install(ROOT, f"Wurzel für Ladesäulen\n{certificate}", NOW) is CertificateStatus.ACCEPTED
    assert held.roots == certificate, "what is beside it is not kept"
    (found,) = held.of(ROOT)
    assert held.of(CertificateUse.MANUFACTURER_ROOT_CERTIFICATE) == []
    other_spelling = evolve(found, serial_number=f"00{found.serial_number.upper()}")
    assert held.delete(other_spelling)
    assert not held.delete(found)
    assert held.roots == ""


def test_a_root_of_the_manufacturer_does_not_verify_the_central_system(certificate: str) -> None:
    held = Certificates()
    use = CertificateUse.MANUFACTURER_ROOT_CERTIFICATE
    assert held.install(use, certificate, NOW) is CertificateStatus.ACCEPTED
    assert held.roots == ""


def test_there_is_room_for_so_many() -> None:
    held = Certificates()
    roots = [Authority.new(NOW).root_pem for _ in range(MAX_INSTALLED + 1)]
    statuses = [held.install(ROOT, root, NOW) for root in roots]
    assert statuses == [CertificateStatus.ACCEPTED] * MAX_INSTALLED + [CertificateStatus.REJECTED]


def test_what_is_no_root_is_not_installed() -> None:
    held, authority = Certificates(), Authority.new(NOW, life=timedelta(days=1))
    leaf = authority.server_certificate(["localhost"], NOW).certificate
    assert held.install(ROOT, leaf, NOW) is CertificateStatus.REJECTED
    assert held.install(ROOT, authority.root_pem, NOW + timedelta(days=2)) is CertificateStatus.REJECTED
    assert held.install(ROOT, authority.root_pem, NOW) is CertificateStatus.ACCEPTED


def test_a_certificate_that_was_asked_for_is_taken() -> None:
    authority = Authority.new(NOW)
    held = Certificates(authority.root_pem)
    request = held.request("CP1", "Operator")
    assert (check(request, ["CP1"]).common_name, check(request, ["CP1"]).organization) == ("CP1", "Operator")
    chain = authority.sign(request, NOW, names=["CP1"], life=timedelta(days=9))
    assert held.take(chain, "CP1", NOW) is None
    assert held.own is not None
    assert held.own.chain == chain
    assert (held.own.is_valid(NOW), held.own.is_valid(NOW + timedelta(days=9))) == (True, False)
    assert held.take(chain, "CP1", NOW) == "it is not of the key that a certificate was asked for"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("key", "not of the key"),
        ("name", "its CN is 'CP2'"),
        ("root", "not signed by a root certificate that is known"),
        ("no root", "not signed by a root certificate that is known"),
        ("expired", "is valid from"),
        ("text", "no certificate chain in PEM"),
    ],
)
def test_another_certificate_is_not_taken(wrong: str, told: str) -> None:
    authority = Authority.new(NOW)
    held = Certificates("" if wrong == "no root" else authority.root_pem)
    request = held.request("CP2" if wrong == "name" else "CP1", "")
    if wrong == "key":
        held.request("CP1", "")
    signer = Authority.new(NOW) if wrong == "root" else authority
    chain = signer.sign(request, NOW, names=["CP1", "CP2"])
    late = timedelta(days=400 if wrong == "expired" else 0)
    reason = held.take("nothing" if wrong == "text" else chain, "CP1", NOW + late)
    assert reason is not None
    assert told in reason
    assert held.own is None


def test_a_signing_request_of_a_long_name() -> None:
    assert check(Certificates().request("x" * 300, ""), ["x" * 64]).common_name == "x" * 64
