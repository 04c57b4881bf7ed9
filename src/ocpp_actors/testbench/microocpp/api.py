"""The simulator's HTTP API: a driver's hands at its connectors, and where it connects to."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import httpx2
import orjson
import trio
from attrs import define, field, frozen

from ocpp_actors.settings import is_loopback
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.microocpp.store import SeedRefused, check_backend, check_identity, check_key

TIMEOUT: Final = 10.0
"""Seconds for one request, all in all."""

MAX_ID_TAG: Final = 20
"""Bytes of an idTag; the simulator ignores a longer one without a word."""

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that is read; the simulator's are below 1 KiB."""

T = TypeVar("T")


class ApiFailed(Failed):
    """The simulator's API did not do what it was asked for; the message says what, where and why."""


class Silent(ApiFailed):
    """Nothing answers where the API should be."""


@frozen
class Evse:
    """What is plugged in at a connector; energy flows with all four true. ``status`` is its ChargePointStatus."""

    ev_plugged: bool
    evse_plugged: bool
    ev_ready: bool
    evse_ready: bool
    status: str


@frozen
class Meter:
    """A connector's meter: Wh since the simulator was started, W, A, V."""

    energy: float
    power: float
    current: float
    voltage: float


@frozen
class Transaction:
    """What runs at a connector; None where nothing does. An id is missing until the central system has given it."""

    id_tag: str | None
    transaction_id: int | None


@frozen
class SmartCharging:
    """What a connector may draw at most: W, A. Below 720 W it draws nothing."""

    max_power: float
    max_current: float


@frozen
class Connection:
    """Where the simulator connects to, and as whom; intervals in seconds."""

    backend_url: str
    identity: str
    authorization_key: str = field(repr=False)
    ping_interval: int
    reconnect_interval: int


@define(eq=False)
class SimulatorApi:
    """The API of one simulator. Each method raises Silent: nothing answers there; ApiFailed: it answered otherwise."""

    url: str
    _client: httpx2.AsyncClient
    _beyond_loopback: bool

    async def connectors(self) -> tuple[int, ...]:
        """Return the connectors that it has."""
        return await self._read("/connectors", _connectors)

    async def evse(self, connector_id: int = 1) -> Evse:
        """Return what is plugged in at a connector."""
        return await self._read(f"/connector/{connector_id}/evse", _evse)

    async def plug_in(self, connector_id: int = 1) -> Evse:
        """Connect a vehicle that is ready to charge, to a connector that is ready to give."""
        plugged = {"evPlugged": True, "evsePlugged": True, "evReady": True, "evseReady": True}
        return await self._read(f"/connector/{connector_id}/evse", _evse, plugged)

    async def unplug(self, connector_id: int = 1) -> Evse:
        """Take the vehicle away."""
        return await self._read(
            f"/connector/{connector_id}/evse", _evse, {"evPlugged": False, "evReady": False}
        )

    async def tap(self, id_tag: str, connector_id: int = 1) -> Transaction:
        """Present a card: it starts a transaction, or stops that of the same card; another card is ignored.

        Raises ApiFailed, too, where the idTag is empty or longer than 20 bytes: the simulator would ignore it.
        """
        if not 1 <= len(id_tag.encode()) <= MAX_ID_TAG:
            raise ApiFailed(
                f"the idTag {id_tag!r} has to have 1 to {MAX_ID_TAG} bytes: the simulator ignores any other"
            )
        return await self._read(f"/connector/{connector_id}/transaction", _transaction, {"idTag": id_tag})

    async def meter(self, connector_id: int = 1) -> Meter:
        """Return what a connector's meter shows."""
        return await self._read(f"/connector/{connector_id}/meter", _meter)

    async def transaction(self, connector_id: int = 1) -> Transaction:
        """Return what runs at a connector."""
        return await self._read(f"/connector/{connector_id}/transaction", _transaction)

    async def smart_charging(self, connector_id: int = 1) -> SmartCharging:
        """Return what a connector may draw at most."""
        return await self._read(f"/connector/{connector_id}/smartcharging", _smart_charging)

    async def connection(self) -> Connection:
        """Return where it connects to."""
        return await self._read("/websocket", _connection)

    async def switch(
        self,
        *,
        backend_url: str | None = None,
        identity: str | None = None,
        key: bytes | None = None,
        ping_interval: int | None = None,
        reconnect_interval: int | None = None,
    ) -> Connection:
        """Change where it connects to, or as whom; what is None stays.

        It drops its connection at once and comes back without a BootNotification; the change outlives a restart.
        ``key`` is text in ASCII; intervals are at least one second.

        Raises SeedRefused, too: a value is not for the simulator, or the URL is of another machine.
        """
        if backend_url is not None:
            check_backend(backend_url, beyond_loopback=self._beyond_loopback)
        if identity is not None:
            check_identity(identity)
        if key is not None:
            check_key(key)
            if not key.isascii() or b"\0" in key:
                raise SeedRefused(
                    "the API takes only a key of ASCII text: seed another one before the first start"
                )
        given = {
            "backendUrl": backend_url,
            "chargeBoxId": identity,
            "authorizationKey": None if key is None else key.decode("ascii"),
            "pingInterval": ping_interval,
            "reconnectInterval": reconnect_interval,
        }
        body = {name: value for name, value in given.items() if value is not None}
        return await self._read("/websocket", _connection, body)

    async def give_back(self, before: Connection) -> Connection:
        """Let it connect again to where it did before, wherever that is."""
        return await self._read("/websocket", _connection, {"backendUrl": before.backend_url})

    async def _read(self, path: str, read: "Callable[[_Answer], T]", body: object = None) -> T:
        """Ask, with POST where there is a body, and read the answer."""
        method, where = ("GET" if body is None else "POST"), f"{self.url}/api{path}"
        content = None if body is None else orjson.dumps(body)
        try:
            with trio.fail_after(TIMEOUT):
                status, text = await self._ask(method, where, content)
        except trio.TooSlowError:
            raise Silent(f"{where} did not answer within {TIMEOUT:g} s: does the simulator hang?") from None
        except httpx2.ConnectError:
            raise Silent(
                f"nothing answers at {where}: does the simulator run, and is this its port?"
            ) from None
        except httpx2.HTTPError as error:
            raise Silent(f"the connection to {where} broke ({error!r}): did the simulator end?") from None
        if status == 404:
            raise ApiFailed(f"{where}: there is no such connector, or no such thing in this simulator's API")
        if status == 401:
            raise ApiFailed(f"{where}: the API wants a user and password: write them into its URL")
        if status != 200:
            raise ApiFailed(f"{method} {where} was answered with status {status}: {_shown(text)}")
        try:
            return read(_Answer(orjson.loads(text)))
        except (ValueError, TypeError, KeyError):
            raise ApiFailed(
                f"{where} answered {_shown(text)}, which is not the API of the simulator"
            ) from None

    async def _ask(self, method: str, url: str, content: bytes | None) -> tuple[int, bytes]:
        async with self._client.stream(method, url, content=content) as response:
            text = b""
            async with aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    text += chunk
                    if len(text) > MAX_ANSWER:
                        break
        return response.status_code, text


