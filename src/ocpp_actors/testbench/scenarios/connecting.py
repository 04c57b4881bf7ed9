"""Charge points connect, leave, and come back."""

import trio

from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.client import Refused
from ocpp_actors.testbench.failures import Failed, expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.answers import goes_on, is_ocpp_actors
from ocpp_actors.testbench.steps.messages import stop_request
from ocpp_actors.testbench.steps.records import eventually
from ocpp_actors.testbench.steps.scripted import answering
from ocpp_actors.testbench.steps.transactions import expect_recorded, start

REPLACED = 1008
"""The code with which ocpp-actors closes a connection for a newer one."""


@scenario()
async def connection_is_established(bench: Bench) -> None:
    """A charge point connects with the subprotocol ocpp1.6, which the central system names in its answer.

    The connection carries messages at once, and after it another one of the same charge point (OCPP-J 1.6 §3.1, §3.2).
    """
    identity = bench.new_name()
    for _ in range(2):
        async with bench.client(identity, boot=True) as client:
            expect_equal(client.subprotocol, "ocpp1.6", "the subprotocol that was agreed on")
            await goes_on(bench, client)


@scenario()
async def subprotocol_is_picked_from_several(bench: Bench) -> None:
    """A charge point offers ocpp1.6 among others that nobody knows, in any order; it is picked (OCPP-J 1.6 §3.1.2)."""
    for offered in (["ocpp1.6", "example1"], ["example1", "ocpp1.6"], ["example2", "ocpp1.6", "example1"]):
        async with bench.client(subprotocols=offered) as client:
            expect_equal(client.subprotocol, "ocpp1.6", f"the subprotocol of {', '.join(offered)}")
            await goes_on(bench, client)


@scenario()
async def no_subprotocol_in_common(bench: Bench) -> None:
    """A charge point offers no subprotocol that the central system knows, or none at all.

    The handshake is completed without a Sec-WebSocket-Protocol, and the connection closed at once (OCPP-J 1.6 §3.2).
    """
    for offered in (["example1"], ["ocpp9.9", "example1"], []):
        async with bench.client(subprotocols=offered) as client:
            expect_equal(client.subprotocol, None, f"the subprotocol of {', '.join(offered) or 'none'}")
            with bench.patient():
                await client.closed()


@scenario()
async def identity_is_percent_encoded(bench: Bench) -> None:
    """A charge point whose identity has characters that a URL does not have connects (OCPP-J 1.6 §3.1.1).

    Where the record can be looked at, it has the identity as it is, decoded once.
    """
    identity = f"{bench.new_name()} é%41?#"
    async with bench.client(identity, boot=True) as client:
        await goes_on(bench, client)
        if bench.operator_or_none is not None:
            known = await bench.operator_or_none.charge_point(identity)
            expect_equal(known["identity"], identity, "the identity on record")
            expect(known["online"], "the charge point is not online on record")


@scenario(needs={Need.OPERATOR})
async def slashes_around_the_identity_do_not_matter(bench: Bench) -> None:
    """A charge point connects whose URL was configured with a slash at its end, or with two in its middle.

    It is the charge point that it is without them. OCPP-J 1.6 §3.1.1 has no such slashes; charge points do.
    """
    identity = bench.new_name()
    proper = bench.target.request_target(identity)
    doubled = proper.replace(f"/{identity}", f"//{identity}")
    for target in (f"{proper}/", doubled):
        async with bench.client(identity, request_target=target, boot=True):
            known = await bench.operator.charge_point(identity)
            expect_equal((known["identity"], known["online"]), (identity, True), f"the record for {target}")


@scenario(needs={Need.OPERATOR})
async def path_of_nobody_is_refused(bench: Bench) -> None:
    """Somebody asks for a WebSocket where no charge points connect, and gets 404 (OCPP-J 1.6 §3.2)."""
    identity = bench.new_name()
    for target in (f"/nowhere{bench.target.request_target(identity)}", f"/nowhere/{identity}"):
        try:
            with bench.patient():
                async with bench.client(identity, request_target=target):
                    raise Failed(f"{target} is nobody's, and a connection was opened there")
        except Refused as refused:
            expect_equal(refused.status, 404, f"the status for {target}")


