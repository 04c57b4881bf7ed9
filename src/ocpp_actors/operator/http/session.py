"""The cookie of a login: who it is and until when, signed with a key made from the token.

It needs no store: it survives a restart of the server, and ends with its time or with the token.
"""

import base64
import binascii
import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import orjson

COOKIE: Final = "ocpp_actors_session"
LIFETIME: Final = timedelta(hours=12)

_PURPOSE: Final = b"ocpp-actors dashboard session 1"


def issue(token: str, name: str, now: datetime) -> str:
    """Return the value of a cookie for ``name``, good for LIFETIME."""
    claims = orjson.dumps({"name": name, "until": int((now + LIFETIME).timestamp())})
    payload = base64.urlsafe_b64encode(claims).rstrip(b"=")
    return (payload + b"." + _signature(token, payload)).decode()


def name_in(value: str, token: str, now: datetime) -> str | None:
    """Return who logged in, None where the value is not ours, or too old."""
    payload, _, signature = value.encode("latin-1", "replace").partition(b".")
    if not hmac.compare_digest(signature, _signature(token, payload)):
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (binascii.Error, orjson.JSONDecodeError):
        return None
    return str(claims["name"]) if claims["until"] > now.timestamp() else None


def set_cookie(value: str, *, secure: bool) -> str:
    """Return the Set-Cookie header of a login."""
    return _header(value, int(LIFETIME.total_seconds()), secure)


def delete_cookie(*, secure: bool) -> str:
    """Return the Set-Cookie header that ends a login."""
    return _header("", 0, secure)


def _header(value: str, max_age: int, secure: bool) -> str:
    end = "; Secure" if secure else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{end}"


def _signature(token: str, payload: bytes) -> bytes:
    key = hmac.digest(token.encode(), _PURPOSE, sha256)
    return base64.urlsafe_b64encode(hmac.digest(key, payload, sha256)).rstrip(b"=")