@asynccontextmanager
async def open_simulator_api(
    url: str, *, beyond_loopback: bool = False, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[SimulatorApi]:
    """Open the API at ``http://[USER:PASSWORD@]HOST:PORT``. ``beyond_loopback`` allows addresses of other machines.

    Raises SeedRefused: the URL is none, or of another machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SeedRefused(f"{url!r} is no URL of a simulator's API: {error}") from None
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query:
        raise SeedRefused("the URL of a simulator's API has to be of the form http://127.0.0.1:8000")
    if not (beyond_loopback or is_loopback(host)):
        raise SeedRefused(
            f"the simulator's API is on {host}, which is beyond this machine: allow it with beyond_loopback"
        )
    name = f"[{host}]" if ":" in host else host
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    async with httpx2.AsyncClient(
        auth=auth,
        limits=httpx2.Limits(max_keepalive_connections=0),  # it may have been started again since
        timeout=TIMEOUT,
        transport=transport,
        trust_env=False,  # no proxy stands between
    ) as client:
        yield SimulatorApi(
            f"{parts.scheme}://{name}{'' if port is None else f':{port}'}", client, beyond_loopback
        )


@frozen
class _Answer:
    """An answer whose fields are taken with their types. Raises KeyError, TypeError: it has no such field."""

    content: Any

    def take(self, name: str, kind: type[T]) -> T:
        value = self.content[name]
        if type(value) is not kind:
            raise TypeError(name)
        return value

    def number(self, name: str) -> float:
        value = self.content[name]
        if type(value) not in (int, float):
            raise TypeError(name)
        return float(value)


def _connectors(answer: _Answer) -> tuple[int, ...]:
    if not isinstance(answer.content, list):
        raise TypeError("connectors")
    return tuple(int(each) for each in answer.content)


def _evse(answer: _Answer) -> Evse:
    return Evse(
        ev_plugged=answer.take("evPlugged", bool),
        evse_plugged=answer.take("evsePlugged", bool),
        ev_ready=answer.take("evReady", bool),
        evse_ready=answer.take("evseReady", bool),
        status=answer.take("chargePointStatus", str),
    )


def _meter(answer: _Answer) -> Meter:
    return Meter(
        energy=answer.number("energy"),
        power=answer.number("power"),
        current=answer.number("current"),
        voltage=answer.number("voltage"),
    )


def _transaction(answer: _Answer) -> Transaction:
    number = answer.take("transactionId", int)
    return Transaction(
        id_tag=answer.take("idTag", str) or None, transaction_id=number if number > 0 else None
    )


def _smart_charging(answer: _Answer) -> SmartCharging:
    return SmartCharging(max_power=answer.number("maxPower"), max_current=answer.number("maxCurrent"))


def _connection(answer: _Answer) -> Connection:
    return Connection(
        backend_url=answer.take("backendUrl", str),
        identity=answer.take("chargeBoxId", str),
        authorization_key=answer.take("authorizationKey", str),
        ping_interval=answer.take("pingInterval", int),
        reconnect_interval=answer.take("reconnectInterval", int),
    )


def _shown(text: bytes) -> str:
    return repr(text[:100].decode(errors="replace"))