@scenario()
async def what_is_no_websocket_is_refused(bench: Bench) -> None:
    """A browser, a port scanner and garbage get no connection, and disturb nobody (RFC 6455 §4.2.1).

    What is HTTP is answered with a status of 400 or above, or the connection is closed.
    """
    target = bench.target.request_target(bench.new_name())
    attempts = {
        "a GET without an upgrade": f"GET {target} HTTP/1.1\r\nHost: {bench.target.host}\r\n\r\n".encode(),
        "a POST": f"POST {target} HTTP/1.1\r\nHost: {bench.target.host}\r\nContent-Length: 0\r\n\r\n".encode(),
        "the begin of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
        "garbage": b"\x00\xff garbage\r\n\r\n",
    }
    async with bench.client() as bystander:
        for what, data in attempts.items():
            with bench.patient():
                await _refused(bench, what, data)
            await goes_on(bench, bystander)


async def _refused(bench: Bench, what: str, data: bytes) -> None:
    stream = await bench.target.dial()
    async with stream:
        got = b""
        try:
            await stream.send_all(data)
            while b"\r\n\r\n" not in got and (more := await stream.receive_some()):
                got += more
        except trio.BrokenResourceError:
            pass
    status = got.split(b" ")[1:2]
    fine = not got or (status and status[0] >= b"400")
    expect(fine, f"{what} was answered with {got[:60]!r}, and no refusal")


@scenario()
async def newer_connection_wins(bench: Bench) -> None:
    """A charge point connects although its earlier connection is still open: it is served on the new one.

    OCPP-J 1.6 §3 knows one connection for a charge point. ocpp-actors closes the old one, and the end of the old one
    does not end the new one: the operator reaches the charge point there.
    """
    identity = bench.new_name()
    async with bench.client(identity, boot=True) as old, bench.client(identity, boot=True) as new:
        await goes_on(bench, new)
        if not is_ocpp_actors(bench):
            return
        with bench.patient():
            closed = await old.closed()
        expect_equal(closed.code, REPLACED, "the code with which the old connection was closed")
        await goes_on(bench, new)
        async with answering(bench, new, "GetConfiguration", {"unknownKey": ["None"]}):
            await bench.operator.result(identity, "GetConfiguration", {"key": ["None"]})
        expect((await bench.operator.charge_point(identity))["online"], "it is not online on record")


@scenario()
async def connection_is_closed_properly(bench: Bench) -> None:
    """A charge point closes its connection, and the central system answers the close frame (RFC 6455 §5.5.1).

    Where the record can be looked at, it is offline soon.
    """
    async with bench.client(boot=True) as client:
        with bench.patient():
            await client.close(1000, "bye")
            closed = await client.closed()
        expect_equal(closed.code, 1000, "the code of the close frame that came back")
        await _is_offline(bench, client.identity)


async def _is_offline(bench: Bench, identity: str) -> None:
    async def look() -> None:
        known = await bench.operator.charge_point(identity)
        expect(not known["online"], f"{identity} has left, and is online on record")

    if bench.operator_or_none is not None:
        await eventually(look, bench.patience)


@scenario()
async def dropped_connection_keeps_the_state(bench: Bench) -> None:
    """A connection is lost in a transaction; the charge point comes back without a BootNotification and goes on.

    "The Charge Point SHOULD NOT send BootNotification.req" after a mere reconnection (OCPP-J 1.6 §5.4): it is still
    registered, and its transaction goes on.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        identity = client.identity
        started = await start(bench, client, card)
        await client.drop()
    await _is_offline(bench, identity)
    async with bench.client(identity) as client:
        await goes_on(bench, client)
        await expect_recorded(bench, identity, started)
        if bench.operator_or_none is not None:
            known = await bench.operator_or_none.charge_point(identity)
            expect_equal(known["registration"], "Accepted", "the registration on record")
        with bench.patient():
            stopped = await client.call(
                "StopTransaction", stop_request(bench, started.result["transactionId"])
            )
        await expect_recorded(bench, identity, started, stopped)


@scenario()
async def charge_point_boots_anew_on_the_same_connection(bench: Bench) -> None:
    """A charge point sends a second BootNotification on its connection; it is Accepted as the first (OCPP 1.6 §4.2)."""
    async with bench.client(boot=True) as client:
        with bench.patient():
            again = await client.call("BootNotification", {**BOOT, "firmwareVersion": "2"})
        expect_equal(again.result["status"], "Accepted", "the status of the second BootNotification")
        await goes_on(bench, client)
