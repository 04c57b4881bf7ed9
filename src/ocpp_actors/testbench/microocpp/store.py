"""What a simulator is given before its first start: the files of its store, as text."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import orjson
from attrs import field, frozen

from ocpp_actors.settings import is_loopback

STORE: Final = "mo_store"
"""The directory, below the working directory, in which the simulator keeps everything."""

KEY_LIMIT: Final = 20
"""Bytes of an AuthorizationKey."""

CONNECTION_KEYS: Final = frozenset({"Cst_ReconnectInterval", "Cst_StaleTimeout", "WebSocketPingInterval"})
"""Configuration keys that the simulator keeps with its connection, not with those of OCPP."""

_OWN_FIELDS: Final = {
    "Cst_BackendUrl": "backend_url",
    "Cst_ChargeBoxId": "identity",
    "AuthorizationKey": "key",
}
_INTEGERS: Final = range(-(2**31), 2**31)
_IDENTITY: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]{1,48}")
_URL: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/\[\]-]+")


class SeedRefused(ValueError):
    """A simulator must not, or cannot, be started so; the message says why."""


@frozen(kw_only=True)
class Seed:
    """What a simulator is from its first start on; afterwards its store has what became of it.

    It connects to ``backend_url``/``identity``, with the Basic password ``key`` if there is one.
    ``configuration`` holds configuration keys, those of OCPP and the simulator's own (``Cst_…``), each with a value of
    the key's type. Its HTTP API listens on ``api_host``. ``beyond_loopback`` allows addresses of other machines.

    Raises SeedRefused: a value is not allowed, or an address is of another machine.
    """

    identity: str
    backend_url: str
    key: bytes | None = field(default=None, repr=False)
    configuration: Mapping[str, bool | int | str] = MappingProxyType({})
    api_host: str = "127.0.0.1"
    beyond_loopback: bool = False

    def __attrs_post_init__(self) -> None:
        check_identity(self.identity)
        check_backend(self.backend_url, beyond_loopback=self.beyond_loopback)
        if not (self.beyond_loopback or is_loopback(self.api_host)):
            raise SeedRefused(_beyond(f"the simulator's API would listen on {self.api_host}"))
        if self.key is not None:
            check_key(self.key)
        for name, value in self.configuration.items():
            _check_value(name, value)


def check_identity(identity: str) -> None:
    """Raise SeedRefused where an identity cannot be sent: the simulator puts it into the URL as it is."""
    if not _IDENTITY.fullmatch(identity):
        raise SeedRefused(
            f"the identity {identity!r} is not for the simulator, which does not escape it: take 1 to 48 letters, "
            "digits or signs such as . _ - that need no escape in a URL"
        )


def check_backend(url: str, *, beyond_loopback: bool) -> None:
    """Raise SeedRefused where a URL is none that the simulator can connect to, or is of another machine."""
    try:
        parts = urlsplit(url)
        known = bool(_URL.fullmatch(url)) and parts.scheme in ("ws", "wss") and parts.port != 0
    except ValueError:
        raise SeedRefused(f"the backend URL {url!r} is none: write it as ws://HOST:PORT/PATH") from None
    if not known or not parts.hostname or parts.username is not None:
        raise SeedRefused(
            f"the backend URL {url!r} is not for the simulator: write it as ws://HOST:PORT/PATH, without anything that "
            "needs an escape"
        )
    if not (beyond_loopback or is_loopback(parts.hostname)):
        raise SeedRefused(_beyond(f"the simulator would connect to {parts.hostname}"))


def check_key(key: bytes) -> None:
    """Raise SeedRefused where a key is too short or too long for the simulator."""
    if not 1 <= len(key) <= KEY_LIMIT:
        raise SeedRefused(f"the key has {len(key)} bytes: the simulator takes 1 to {KEY_LIMIT}")


def store_files(seed: Seed, api_port: int) -> dict[str, str]:
    """Return the files of the store by name."""
    connection: dict[str, bool | int | str] = {
        "Cst_BackendUrl": seed.backend_url,
        "Cst_ChargeBoxId": seed.identity,
        "AuthorizationKey": (seed.key or b"").hex().upper(),
    }
    ocpp: dict[str, bool | int | str] = {}
    for name, value in seed.configuration.items():
        (connection if name in CONNECTION_KEYS else ocpp)[name] = value
    return {
        "api.jsn": _json({"url": api_url(seed, api_port)}),
        "ws-conn.jsn": _configuration_file(connection),
        "ocpp-config.jsn": _configuration_file(ocpp),
    }


def api_url(seed: Seed, api_port: int) -> str:
    """Return where the simulator's API listens."""
    host = f"[{seed.api_host}]" if ":" in seed.api_host else seed.api_host
    return f"http://{host}:{api_port}"


def _check_value(name: str, value: object) -> None:
    if name in _OWN_FIELDS:
        raise SeedRefused(f"the configuration key {name} is given as {_OWN_FIELDS[name]}")
    if not name:
        raise SeedRefused("a configuration key without a name")
    if not isinstance(value, bool | int | str):
        raise SeedRefused(
            f"the configuration key {name} is {value!r}: it has to be true, false, an integer or text"
        )
    if isinstance(value, int) and value not in _INTEGERS:
        raise SeedRefused(f"the configuration key {name} is {value}: the simulator knows integers of 32 bits")


def _configuration_file(values: Mapping[str, bool | int | str]) -> str:
    return _json(
        {
            "head": {"content-type": "ocpp_config_file", "version": "2.0"},
            "configurations": [
                {"type": _kind(value), "key": name, "value": value} for name, value in values.items()
            ],
        }
    )


def _kind(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "string"


def _json(content: object) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _beyond(what: str) -> str:
    return f"{what}, which is beyond this machine: allow it with beyond_loopback"
