"""The central system in a thread of a synchronous program: real threads, a real clock, real sockets."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import trio
import websockets
from websockets.sync.client import ClientConnection, connect

from ocpp_actors.app import CannotStart
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.ledger.port import CommandState, ListChargePoints
from ocpp_actors.protocol.messages import ClearCache, Heartbeat, HeartbeatResponse, Reset, ResetType
from ocpp_actors.server.fleet import Fleet, NotConnected
from ocpp_actors.settings import Settings
from ocpp_actors.synchronous import CentralSystemThread, NotRunning

LONG = 60.0
"""Seconds after which a test gives up: far more than anything here takes."""

RESET = Reset(type=ResetType.SOFT)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        port=0,
        api_port=None,
        database=f"sqlite:///{tmp_path / 'ledger.db'}",
        message_log="off",
        call_timeout=LONG,
    )


@contextmanager
def charger(central_system: CentralSystemThread, identity: str) -> Iterator[ClientConnection]:
    """A charge point that has booted."""
    url = f"{central_system.urls[0]}/{identity}"
    with connect(url, subprotocols=[websockets.Subprotocol("ocpp1.6")]) as connection:
        connection.send('[2,"boot","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        assert receive(connection)[2]["status"] == "Accepted"
        yield connection


def receive(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(LONG))


def accept(connection: ClientConnection) -> None:
    """Answer the next CALL."""
    connection.send(json.dumps([3, receive(connection)[1], {"status": "Accepted"}]))


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if not thread.daemon} - {"MainThread"}


def test_a_command_goes_to_a_charge_point_and_its_answer_comes_back(settings: Settings) -> None:
    with CentralSystemThread(settings) as central_system, charger(central_system, "CP1") as cp:
        outcome = central_system.submit("cp1", RESET)
        accept(cp)
        assert outcome.result(LONG).response.status == "Accepted"
        assert central_system.connected() == ["CP1"]
        (record,) = central_system.ask(ListChargePoints(), LONG)
        assert record.identity == "CP1"


def test_the_api_runs_in_the_thread_too(tmp_path: Path) -> None:
    settings = Settings(port=0, api_port=0, database=f"sqlite:///{tmp_path / 'ledger.db'}", message_log="off")
    with CentralSystemThread(settings) as central_system, charger(central_system, "CP1"):
        (url,) = central_system.api_urls
        with urlopen(f"{url}api/v1/charge-points", timeout=LONG) as answer:
            (listed,) = json.load(answer)["items"]
        assert (listed["identity"], listed["online"]) == ("CP1", True)


def test_after_the_end_connections_are_closed_and_no_thread_is_left(settings: Settings) -> None:
    before = threads()
    central_system = CentralSystemThread(settings)
    with central_system, charger(central_system, "CP1") as cp:
        assert threads() > before
        central_system.stop(LONG)
        with pytest.raises(websockets.ConnectionClosed):
            receive(cp)
        assert cp.close_code == 1001
    assert threads() == before
    central_system.stop()


def test_why_it_cannot_start_reaches_the_caller(settings: Settings) -> None:
    before = threads()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Settings(
            port=other.getsockname()[1], api_port=None, database=settings.database, message_log="off"
        )
        with pytest.raises(CannotStart, match="cannot listen on"):
            CentralSystemThread(taken).start()
    with pytest.raises(ZeroDivisionError):
        CentralSystemThread(settings, change_steps=lambda steps: steps[: 1 // 0]).start()
    assert threads() == before


def test_handlers_of_ones_own_are_used(settings: Settings) -> None:
    router = default_router()
    handled_in: list[str] = []

    @router.around(Heartbeat)
    async def heartbeat(request: Heartbeat, context: Any, proceed: Any) -> HeartbeatResponse:
        handled_in.append(threading.current_thread().name)
        response: HeartbeatResponse = await proceed(request, context)
        return response

    with CentralSystemThread(settings, router) as central_system, charger(central_system, "CP1") as cp:
        cp.send('[2,"1","Heartbeat",{}]')
        assert receive(cp)[:2] == [3, "1"]
    assert handled_in == ["ocpp-actors"]


def test_a_command_that_cannot_be_sent_raises(settings: Settings) -> None:
    with CentralSystemThread(settings) as central_system, pytest.raises(NotConnected):
        central_system.call("CP1", RESET)


def test_a_silent_charge_point_holds_up_no_other(settings: Settings) -> None:
    with (
        CentralSystemThread(settings) as central_system,
        charger(central_system, "CP1") as silent,
        charger(central_system, "CP2") as other,
    ):
        first, second = central_system.submit("CP1", RESET), central_system.submit("CP2", RESET)
        receive(silent)
        accept(other)
        assert second.result(LONG).state is CommandState.ANSWERED
        assert not first.done()
        central_system.stop(LONG)
        assert first.result(LONG).state is CommandState.LOST


def test_a_command_that_is_given_up_or_cancelled_in_time_is_never_sent(settings: Settings) -> None:
    with CentralSystemThread(settings) as central_system, charger(central_system, "CP1") as cp:
        first = central_system.submit("CP1", RESET)
        asked = receive(cp)
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            central_system.call("CP1", ClearCache(), 0.01)
        cancelled = central_system.submit("CP1", ClearCache())
        assert cancelled.cancel()
        with pytest.raises(CancelledError):
            cancelled.result(LONG)
        third = central_system.submit("CP1", Reset(type=ResetType.HARD))
        assert central_system.connected() == ["CP1"], "one turn of its loop later"
        cp.send(json.dumps([3, asked[1], {"status": "Rejected"}]))
        assert receive(cp)[2:] == ["Reset", {"type": "Hard"}]
        assert first.result(LONG).response.status == "Rejected"
        assert third.cancel()


def test_before_the_start_and_after_the_end_it_says_so(settings: Settings) -> None:
    central_system = CentralSystemThread(settings)
    with pytest.raises(NotRunning, match="was not started"):
        central_system.connected()
    central_system.stop()
    with central_system:
        pass
    with pytest.raises(NotRunning, match="has ended"):
        central_system.call("CP1", RESET)
    with pytest.raises(RuntimeError):
        central_system.start()


def test_a_failure_of_the_server_reaches_who_waits_and_who_stops_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = threading.Event()

    async def run(fleet: Fleet) -> None:
        await trio.to_thread.run_sync(fail.wait)
        raise ZeroDivisionError

    monkeypatch.setattr(Fleet, "run", run)
    central_system = CentralSystemThread(settings)
    central_system.start()
    with charger(central_system, "CP1") as cp:
        outcome = central_system.submit("CP1", RESET)
        receive(cp)
        fail.set()
        with pytest.raises(NotRunning):
            outcome.result(LONG)
    with pytest.raises(ZeroDivisionError):
        central_system.stop(LONG)
    central_system.stop()


def test_an_end_that_takes_long_is_told_and_goes_on(settings: Settings) -> None:
    release = threading.Event()
    router = default_router()

    @router.around(Heartbeat)
    async def heartbeat(request: Heartbeat, context: Any, proceed: Any) -> Any:
        await trio.to_thread.run_sync(release.wait)
        return await proceed(request, context)

    central_system = CentralSystemThread(settings, router)
    central_system.start()
    with charger(central_system, "CP1") as cp:
        cp.send('[2,"1","Heartbeat",{}]')
        with pytest.raises(TimeoutError, match=r"has not ended within 0\.01 s"):
            central_system.stop(0.01)
        release.set()
        central_system.stop(LONG)
