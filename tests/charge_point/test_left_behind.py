"""What a session leaves behind goes at once: the garbage collector need not look for it."""

import gc
from collections.abc import Callable

import pytest
import trio
import trio.testing
from tests.support.central import Central, Charger, open_central
from wsproto.frame_protocol import FrameProtocol

from ocpp_actors.central_system.context import Context
from ocpp_actors.charge_point.session import Session
from ocpp_actors.protocol.frames import Call
from ocpp_actors.server.transport import Transport

End = Callable[[Session, Charger], None]


def left(_session: Session, charger: Charger) -> None:
    assert isinstance(charger.stream, trio.StapledStream)
    charger.stream.send_stream.close()


def closed(session: Session, _charger: Charger) -> None:
    session.end(1000, "enough")


def dropped(session: Session, _charger: Charger) -> None:
    session.drop()


def drained(session: Session, _charger: Charger) -> None:
    session.drain()


SIZES = (1, 3000)
"""Invalid values in a refused message: judged at once, and in a thread."""


async def come_and_go(central: Central, end: End, boots: int) -> None:
    async with central.charger() as charger:
        for _ in range(boots):
            await charger.boot()
        for size in SIZES:
            value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1}] * size}
            refused = await charger.call("MeterValues", {"connectorId": 1, "meterValue": [value]})
            assert refused[0] == 4
        (session,) = central.fleet.sessions()
        end(session, charger)
        await trio.testing.wait_all_tasks_blocked()
        assert not central.fleet.sessions()
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("boots", [1, 2], ids=["one worker reads", "the other one reads"])
@pytest.mark.parametrize("end", [left, closed, dropped, drained])
async def test_a_session_that_has_ended_is_in_no_cycle(end: End, boots: int) -> None:
    async with open_central() as central:
        await come_and_go(central, end, boots)
        central.events.clear()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await come_and_go(central, end, boots)
            # Its generator ends before what is in the cycle with it would be seen as garbage.
            parsers = [each for each in gc.get_objects() if isinstance(each, FrameProtocol)]
            gc.collect()
            kept = [each for each in gc.garbage if isinstance(each, Session | Transport | Call | Context)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert not kept
        assert not [each for each in parsers if not each.client]
