"""Fifty chargers that do nothing wrong, and must not notice that others do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from tests.support.central import Central, Charger

from ocpp_actors.observer import Disconnected, Restarted

NUMBER = 50
PREFIX = "BYSTANDER"


@asynccontextmanager
async def bystanders(central: Central) -> AsyncIterator[list[Charger]]:
    """Connect and boot them for the length of the block; after it none has been disconnected or restarted."""
    chargers: list[Charger] = []
    finished = trio.Event()

    async def stay(number: int, task_status: trio.TaskStatus[None]) -> None:
        async with central.charger(f"{PREFIX}{number}") as charger:
            await charger.boot()
            chargers.append(charger)
            task_status.started()
            await finished.wait()

    async with trio.open_nursery() as nursery:
        for number in range(NUMBER):
            await nursery.start(stay, number)
        yield chargers
        troubled = [e for e in central.events if isinstance(e, Disconnected | Restarted)]
        assert not [event for event in troubled if event.identity.startswith(PREFIX)]
        finished.set()


@asynccontextmanager
async def heartbeats_go_on(central: Central) -> AsyncIterator[None]:
    """In virtual time: each of them sends heartbeats in the block, and each is answered in the very moment."""
    answered = 0

    async def beat(charger: Charger) -> None:
        nonlocal answered
        while True:
            asked_at = trio.current_time()
            with trio.fail_after(1):
                await charger.result("Heartbeat", {})
            assert trio.current_time() == asked_at, "a bystander had to wait"
            answered += 1
            await trio.sleep(1)

    async with bystanders(central) as chargers, trio.open_nursery() as nursery:
        for charger in chargers:
            nursery.start_soon(beat, charger)
        await trio.sleep(1.5)
        started_at = trio.current_time()
        before = answered
        yield
        await trio.sleep(2)
        assert answered - before >= NUMBER * int(trio.current_time() - started_at)
        nursery.cancel_scope.cancel()


async def one_heartbeat_each(chargers: list[Charger]) -> None:
    """Have each of them send a heartbeat at the same time, and wait for all answers."""
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for charger in chargers:
                nursery.start_soon(charger.result, "Heartbeat", {})


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Write a WebSocket frame by hand, masked with zeros (RFC 6455 §5.2)."""
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        length = bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + len(payload).to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


TEXT, CLOSE, PING = 0x1, 0x8, 0x9
NOT_UTF8 = b"\xc3\x28"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(189))


def upgrade(identity: str) -> bytes:
    """The opening handshake of a charger, by hand."""
    lines = (
        f"GET /ocpp/{identity} HTTP/1.1",
        "Host: central.test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: ocpp1.6",
    )
    return "\r\n".join([*lines, "", ""]).encode()
