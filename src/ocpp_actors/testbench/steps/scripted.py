"""A client speaks for a charge point whose answers are decided beforehand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define

from ocpp_actors.protocol.frames import Call
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.steps.comparing import expect_same


@define
class Asked:
    """What the central system asked of a client. Nothing before the block that made it is over."""

    payload: Any = None


@asynccontextmanager
async def answering(bench: Bench, client: Client, action: str, answer: Any) -> AsyncIterator[Asked]:
    """Answer the next CALL of an action so, while the block makes the central system send it.

    Raises trio.TooSlowError: none came.
    """
    asked = Asked()

    async def give() -> None:
        with bench.patient():
            call: Call = await client.next_call(action)
            asked.payload = call.payload
            await client.answer(call, answer)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give)
        yield asked


async def command(
    bench: Bench, client: Client, action: str, payload: dict[str, Any] | None = None, *, answer: Any
) -> None:
    """Let the operator ask this of a client, which answers so.

    Raises Failed: the CALL did not say what the operator asked for, or the operator was not told the answer.
    """
    async with answering(bench, client, action, answer) as asked:
        told = await bench.operator.call(client.identity, action, payload)
    expect_same(asked.payload, payload or {}, f"{action} as it arrived")
    expect_equal(told.status, 200, f"the API's status for {action}")
    expect_same(told.body["response"], answer, f"what the operator was told of {action}")


async def told(bench: Bench, client: Client, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Let a client send this, and return the payload of the CALLRESULT.

    Raises Failed: the answer is a CALLERROR. Raises trio.TooSlowError: none came.
    """
    with bench.patient():
        return (await client.call(action, payload)).result


async def status(
    bench: Bench, client: Client, status: str, connector_id: int = 1, error_code: str = "NoError"
) -> None:
    """Let a client report the status of a connector."""
    report = {"connectorId": connector_id, "status": status, "errorCode": error_code}
    expect_equal(await told(bench, client, "StatusNotification", report), {}, "StatusNotification.conf")
