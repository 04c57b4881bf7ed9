"""The simulated charge point: what stands in the street, with its power, its link and its connectors."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

import trio
from attrs import define, evolve, field

from ocpp_actors.clock import Clock
from ocpp_actors.protocol.frames import Call, CallError
from ocpp_actors.protocol.messages import ChargePointErrorCode
from ocpp_actors.testbench.simulated.access import Security
from ocpp_actors.testbench.simulated.certificates import Certificates
from ocpp_actors.testbench.simulated.commands import answer
from ocpp_actors.testbench.simulated.configuration import Configuration
from ocpp_actors.testbench.simulated.connector import NO_ERROR
from ocpp_actors.testbench.simulated.controller import Controller, Make
from ocpp_actors.testbench.simulated.link import Answer
from ocpp_actors.testbench.simulated.memory import Memory, Outlet
from ocpp_actors.testbench.simulated.personality import WELL_BEHAVED, Personality
from ocpp_actors.testbench.simulated.talker import CALL_TIMEOUT
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire

START_SECONDS: Final = 2.0
"""Seconds that it takes to start."""

CLOSE_TIMEOUT: Final = 10.0


@define(eq=False, kw_only=True)
class SimulatedChargePoint:
    """A charge point that lives by itself in a nursery, as Station says. It is off at first.

    ``chance`` decides what is left to chance, ``clock`` is its clock before the central system tells it the time.
    """

    target: Target
    wire: Wire
    nursery: trio.Nursery
    clock: Clock
    chance: Random
    connector_count: int = 1
    personality: Personality = WELL_BEHAVED
    make: Make = field(factory=Make)
    configuration: Mapping[str, str] = field(factory=dict)
    """Values of configuration keys that it has from the factory."""
    security: Security = field(factory=Security)
    call_timeout: float = CALL_TIMEOUT
    memory: Memory = field(init=False)
    outlets: dict[int, Outlet] = field(init=False)
    last_failure: Exception | None = field(init=False, default=None)
    """Why the last attempt to connect failed."""
    _controller: Controller | None = field(init=False, default=None)
    _power: trio.CancelScope | None = field(init=False, default=None)
    _off: trio.Event = field(init=False, factory=trio.Event)
    _link_up: trio.Event = field(init=False, factory=trio.Event)
    _scripts: dict[str, deque[dict[str, Any] | CallError | None]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        configuration = Configuration(self.connector_count)
        for name, value in self.configuration.items():
            configuration.preset(name, value)
        self.memory = Memory(
            configuration, certificates=Certificates(self.security.roots, self.security.certificate)
        )
        self.outlets = {number: Outlet() for number in range(1, self.connector_count + 1)}
        self._link_up.set()

    @property
    def identity(self) -> str:
        """The identity under which it connects."""
        return self.wire.identity

    @property
    def features(self) -> frozenset[Feature]:
        """What it can: everything."""
        return frozenset(Feature)

    @property
    def controller(self) -> Controller | None:
        """What runs in it; None: it is off, or starting."""
        return self._controller

    # --- power -------------------------------------------------------------------------------------------------

    async def power_on(self) -> None:
        """Start it; nothing happens if it runs."""
        if self._power is None:
            self._power = trio.CancelScope()
            self._off = trio.Event()
            self.nursery.start_soon(self._live, self._power)
        await trio.lowlevel.checkpoint()

    async def power_off(self) -> None:
        """Cut its power."""
        if self._power is not None:
            if self._controller is not None:
                self._controller.cut_off()
            self._power.cancel()
            await self._off.wait()
        await trio.lowlevel.checkpoint()

    async def wipe(self) -> None:
        """Drop what it keeps and what is plugged in, as Station says; nothing happens while it is on."""
        if self._power is None:
            self.memory = self.memory.wiped()
            self.outlets = {number: Outlet() for number in self.outlets}
            self._scripts.clear()
            self._link_up.set()
        await trio.lowlevel.checkpoint()

    async def shut_down(self) -> None:
        """Close its connection properly, then cut its power."""
        if self._controller is not None:
            with trio.move_on_after(CLOSE_TIMEOUT):
                await self._controller.link.close()
        await self.power_off()

    async def _live(self, power: trio.CancelScope) -> None:
        try:
            with power:
                while True:
                    self._controller = self._start()
                    await self._controller.run()
                    self._controller = None
                    await trio.sleep(START_SECONDS)
        finally:
            self._controller = self._power = None
            self._off.set()

    def _start(self) -> Controller:
        return Controller(
            memory=self.memory,
            outlets=self.outlets,
            make=self.make,
            target=self.target,
            secure=self.security.address,
            wire=self.wire,
            clock=self.clock,
            chance=self.chance,
            personality=self.personality,
            command=self._command,
            on_failure=self._failed,
            link_up=self._link_up,
            call_timeout=self.call_timeout,
        )

    def _failed(self, failure: Exception) -> None:
        self.last_failure = failure

    # --- link --------------------------------------------------------------------------------------------------

    async def link_down(self) -> None:
        """Cut the connection, and let none come up."""
        if self._link_up.is_set():
            self._link_up = trio.Event()
            if self._controller is not None:
                self._controller.link.cut(self._link_up)
        await trio.lowlevel.checkpoint()

    async def link_up(self) -> None:
        """Let connections come up again."""
        self._link_up.set()
        await trio.lowlevel.checkpoint()

    # --- hands on it -------------------------------------------------------------------------------------------

    async def plug_in(self, connector_id: int = 1) -> None:
        """Connect a vehicle."""
        if self._controller is None:
            self.outlets[connector_id].plugged = True
        else:
            self._controller.floor.plug_in(self._controller.places[connector_id])
        await trio.lowlevel.checkpoint()

    async def unplug(self, connector_id: int = 1) -> None:
        """Take the cable out."""
        if self._controller is None:
            self.outlets[connector_id].plugged = False
        else:
            self._controller.floor.unplug(self._controller.places[connector_id])
        await trio.lowlevel.checkpoint()

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Present a card; nothing happens while it is off. What comes of it is not waited for."""
        controller = self._controller
        if controller is not None:
            place, presented = controller.places[connector_id], trio.Event()

            async def present() -> None:
                presented.set()  # and what it decides by itself is decided before anybody else does anything
                await controller.floor.present(place, id_tag)

            controller.start_soon(present)
            await presented.wait()
        await trio.lowlevel.checkpoint()

    async def fault(self, connector_id: int, error_code: str) -> None:
        """Let a connector fail, or with 0 the charge point itself."""
        error = ChargePointErrorCode(error_code)
        if self._controller is None:
            self.outlets[connector_id].error = error
        elif connector_id == 0:
            self._controller.places.fail(error)
        else:
            self._controller.floor.fail(self._controller.places[connector_id], error)
        await trio.lowlevel.checkpoint()

    async def clear_fault(self, connector_id: int) -> None:
        """Let it work again."""
        if self._controller is None:
            self.outlets[connector_id].error = NO_ERROR
        elif connector_id == 0:
            self._controller.places.fail(NO_ERROR)
        else:
            self._controller.floor.repair(self._controller.places[connector_id])
        await trio.lowlevel.checkpoint()

    # --- told what to say --------------------------------------------------------------------------------------

    async def report(self, action: str, payload: dict[str, Any]) -> None:
        """Send a request, whatever it is, in its turn; nothing happens while it is off."""
        if self._controller is not None:
            self._controller.talker.tell_raw(action, payload)
        await trio.lowlevel.checkpoint()

    def answer(self, action: str, reply: dict[str, Any] | CallError | None, times: int = 1) -> None:
        """Answer the next CALLs of an action so; None: not at all."""
        self._scripts.setdefault(action, deque()).extend([reply] * times)

    def _command(self, controller: Controller, call: Call) -> Answer:
        script = self._scripts.get(call.action)
        if not script:
            return answer(controller, call)
        reply = script.popleft()
        return evolve(reply, message_id=call.message_id) if isinstance(reply, CallError) else reply


@asynccontextmanager
async def open_charge_points(
    target: Target,
    identities: Sequence[str],
    clock: Clock,
    chance: Random,
    *,
    max_kept: int | None = None,
    **how: Any,
) -> AsyncIterator[list[SimulatedChargePoint]]:
    """Have simulated charge points, all of them off, for the length of the block; then their power is cut.

    ``how`` are other fields of SimulatedChargePoint. ``max_kept`` bounds their wires.
    """
    async with trio.open_nursery() as nursery:
        yield [
            SimulatedChargePoint(
                target=target,
                wire=Wire(identity) if max_kept is None else Wire(identity, max_kept),
                nursery=nursery,
                clock=clock,
                chance=Random(chance.random()),  # noqa: S311 — so that each has its own
                **how,
            )
            for identity in identities
        ]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_charge_point(
    target: Target, identity: str, clock: Clock, chance: Random, **how: Any
) -> AsyncIterator[SimulatedChargePoint]:
    """Have one simulated charge point, off, for the length of the block; then its power is cut."""
    async with open_charge_points(target, [identity], clock, chance, **how) as (station,):
        yield station
