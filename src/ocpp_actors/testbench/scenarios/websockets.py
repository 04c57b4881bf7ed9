"""Charge points and their libraries use what WebSocket allows, and break its rules."""

from contextlib import suppress

import orjson
import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Closed
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import scenario
from ocpp_actors.testbench.steps.answers import answers_to, goes_on, is_ocpp_actors
from ocpp_actors.testbench.steps.by_hand import CLOSE, CONTINUATION, PING, PONG, TEXT, frame, upgraded

OVERSIZE = 4 * 1024 * 1024
"""Characters of a message that is above most limits; ocpp-actors' is 1 MiB by default."""

INVALID_UTF8 = frame(TEXT, b'[2,"1","Heartbeat",{"\xff\xfe":1}]')


@scenario()
async def pings_are_answered(bench: Bench) -> None:
    """A charge point pings, and gets a pong with what its ping had, also while a message waits (RFC 6455 §5.5.3)."""
    async with upgraded(bench) as peer:
        with bench.patient():
            for number in range(3):
                payload = str(number).encode()
                await peer.send(frame(PING, payload))
                expect_equal(await peer.frame(), (PONG, payload), "what came after a ping")
    async with bench.client() as client:
        for _ in range(3):
            with bench.patient():
                await client.ping()
            await goes_on(bench, client)


@scenario()
async def message_comes_in_fragments(bench: Bench) -> None:
    """A charge point sends a message in three fragments, with a ping between them; it is answered (RFC 6455 §5.4)."""
    async with upgraded(bench) as peer:
        with bench.patient():
            await peer.send(frame(TEXT, b'[2,"1","Hea', last=False))
            await peer.send(frame(PING, b"between"))
            expect_equal(await peer.frame(), (PONG, b"between"), "what came after the ping")
            await peer.send(frame(CONTINUATION, b'rtbeat",', last=False))
            await peer.send(frame(CONTINUATION, b"{}]"))
            answer = orjson.loads(await peer.text())
        expect_equal(answer[:2], [3, "1"], "the begin of the answer to a message in fragments")


@scenario()
async def ping_crosses_a_close(bench: Bench) -> None:
    """A charge point pings after the central system has closed the connection; that disturbs nobody.

    The central system closes a connection for which no subprotocol was agreed on (OCPP-J 1.6 §3.2). A ping that was
    on its way meanwhile comes after this, and to answer it would be against RFC 6455 §5.5.1.
    """
    async with bench.client() as bystander:
        for _ in range(3):
            async with upgraded(bench, subprotocol="example1") as peer:
                with bench.patient():
                    code = await peer.close_frame()
                    with suppress(trio.BrokenResourceError):  # it need not wait for an answer
                        await peer.send(frame(PING, b"late") + frame(CLOSE, code))
                    while (got := await peer.frame()) is not None:
                        expect(got[0] != PONG, "a ping was answered after the close frame")
            await goes_on(bench, bystander)


@scenario()
async def message_above_the_limit(bench: Bench) -> None:
    """A charge point sends a message of 4 MiB: it is answered, or the connection is closed with 1009 (RFC 6455 §7.4.1).

    Nobody else is disturbed, and the charge point may come back.
    """
    text = orjson.dumps(
        [2, "big", "DataTransfer", {"vendorId": "org.example", "data": "x" * OVERSIZE}]
    ).decode()
    async with bench.client() as bystander:
        async with bench.client() as client:
            identity = client.identity
            try:
                with bench.patient():
                    await client.send(text)
                    await client.answer_to("big")
            except Closed as closed:
                expect_equal(closed.code, 1009, "the code with which the connection was closed")
        await goes_on(bench, bystander)
        async with bench.client(identity) as client:
            await goes_on(bench, client)


@scenario()
async def text_is_no_utf8(bench: Bench) -> None:
    """A text is not UTF-8: the connection is failed, with 1007 if the central system says why (RFC 6455 §8.1).

    Nobody else is disturbed.
    """
    async with bench.client() as bystander:
        async with upgraded(bench) as peer:
            with bench.patient():
                await peer.send(INVALID_UTF8)
                code = await peer.ends()
            expect(code in {None, 1007}, f"the connection was closed with {code}, and not with 1007")
            if is_ocpp_actors(bench):
                expect_equal(code, 1007, "the code with which the connection was closed")
        await goes_on(bench, bystander)


@scenario()
async def message_comes_as_binary(bench: Bench) -> None:
    """A charge point sends JSON in a binary message: it is read as a text, or the connection is closed with 1003.

    OCPP-J 1.6 §4.2 has texts alone; some libraries write binary messages. ocpp-actors reads them.
    """
    async with bench.client() as bystander:
        async with bench.client() as client:
            try:
                answers = await answers_to(bench, client, b'[2,"bytes","Heartbeat",{}]')
                if is_ocpp_actors(bench):
                    ids = [each.message_id for each in answers]
                    expect_equal(ids, ["bytes"], "the ids of the answers to a binary message")
            except Closed as closed:
                expect(not is_ocpp_actors(bench), f"a binary message was not answered: {closed}")
                expect_equal(closed.code, 1003, "the code with which the connection was closed")
        await goes_on(bench, bystander)


@scenario()
async def frame_is_against_the_protocol(bench: Bench) -> None:
    """A charge point sends a frame that WebSocket does not know: the connection is failed (RFC 6455 §5.2, §7.1.7).

    As a charge point does that compresses though nothing was agreed on. Nobody else is disturbed.
    """
    wrong = {
        "an unknown opcode": frame(3, b"?"),
        "a reserved bit": bytes([frame(TEXT)[0] | 0x40]) + frame(TEXT, b"compressed")[1:],
        "a continuation of nothing": frame(CONTINUATION, b"?"),
    }
    async with bench.client() as bystander:
        for what, data in wrong.items():
            async with upgraded(bench) as peer:
                with bench.patient():
                    await peer.send(data)
                    code = await peer.ends()
                expect(code in {None, 1002}, f"after {what} the connection was closed with {code}, not 1002")
            await goes_on(bench, bystander)
