"""What is wrong with a large message is found out in a thread, whether it is a CALL or an answer."""

import threading
from typing import Any

import pytest
import trio
from tests.support.known import central_with, flagged

from ocpp_actors.central_system.judging import LARGE
from ocpp_actors.ledger.port import CommandState
from ocpp_actors.protocol import explanation
from ocpp_actors.protocol import messages as m

Threads = list[bool]


@pytest.fixture
def in_main_thread(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Of each explanation, whether it was made in the thread that serves all charge points."""
    seen: Threads = []
    pruned = explanation._pruned

    def watched(*args: Any) -> Any:
        seen.append(threading.current_thread() is threading.main_thread())
        return pruned(*args)

    monkeypatch.setattr(explanation, "_pruned", watched)
    return seen


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("large", [False, True])
async def test_an_answer_is_judged_where_its_size_belongs(
    in_main_thread: Threads, large: bool, lenient: bool
) -> None:
    raw = {
        "unknownKey": ["x" * (LARGE if large else 501)],
        "configurationKey": [{"key": 17, "readonly": False}],
    }
    async with central_with(lenient, boot_grace=0.0) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", m.GetConfiguration())
        await charger.send([3, (await charger.receive())[1], raw])
        outcome = await command.wait()
        central.nursery.cancel_scope.cancel()
    assert outcome.state is (CommandState.ANSWERED if lenient else CommandState.INVALID)
    assert outcome.payload == raw
    assert set(flagged(central)) == ({"invalid payload"} if lenient else set())
    assert set(in_main_thread) == {not large}


@pytest.mark.parametrize("large", [False, True])
async def test_a_call_is_judged_where_its_size_belongs(in_main_thread: Threads, large: bool) -> None:
    async with central_with(lenient=False) as central, central.charger() as charger:
        await charger.boot()
        assert (await charger.call("Authorize", {"idTag": "x" * (LARGE if large else 21)}))[0] == 4
        central.nursery.cancel_scope.cancel()
    assert set(in_main_thread) == {not large}


async def test_the_outcome_of_a_large_answer_survives_the_end_of_the_connection(
    in_main_thread: Threads,
) -> None:
    async with central_with(lenient=False, boot_grace=0.0) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", m.ClearCache())
        await charger.send([3, (await charger.receive())[1], {"status": "x" * LARGE}])
        await trio.aclose_forcefully(charger.stream)
        assert (await command.wait()).state is CommandState.INVALID
        central.nursery.cancel_scope.cancel()
    assert set(in_main_thread) == {False}
