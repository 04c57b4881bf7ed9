"""A central system broken on purpose in one way, and the ways in which it can be.

What a mutant does is done at one of four places: to the frames that leave, to the answer of a handler, to what the
ledger is asked, or to who is let in.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import trio
from attrs import evolve, field, fields, frozen

from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Handler, Router
from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.chains import read_chain
from ocpp_actors.certificates.key_pairs import KeyPair
from ocpp_actors.charge_point.frame_writer import FrameWriter
from ocpp_actors.clock import SystemClock
from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.frames import Call
from ocpp_actors.server.admission import Credentials, Handshake, Step
from ocpp_actors.testbench.secured import TlsFiles
from ocpp_actors.testing.in_process import InProcess, open_in_process

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4


IN_HAND: ContextVar[str] = ContextVar("IN_HAND")
"""The action that the present task has answered last."""


Change = Callable[[Any], Any]


Written = list[list[Any]]
"""The frames that are written instead of one."""


@frozen
class Instead:
    """What a broken ledger answers, without doing what it was asked."""

    answer: Any = None


@frozen(kw_only=True)
class Mutant:
    """One way to be broken.

    ``frame`` gets a frame that is to leave and the action that it belongs to; a number of seconds is a pause before it.
    """

    name: str
    what: str
    found_by: str
    frame: Callable[[list[Any], str], Written | float] | None = None
    handlers: dict[type, Handler] = field(factory=dict)
    answers: dict[str, Change] = field(factory=dict)
    """By action: what becomes of the response of its handler."""
    asked: dict[type, Change] = field(factory=dict)
    """By request to the ledger: the request that is carried out, or what is answered Instead."""
    forgets: tuple[type, ...] = ()
    """Notes to the ledger that are lost."""
    steps: Callable[[list[Step]], list[Step]] = list
    settings: dict[str, Any] = field(factory=dict)

    @asynccontextmanager
    async def running(self, directory: Path) -> AsyncIterator[InProcess]:
        """Run the broken central system for the length of the block; its certificates are made in the directory."""
        router = default_router()
        for request, handler in self.handlers.items():
            router.on(request)(handler)
        for action, change in self.answers.items():
            router.around(ACTIONS[action].request)(_changed(change))
        with (
            patch.object(FrameWriter, "write", _writing(self.frame, FrameWriter.write)),
            patch.object(Router, "dispatch", _dispatching(Router.dispatch)),
        ):
            async with open_in_process(
                router=router,
                ledger=BrokenLedger(self.asked, self.forgets),
                change_steps=self.steps,
                tls=TlsFiles.made(directory / "tls", SystemClock()),
                **{"testing": True, **self.settings},
            ) as central:
                yield central


class BrokenLedger(MemoryLedger):
    """A ledger that does something else than it was asked."""

    def __init__(self, asked: dict[type, Change], forgets: tuple[type, ...]) -> None:
        super().__init__()
        self._asked = asked
        self._forgets = forgets

    async def ask(self, request: Any, by: float | None = None) -> Any:
        change = self._asked.get(type(request))
        changed = request if change is None else change(request)
        return changed.answer if isinstance(changed, Instead) else await super().ask(changed, by)

    def note(self, request: Any) -> None:
        if not isinstance(request, self._forgets):
            super().note(request)


def _changed(change: Change) -> Callable[..., Any]:
    async def around(request: Any, context: Any, proceed: Any) -> Any:
        return change(await proceed(request, context))

    return around


def _dispatching(dispatch: Any) -> Any:
    async def dispatching(router: Router, call: Call, context: Any) -> Any:
        IN_HAND.set(call.action)
        return await dispatch(router, call, context)

    return dispatching


def _writing(frame: Callable[[list[Any], str], Written | float] | None, write: Any) -> Any:
    if frame is None:
        return write

    async def writing(writer: FrameWriter, text: str, message_id: str, action: str | None) -> None:
        written = orjson.loads(text)
        instead = frame(written, written[2] if written[0] == CALL else IN_HAND.get(""))
        if isinstance(instead, float):
            await trio.sleep(instead)
            instead = [written]
        for each in instead:
            await write(writer, orjson.dumps(each).decode(), message_id, action)

    return writing


# --- what can be done to frames --------------------------------------------------------------------------------


def answers_to(
    action: str | None, change: Callable[[list[Any]], Written | float]
) -> Callable[..., Written | float]:
    """Do something to the CALLRESULTs of an action, or of all."""

    def frame(written: list[Any], of: str) -> Written | float:
        return change(written) if written[0] == CALL_RESULT and action in (None, of) else [written]

    return frame


def calls_of(action: str, change: Change) -> Callable[..., Written | float]:
    """Do something to the payload of the central system's CALLs of an action."""

    def frame(written: list[Any], of: str) -> Written | float:
        return [[*written[:3], change(written[3])]] if written[0] == CALL and of == action else [written]

    return frame


