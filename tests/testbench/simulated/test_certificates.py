"""Certificates that are installed, and requests for them that are made, down to their bytes."""

import base64
import hashlib
from random import Random

import pytest

from ocpp_actors.protocol.messages import CertificateStatus, CertificateUse
from ocpp_actors.testbench.simulated import signing
from ocpp_actors.testbench.simulated.certificates import (
    MAX_INSTALLED,
    Certificates,
    NotACertificate,
    _elements,
    hashes,
    read,
)

ROOT = CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE


def test_what_identifies_a_certificate(certificate: str) -> None:
    """As ``openssl ocsp -sha256 -issuer c.pem -cert c.pem -req_text`` tells it."""
    found = hashes(read(f"some text before\n{certificate}\n{certificate}"))
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
    assert held.install(ROOT, "nothing") is CertificateStatus.REJECTED
    assert held.install(ROOT, certificate) is CertificateStatus.ACCEPTED
    assert held.install(ROOT, certificate) is CertificateStatus.ACCEPTED
    (found,) = held.of(ROOT)
    assert held.of(CertificateUse.MANUFACTURER_ROOT_CERTIFICATE) == []
    assert held.delete(found)
    assert not held.delete(found)


def test_there_is_room_for_so_many(certificate: str) -> None:
    held = Certificates()
    held._installed = [(ROOT, hashes(read(certificate)))] * MAX_INSTALLED
    manufacturer = CertificateUse.MANUFACTURER_ROOT_CERTIFICATE
    assert held.install(manufacturer, certificate) is CertificateStatus.REJECTED


def test_a_signing_request_is_signed_by_its_own_key() -> None:
    text = signing.signing_request("CP1", "Operator", Random(3))
    body = "".join(line for line in text.splitlines() if not line.startswith("-"))
    ((_, request, _),) = _elements(base64.b64decode(body))
    (_, _, information), _, (_, signature, _) = _elements(request)
    _, (_, subject, _), (_, key, _), _ = _elements(next(_elements(information))[1])
    assert b"CP1" in subject
    assert b"Operator" in subject
    point = list(_elements(key))[1][1][2:]
    public = (int.from_bytes(point[:32]), int.from_bytes(point[32:]))
    ((_, numbers, _),) = _elements(signature[1:])
    r, s = (int.from_bytes(content) for _, content, _ in _elements(numbers))
    assert verifies(information, r, s, public)
    assert not verifies(information + b"x", r, s, public)


def verifies(data: bytes, r: int, s: int, public: tuple[int, int]) -> bool:
    """ECDSA (FIPS 186-4 §6.4)."""
    digest, inverse = int.from_bytes(hashlib.sha256(data).digest()), pow(s, -1, signing._N)
    found = signing._added(
        signing._multiplied(digest * inverse % signing._N, signing._G),
        signing._multiplied(r * inverse % signing._N, public),
    )
    return found is not None and found[0] % signing._N == r


def test_a_signing_request_of_a_long_name() -> None:
    assert signing.signing_request("x" * 300, "", Random(1)).count("\n") > 10
