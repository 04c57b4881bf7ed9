"""Scenarios that end in every way."""

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import Skipped, expect
from ocpp_actors.testbench.scenario import Need, scenario

MEANWHILE: list[int] = [0, 0]
"""How many of ``meanwhile`` run, and ran at most at once."""


@scenario(case="TC_001")
async def passes(bench: Bench) -> None:
    """It passes."""
    async with bench.client(boot=True) as client:
        await client.call("Heartbeat", {})


@scenario()
async def fails(bench: Bench) -> None:
    """It fails, and has frames to show."""
    async with bench.client(boot=True) as client:
        await client.call("Authorize", {"idTag": "<b>&\u202e"})
        expect(False, "expected the moon, got <b>cheese</b>")


@scenario()
async def fails_after_much(bench: Bench) -> None:
    """It says much under one identity, over two connections, and fails."""
    name = bench.new_name()
    for _ in range(2):
        async with bench.client(name, boot=True) as client:
            for _ in range(300):
                await client.call("Heartbeat", {})
    expect(False, "no")


@scenario()
async def skips(bench: Bench) -> None:
    """It does not apply."""
    raise Skipped("not here")


@scenario()
async def breaks(bench: Bench) -> None:
    """It has a mistake."""
    raise ZeroDivisionError("by nothing")


@scenario(seconds=5)
async def hangs(bench: Bench) -> None:
    """It waits for what does not come."""
    await trio.sleep_forever()


@scenario(seconds=5)
async def holds_on(bench: Bench) -> None:
    """It does not let go when its time is over."""
    with trio.CancelScope(shield=True):
        await trio.sleep(10_000)


@scenario(seconds=100)
async def meanwhile(bench: Bench) -> None:
    """It takes ten seconds."""
    MEANWHILE[0] += 1
    MEANWHILE[1] = max(MEANWHILE)
    await trio.sleep(10)
    MEANWHILE[0] -= 1


@scenario(needs={Need.STATION})
async def station_beats(bench: Bench) -> None:
    """A station sends a heartbeat."""
    with bench.patient():
        await bench.station.wire.exchange("Heartbeat", since=bench.station.wire.mark())


@scenario(needs={Need.STATION})
async def station_is_kept_waiting(bench: Bench) -> None:
    """What it has to undo takes long."""
    try:
        await trio.sleep(1)
    finally:
        async with bench.undoing():  # noqa: ASYNC102, it is shielded inside
            await trio.sleep(20)  # noqa: ASYNC102


@scenario(needs={Need.STATION})
async def station_fails(bench: Bench) -> None:
    """A station does not do what it should."""
    expect(False, "no")


@scenario(needs={Need.STATION})
async def station_is_up(bench: Bench) -> None:
    """A station that failed before has booted again."""
    expect(len(bench.station.wire.answered("BootNotification")) == 2, "it booted once only")


@scenario(needs={Need.STATION})
async def station_is_cut_off(bench: Bench) -> None:
    """A station loses its link for a minute."""
    await bench.station.link_down()
    await trio.sleep(20)
    mark = bench.station.wire.mark()
    await bench.station.link_up()
    with bench.patient():
        await bench.station.wire.change("opened", since=mark)


@scenario(needs={Need.OPERATOR})
async def operator_asks(bench: Bench) -> None:
    """The operator asks for a list."""
    await bench.operator.items("/charge-points")


@scenario(needs={Need.TESTING})
async def server_misbehaves(bench: Bench) -> None:
    """A server is told to misbehave."""
    async with bench.client(boot=True) as client:
        await client.call("Heartbeat", {})


@scenario(needs={Need.RESTART})
async def restarts(bench: Bench) -> None:
    """The server is restarted."""
    await bench.restart("kill", 1)


@scenario(needs={Need.SECURITY})
async def secure(bench: Bench) -> None:
    """It needs TLS."""