def errors(change: Callable[[str], str]) -> Callable[..., Written | float]:
    """Do something to the error codes of CALLERRORs."""

    def frame(written: list[Any], _of: str) -> Written | float:
        return [[*written[:2], change(written[2]), *written[3:]]] if written[0] == CALL_ERROR else [written]

    return frame


def swapped(one: str, other: str) -> Callable[[str], str]:
    return lambda code: {one: other, other: one}.get(code, code)


def always(status: m.AuthorizationStatus) -> dict[str, Change]:
    return {
        action: lambda response: response and evolve(response, id_tag_info=m.IdTagInfo(status=status))
        for action in ("Authorize", "StartTransaction")
    }


def with_parts(**parts: Any) -> Change:
    """Change parts of a response or of a request to the ledger."""
    return lambda whole: evolve(whole, **parts)


def instead_of(answer: Any = None) -> Change:
    return lambda _request: Instead(answer)


def half_of(payload: Any) -> Any:
    """Return the request with a charging profile, every limit of it halved."""
    profile = payload["csChargingProfiles"]
    schedule = profile["chargingSchedule"]
    periods = [{**each, "limit": each["limit"] / 2} for each in schedule["chargingSchedulePeriod"]]
    return {
        **payload,
        "csChargingProfiles": {
            **profile,
            "chargingSchedule": {**schedule, "chargingSchedulePeriod": periods},
        },
    }


SERIAL = itertools.count(1)


def shifted(request: port.RecordStart) -> port.RecordStart:
    """Return a start that is like no other."""
    return evolve(request, timestamp=request.timestamp + timedelta(microseconds=next(SERIAL)))


def credentials_with(**methods: Any) -> Callable[[list[Step]], list[Step]]:
    """Let who is let in be decided by Credentials with other methods."""

    def changed(step: Step) -> Step:
        own = getattr(step, "__self__", None)
        if not is_credentials(step):
            return step
        broken: Any = type("BrokenCredentials", (Credentials,), methods)
        given = {each.name: getattr(own, each.name) for each in fields(Credentials) if each.init}
        made: Step = broken(**given).step
        return made

    return lambda steps: [changed(step) for step in steps]


def before_credentials(change: Callable[[Handshake], None]) -> Callable[[list[Step]], list[Step]]:
    """Do something to the handshake before it is decided who is let in."""

    async def step(handshake: Handshake) -> None:
        change(handshake)

    return lambda steps: [each for own in steps for each in ((step, own) if is_credentials(own) else (own,))]


def is_credentials(step: Step) -> bool:
    return isinstance(getattr(step, "__self__", None), Credentials)


def seem_secure(handshake: Handshake) -> None:
    handshake.secure = True


def need_nothing(handshake: Handshake) -> None:
    handshake.record = evolve(handshake.known, settings=evolve(handshake.known.settings, security_profile=0))


def a_next_key_only(request: port.SetKey) -> Any:
    """Let a new key be right beside the old one."""
    assert request.key is not None
    return port.SetNextKeys(request.identity, (request.key,))


def of_another_key(payload: Any) -> Any:
    """Return CertificateSigned with a certificate of the same names, and of a key that nobody has."""
    names = read_chain(payload["certificateChain"])
    now = SystemClock().now()
    request = KeyPair.new().request(names.common_name)
    return {"certificateChain": Authority.new(now).sign(request, now, names=[names.common_name])}


async def yes(*_whatever: Any) -> bool:
    return True


async def under_another_name(handshake: Handshake) -> None:
    handshake.record = evolve(handshake.known, identity=f"{handshake.known.identity}{next(SERIAL)}")


async def any_subprotocol(handshake: Handshake) -> None:
    handshake.subprotocol = next(iter(handshake.subprotocols), None)
