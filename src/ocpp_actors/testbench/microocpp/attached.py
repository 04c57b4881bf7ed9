"""Charge points that already run elsewhere: real chargers with a person beside them, and simulators."""

import os
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.testbench.failures import Skipped
from ocpp_actors.testbench.microocpp.api import ApiFailed, Connection, SimulatorApi
from ocpp_actors.testbench.microocpp.outside import OutsideStation
from ocpp_actors.testbench.station import Feature

Prompt = Callable[[str], Awaitable[None]]
"""Tells a person what to do, and returns when it was done."""

RESTORE_TIMEOUT: Final = 15.0
"""Seconds to send a simulator back to where it was connected before: more than it has to answer, so that what it did
instead is told.
"""

_HANDS: Final = frozenset({Feature.PLUG, Feature.TAP, Feature.POWER})


@define(eq=False, kw_only=True)
class AttachedStation(OutsideStation):
    """A charger of any make. Whatever hands are needed for is asked of a person, if there is one.

    ``supports`` is what its user says that it can, such as SMART_CHARGING.
    """

    prompt: Prompt | None = None
    supports: frozenset[Feature] = frozenset()

    @property
    def features(self) -> frozenset[Feature]:
        """What it can."""
        return super().features | self.supports | (_HANDS if self.prompt else frozenset())

    async def power_on(self) -> None:
        """Ask for its power."""
        await self._ask("give it power")

    async def power_off(self) -> None:
        """Ask for its power to be cut."""
        await self._ask("cut its power")

    async def plug_in(self, connector_id: int = 1) -> None:
        """Ask for a vehicle."""
        await self._ask(f"plug a vehicle in at connector {connector_id}")

    async def unplug(self, connector_id: int = 1) -> None:
        """Ask for the vehicle to leave."""
        await self._ask(f"unplug the vehicle at connector {connector_id}")

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Ask for a card."""
        await self._ask(f"present the card {id_tag} at connector {connector_id}")

    async def _ask(self, what: str) -> None:
        if self.prompt is None:
            self._cannot(f"do it by itself, and nobody is there to {what}")
        await self.prompt(f"{self.identity}: {what}")


@define(eq=False)
class Terminal:
    """A person at the terminal, who is asked for one thing at a time."""

    _busy: trio.Lock = field(init=False, factory=trio.Lock)

    async def ask(self, what: str) -> None:
        """Print what to do, and wait for the Enter key; what was pressed before does not count.

        Raises Skipped: the input has ended, so nobody is there.
        """
        async with self._busy:
            where = sys.stdin.fileno()
            if os.isatty(where):
                termios.tcflush(where, termios.TCIFLUSH)
            sys.stderr.write(f"{what}, then press Enter\n")
            sys.stderr.flush()
            key = b""
            while key != b"\n":
                await _readable(where)
                key = os.read(where, 1)
                if not key:
                    raise Skipped(f"nobody is at the terminal to do it: {what}")


async def _readable(where: int) -> None:
    try:
        await trio.lowlevel.wait_readable(where)
    except PermissionError:
        await trio.lowlevel.checkpoint()  # it is a file, which is never waited for


@asynccontextmanager
async def borrowed(api: SimulatorApi, backend_url: str) -> AsyncIterator[Connection]:
    """Let a simulator that runs elsewhere connect to ``backend_url`` for the length of the block.

    Yields what its connection was before, and gives that back after the block, however it ends.

    Raises ApiFailed: it does not answer, also when it is to be given back. SeedRefused: the URL is not for it.
    """
    before = await api.connection()
    try:
        await api.switch(backend_url=backend_url)
        yield before
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(RESTORE_TIMEOUT):
            try:
                await api.give_back(before)
            except ApiFailed as error:
                raise ApiFailed(
                    f"the simulator {before.identity} still connects to {backend_url}, not to {before.backend_url}: "
                    f"{error}"
                ) from error
