"""The router: handlers replaced, wrapped, followed and switched off."""

from typing import Any

import pytest
import trio
from tests.support.central import open_central
from tests.support.messages import serve_command

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.ledger.port import CommandState
from ocpp_actors.observer import CallHandled, Restarted
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault

VENDOR = {"vendorId": "V"}


def answer(data: str = "") -> m.DataTransferResponse:
    return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED, data=data)


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_handler_replaces_the_earlier_one(autojump_clock: Any, is_async: bool) -> None:
    router = default_router()

    async def later(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        await trio.sleep(1)
        return answer(f"{request.vendor_id} {context.identity} {context.message_id} {context.action}")

    def at_once(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        return answer(f"{request.vendor_id} {context.identity} {context.message_id} {context.action}")

    assert router.on(m.DataTransfer)(later if is_async else at_once) is (later if is_async else at_once)
    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        frame = await charger.call("DataTransfer", VENDOR, "id")
        assert frame[2] == {"status": "Accepted", "data": "V CP1 id DataTransfer"}


@pytest.mark.parametrize("inner_is_async", [True, False])
async def test_a_wrapper_decides_what_the_surrounded_handler_gets_and_says(
    autojump_clock: Any, inner_is_async: bool
) -> None:
    router = Router()

    async def inner_async(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        return answer(request.data or "")

    def inner(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        return answer(request.data or "")

    router.on(m.BootNotification)(lambda request, context: None)
    router.on(m.DataTransfer)(inner_async if inner_is_async else inner)

    @router.around(m.DataTransfer)
    async def second(request: m.DataTransfer, context: Context, proceed: Any) -> m.DataTransferResponse:
        response = await proceed(m.DataTransfer(vendor_id="V", data=f"<{request.data}>"), context)
        return answer(f"second({response.data})")

    @router.around(m.DataTransfer)
    def third(request: m.DataTransfer, context: Context, proceed: Any) -> Any:
        return answer("short cut") if request.data == "skip" else proceed(request, context)

    async with open_central(router=router) as central, central.charger() as charger:
        assert (await charger.result("DataTransfer", VENDOR | {"data": "x"}))["data"] == "second(<x>)"
        assert (await charger.result("DataTransfer", VENDOR | {"data": "skip"}))["data"] == "short cut"


def test_there_must_be_something_to_put_a_wrapper_around() -> None:
    with pytest.raises(ValueError, match="Heartbeat has no handler"):
        Router().around(m.Heartbeat)


@pytest.mark.parametrize("request_class", [m.Reset, m.HeartbeatResponse, int])
@pytest.mark.parametrize("register", ["on", "around", "after", "without"])
def test_only_requests_of_charge_points_have_handlers(register: str, request_class: type) -> None:
    with pytest.raises(ValueError, match=f"{request_class.__name__} is no request of a charge point"):
        getattr(default_router(), register)(request_class)


def test_a_class_that_only_bears_the_name_of_a_request_has_no_handler() -> None:
    with pytest.raises(ValueError, match="Heartbeat is no request"):
        Router().on(type("Heartbeat", (), {}))


async def test_an_action_that_is_switched_off_is_not_supported(autojump_clock: Any) -> None:
    router = default_router()
    router.without(m.DataTransfer, m.SignCertificate)
    router.without(m.DataTransfer)
    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        for action in ("DataTransfer", "SignCertificate"):
            assert (await charger.call(action, {}))[2] == "NotSupported"
        await charger.result("Heartbeat", {})


async def test_every_action_of_a_charge_point_has_a_handler(autojump_clock: Any) -> None:
    from ocpp_actors.protocol.catalogue import ACTIONS, Role

    async with open_central() as central, central.charger() as charger:
        for action in ACTIONS.values():
            code = (await charger.call(action.name, {"no": "sense"}))[2]
            expected = "FormationViolation" if Role.CHARGE_POINT in action.senders else "NotSupported"
            assert code == expected, action.name


async def test_a_handler_may_refuse_with_an_error_code_of_its_choice(autojump_clock: Any) -> None:
    router = default_router()

    @router.on(m.DataTransfer)
    def refuse(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        raise ProtocolFault(ErrorCode.SECURITY_ERROR, "not today", {"try": "tomorrow"})

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        assert await charger.call("DataTransfer", VENDOR, "id") == [
            4,
            "id",
            "SecurityError",
            "not today",
            {"try": "tomorrow"},
        ]
        assert [each.outcome for each in central.told(CallHandled)] == ["CALLRESULT", "SecurityError"]


async def test_a_handler_that_fails_tells_nothing_of_its_internals(autojump_clock: Any) -> None:
    router = default_router()

    @router.on(m.DataTransfer)
    def fail(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        raise RuntimeError("SELECT password FROM users")

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        frame = await charger.call("DataTransfer", VENDOR)
        assert frame[2] == "InternalError"
        assert "SELECT" not in str(frame)
        assert central.told(Restarted) == []


@pytest.mark.parametrize(
    "returned", [None, {"status": "Accepted"}, m.HeartbeatResponse, m.DataTransfer(vendor_id="V")]
)
async def test_a_handler_that_returns_no_response_of_its_action_has_failed(
    autojump_clock: Any, returned: Any
) -> None:
    router = default_router()
    router.on(m.DataTransfer)(lambda request, context: returned)
    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        assert (await charger.call("DataTransfer", VENDOR))[2] == "InternalError"


@pytest.mark.parametrize("refused", [True, False])
async def test_an_answer_that_cannot_be_written_is_an_internal_error(
    autojump_clock: Any, refused: bool
) -> None:
    router = default_router()

    @router.on(m.DataTransfer)
    def half_a_character(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        if refused:
            raise ProtocolFault(ErrorCode.GENERIC_ERROR, "no", {"data": "\ud800"})
        return answer("\ud800")

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        assert (await charger.call("DataTransfer", VENDOR))[2] == "InternalError"
        await charger.result("Heartbeat", {})


async def test_what_follows_an_answer_runs_after_it_and_may_call_the_charger(autojump_clock: Any) -> None:
    router = default_router()
    followed: list[str] = []
    async with open_central(router=router) as central, central.charger() as charger:

        @router.after(m.BootNotification)
        async def configure(request: m.BootNotification, context: Context) -> None:
            outcome = await central.fleet.call(
                context.identity, m.GetConfiguration(key=["HeartbeatInterval"])
            )
            followed.append(f"{request.charge_point_vendor}: {outcome.state}")

        @router.after(m.BootNotification)
        def note(request: m.BootNotification, context: Context) -> None:
            followed.append("second")

        await charger.boot()
        assert followed == []
        # While what follows waits for the charger, the charger is served.
        request = await charger.receive()
        assert request[2:] == ["GetConfiguration", {"key": ["HeartbeatInterval"]}]
        await charger.result("Heartbeat", {})
        await charger.send([3, request[1], {}])
        await trio.testing.wait_all_tasks_blocked()
        assert followed == ["Vendor: answered", "second"]


async def test_nothing_follows_a_refusal(autojump_clock: Any) -> None:
    router = default_router()
    followed = []
    router.after(m.Authorize)(lambda request, context: followed.append(request))
    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        await charger.call("Authorize", {})
        await trio.testing.wait_all_tasks_blocked()
        assert followed == []
        await charger.call("Authorize", {"idTag": "A"})
        await trio.testing.wait_all_tasks_blocked()
        assert len(followed) == 1


async def test_what_fails_after_an_answer_has_no_other_effect(autojump_clock: Any) -> None:
    router = default_router()
    followed = []

    @router.after(m.Heartbeat)
    def fail(request: m.Heartbeat, context: Context) -> None:
        raise RuntimeError

    router.after(m.Heartbeat)(lambda request, context: followed.append(context.message_id))
    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        await charger.call("Heartbeat", {}, "a")
        await charger.call("Heartbeat", {}, "b")
        await trio.testing.wait_all_tasks_blocked()
        assert followed == ["a", "b"]
        assert central.told(Restarted) == []


async def test_so_many_follow_at_once_and_further_answers_wait(autojump_clock: Any) -> None:
    from ocpp_actors.charge_point.protocol_task import MAX_FOLLOWING

    router = default_router()
    done = trio.Event()
    running = 0

    @router.after(m.Heartbeat)
    async def wait(request: m.Heartbeat, context: Context) -> None:
        nonlocal running
        running += 1
        await done.wait()

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        for number in range(MAX_FOLLOWING + 1):
            await charger.call("Heartbeat", {}, f"h{number}")
        await charger.send([2, "waits", "Heartbeat", {}])
        with trio.move_on_after(60) as scope:
            await charger.receive()
        assert scope.cancelled_caught
        assert running == MAX_FOLLOWING
        done.set()
        assert (await charger.receive())[1] == "waits"


async def test_a_handler_may_wait_for_an_answer_of_its_own_charger(autojump_clock: Any) -> None:
    router = default_router()
    async with open_central(router=router) as central, central.charger() as charger:

        @router.on(m.DataTransfer)
        async def ask_back(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
            outcome = await central.fleet.call(context.identity, m.ClearCache())
            assert outcome.state is CommandState.ANSWERED
            return answer(outcome.response.status)

        await charger.boot()
        await charger.send([2, "crossing", "DataTransfer", VENDOR])
        assert await serve_command(charger, {"status": "Accepted"}) == ("ClearCache", {})
        assert (await charger.receive())[:3] == [3, "crossing", {"status": "Accepted", "data": "Accepted"}]


async def test_a_handler_may_queue_a_command_without_waiting_for_it(autojump_clock: Any) -> None:
    router = default_router()

    @router.on(m.DataTransfer)
    def reset(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        context.command("Reset", {"type": "Soft"})
        context.command("Reset", {"type": "Hard"})
        context.command("Heartbeat", {})
        return answer()

    async with open_central(router=router, mailbox_size=2) as central, central.charger() as charger:
        await charger.boot()
        # The mailbox has room for two; what finds none is dropped, and the message is answered all the same.
        assert (await charger.call("DataTransfer", VENDOR))[0] == 3
        assert await serve_command(charger, {"status": "Accepted"}) == ("Reset", {"type": "Soft"})
        assert await serve_command(charger, {"status": "Accepted"}) == ("Reset", {"type": "Hard"})


async def test_a_command_that_nobody_checked_goes_out_as_it_is(autojump_clock: Any) -> None:
    router = default_router()

    @router.on(m.DataTransfer)
    def trigger(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        context.command("TriggerMessage", {})
        return answer()

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        await charger.call("DataTransfer", VENDOR)
        assert await serve_command(charger, {"status": "Rejected"}) == ("TriggerMessage", {})
        await charger.boot()
        assert central.told(Restarted) == []
