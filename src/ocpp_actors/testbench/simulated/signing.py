"""Certificate signing requests (PKCS #10, RFC 2986) with a key on the curve P-256, made without a library.

The key is of a simulated charge point: it protects nothing, and nothing here is meant to be safe against observers.
"""

import base64
import hashlib
from random import Random
from typing import Final

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""The curve (FIPS 186-4 D.1.2.3)."""

_EC_PUBLIC_KEY: Final = "06072a8648ce3d0201"
_PRIME256V1: Final = "06082a8648ce3d030107"
_ECDSA_WITH_SHA256: Final = "06082a8648ce3d040302"
_COMMON_NAME: Final = "0603550403"
_ORGANIZATION: Final = "060355040a"

Point = tuple[int, int] | None


def signing_request(common_name: str, organization: str, chance: Random) -> str:
    """Return a request for a certificate of this subject, in PEM."""
    secret = chance.randrange(1, _N)
    public = _multiplied(secret, _G)
    assert public is not None
    bits = b"\x04" + public[0].to_bytes(32) + public[1].to_bytes(32)
    key = _sequence(
        _sequence(bytes.fromhex(_EC_PUBLIC_KEY), bytes.fromhex(_PRIME256V1)), _element(0x03, b"\0" + bits)
    )
    names = [(_ORGANIZATION, organization), (_COMMON_NAME, common_name)]
    subject = _sequence(*(_name(kind, text) for kind, text in names if text))
    information = _sequence(_integer(0), subject, key, _element(0xA0, b""))
    signature = _sequence(*map(_integer, _signature(information, secret, chance)))
    request = _sequence(
        information, _sequence(bytes.fromhex(_ECDSA_WITH_SHA256)), _element(0x03, b"\0" + signature)
    )
    text = base64.b64encode(request).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""])


def _signature(data: bytes, secret: int, chance: Random) -> tuple[int, int]:
    """ECDSA (FIPS 186-4 §6)."""
    digest = int.from_bytes(hashlib.sha256(data).digest())
    while True:
        nonce = chance.randrange(1, _N)
        point = _multiplied(nonce, _G)
        assert point is not None
        r = point[0] % _N
        s = pow(nonce, -1, _N) * (digest + r * secret) % _N
        if r and s:
            return r, s


def _multiplied(factor: int, point: Point) -> Point:
    result: Point = None
    while factor:
        if factor & 1:
            result = _added(result, point)
        point = _added(point, point)
        factor >>= 1
    return result


def _added(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (
        (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    ) % _P
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _element(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _element(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def _name(kind: str, text: str) -> bytes:
    return _element(0x31, _sequence(bytes.fromhex(kind), _element(0x0C, text.encode())))
