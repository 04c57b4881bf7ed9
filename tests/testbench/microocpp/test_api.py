import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.microocpp.api import (
    TIMEOUT,
    ApiFailed,
    Connection,
    Evse,
    Meter,
    Silent,
    SimulatorApi,
    SmartCharging,
    Transaction,
    open_simulator_api,
)
from ocpp_actors.testbench.microocpp.store import SeedRefused

URL = "http://127.0.0.1:8101"
EVSE = {
    "evPlugged": True,
    "evsePlugged": True,
    "evReady": True,
    "evseReady": False,
    "chargePointStatus": "SuspendedEVSE",
}
SOCKET = {
    "backendUrl": "ws://127.0.0.1:9000/ocpp",
    "chargeBoxId": "SIM001",
    "authorizationKey": "s3cret",
    "pingInterval": 5,
    "reconnectInterval": 10,
}


@asynccontextmanager
async def opened(
    answer: Any = None, asked: list[Any] | None = None, **how: Any
) -> AsyncIterator[SimulatorApi]:
    """Open the API of a simulator that answers every request so."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            body = json.loads(request.content) if request.content else None
            asked.append((request.method, request.url.path, body))
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)

    async with open_simulator_api(URL, transport=httpx2.MockTransport(handle), **how) as api:
        yield api


@pytest.mark.parametrize(
    ("ask", "answer", "asked", "read"),
    [
        (SimulatorApi.connectors, ["1", "2"], ("GET", "/api/connectors", None), (1, 2)),
        (
            SimulatorApi.evse,
            EVSE,
            ("GET", "/api/connector/1/evse", None),
            Evse(True, True, True, False, "SuspendedEVSE"),
        ),
        (
            lambda api: api.plug_in(2),
            EVSE,
            (
                "POST",
                "/api/connector/2/evse",
                {"evPlugged": True, "evsePlugged": True, "evReady": True, "evseReady": True},
            ),
            Evse(True, True, True, False, "SuspendedEVSE"),
        ),
        (
            SimulatorApi.unplug,
            EVSE,
            ("POST", "/api/connector/1/evse", {"evPlugged": False, "evReady": False}),
            Evse(True, True, True, False, "SuspendedEVSE"),
        ),
        (
            SimulatorApi.meter,
            {"energy": 12, "power": 10993, "current": 16.5, "voltage": 228},
            ("GET", "/api/connector/1/meter", None),
            Meter(12.0, 10993.0, 16.5, 228.0),
        ),
        (
            SimulatorApi.transaction,
            {"idTag": "", "transactionId": -1, "authorizationStatus": ""},
            ("GET", "/api/connector/1/transaction", None),
            Transaction(None, None),
        ),
        (
            lambda api: api.tap("TAG1"),
            {"idTag": "TAG1", "transactionId": 7, "authorizationStatus": ""},
            ("POST", "/api/connector/1/transaction", {"idTag": "TAG1"}),
            Transaction("TAG1", 7),
        ),
        (
            SimulatorApi.smart_charging,
            {"maxPower": 11000, "maxCurrent": 0},
            ("GET", "/api/connector/1/smartcharging", None),
            SmartCharging(11000.0, 0.0),
        ),
        (
            SimulatorApi.connection,
            SOCKET,
            ("GET", "/api/websocket", None),
            Connection("ws://127.0.0.1:9000/ocpp", "SIM001", "s3cret", 5, 10),
        ),
        (
            lambda api: api.switch(
                backend_url="ws://127.0.0.1:1/x",
                identity="B",
                key=b"k",
                ping_interval=1,
                reconnect_interval=2,
            ),
            SOCKET,
            (
                "POST",
                "/api/websocket",
                {
                    "backendUrl": "ws://127.0.0.1:1/x",
                    "chargeBoxId": "B",
                    "authorizationKey": "k",
                    "pingInterval": 1,
                    "reconnectInterval": 2,
                },
            ),
            Connection("ws://127.0.0.1:9000/ocpp", "SIM001", "s3cret", 5, 10),
        ),
        (
            lambda api: api.switch(reconnect_interval=1),
            SOCKET,
            ("POST", "/api/websocket", {"reconnectInterval": 1}),
            Connection("ws://127.0.0.1:9000/ocpp", "SIM001", "s3cret", 5, 10),
        ),
    ],
)
async def test_what_is_asked_and_read(
    ask: Callable[[SimulatorApi], Any], answer: Any, asked: tuple[Any, ...], read: Any
) -> None:
    log: list[Any] = []
    async with opened(answer, log) as api:
        assert await ask(api) == read
    assert log == [asked]


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(Connection("ws://127.0.0.1/", "SIM001", "s3cret", 5, 10))


@pytest.mark.parametrize("id_tag", ["", "x" * 21, "ä" * 11])
async def test_a_card_that_it_would_ignore(id_tag: str) -> None:
    asked: list[Any] = []
    async with opened({}, asked) as api:
        with pytest.raises(ApiFailed, match="has to have 1 to 20 bytes"):
            await api.tap(id_tag)
    assert asked == []


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"backend_url": "ws://central.example/"}, "beyond this machine"),
        ({"identity": "A/B"}, "does not escape it"),
        ({"key": b"x" * 21}, "21 bytes"),
        ({"key": b"\xff"}, "only a key of ASCII text"),
        ({"key": b"a\0b"}, "only a key of ASCII text"),
    ],
)
async def test_a_switch_that_is_refused(how: dict[str, Any], told: str) -> None:
    asked: list[Any] = []
    async with opened(SOCKET, asked) as api:
        with pytest.raises(SeedRefused, match=told):
            await api.switch(**how)
    assert asked == []


async def test_a_switch_to_another_machine_in_so_many_words() -> None:
    asked: list[Any] = []
    async with opened(SOCKET, asked, beyond_loopback=True) as api:
        await api.switch(backend_url="ws://central.example/")
    assert asked == [("POST", "/api/websocket", {"backendUrl": "ws://central.example/"})]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx2.Response(404), "/api/connector/9/evse: there is no such connector"),
        (httpx2.Response(401), "wants a user and password"),
        (httpx2.Response(400, text="bad"), "GET .* was answered with status 400: 'bad'"),
        (httpx2.Response(200, text="<html>"), "answered '<html>', which is not the API of the simulator"),
        (httpx2.Response(200, json=[]), "which is not the API of the simulator"),
        (httpx2.Response(200, json={}), "which is not the API of the simulator"),
        (httpx2.Response(200, json={**EVSE, "evReady": "yes"}), "which is not the API of the simulator"),
        (httpx2.Response(200, content=b" " * 100_000), "which is not the API of the simulator"),
    ],
)
async def test_an_answer_that_is_none(answer: httpx2.Response, told: str) -> None:
    async with opened(answer) as api:
        with pytest.raises(ApiFailed, match=told) as failed:
            await api.evse(9)
    assert isinstance(failed.value, Failed)
    assert not isinstance(failed.value, Silent)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (SimulatorApi.connectors, {}),
        (SimulatorApi.connectors, ["one"]),
        (SimulatorApi.meter, {"energy": "12", "power": 0, "current": 0, "voltage": 0}),
        (SimulatorApi.transaction, {"idTag": None, "transactionId": 1}),
    ],
)
async def test_other_answers_of_the_wrong_shape(ask: Callable[[SimulatorApi], Any], answer: Any) -> None:
    async with opened(answer) as api:
        with pytest.raises(ApiFailed, match="not the API of the simulator"):
            await ask(api)


async def test_nobody_there() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    async with open_simulator_api(URL, transport=httpx2.MockTransport(handle)) as api:
        with pytest.raises(Silent, match=f"nothing answers at {URL}/api/connectors: does the simulator run"):
            await api.connectors()


async def test_a_connection_that_breaks() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.RemoteProtocolError("gone", request=request)

    async with open_simulator_api(URL, transport=httpx2.MockTransport(handle)) as api:
        with pytest.raises(Silent, match=r"broke .*gone.*: did the simulator end"):
            await api.connectors()


async def test_no_answer_in_time(autojump_clock: MockClock) -> None:
    async def handle(_: httpx2.Request) -> httpx2.Response:
        await trio.sleep_forever()
        raise AssertionError

    async with open_simulator_api(URL, transport=httpx2.MockTransport(handle)) as api:
        with pytest.raises(Silent, match="did not answer within 10 s"):
            await api.connectors()
    assert trio.current_time() == pytest.approx(TIMEOUT)


async def test_user_and_password_of_the_api() -> None:
    headers: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        headers.append(request.headers["Authorization"])
        return httpx2.Response(404)

    where = "http://bench:p%40ss@[::1]:8101/"
    async with open_simulator_api(where, transport=httpx2.MockTransport(handle)) as api:
        with pytest.raises(ApiFailed) as failed:
            await api.connectors()
    assert headers == ["Basic YmVuY2g6cEBzcw=="]
    assert "http://[::1]:8101/api/connectors" in str(failed.value)
    assert "p%40ss" not in str(failed.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("127.0.0.1:8000", "has to be of the form http://127.0.0.1:8000"),
        ("ws://127.0.0.1:8000", "has to be of the form"),
        ("http://", "has to be of the form"),
        ("http://127.0.0.1:8000/api", "has to be of the form"),
        ("http://127.0.0.1:port", "is no URL of a simulator's API"),
        ("http://192.0.2.1:8000", "is on 192.0.2.1, which is beyond this machine"),
    ],
)
async def test_a_url_that_is_refused(url: str, told: str) -> None:
    with pytest.raises(SeedRefused, match=told):
        async with open_simulator_api(url):
            raise AssertionError
    async with open_simulator_api("http://192.0.2.1", beyond_loopback=True) as api:
        assert api.url == "http://192.0.2.1"
