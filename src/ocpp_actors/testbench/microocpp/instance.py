"""One instance of the simulator: its directory, its port, its process, and who starts it again."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.pace import TokenBucket
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.microocpp.api import Silent, SimulatorApi, open_simulator_api
from ocpp_actors.testbench.microocpp.process import (
    STOP_PATIENCE,
    SimulatorProcess,
    bound_output,
    last_lines,
    start_process,
)
from ocpp_actors.testbench.microocpp.store import STORE, Seed, api_url, store_files

READY_TIMEOUT: Final = 15.0
"""Seconds from the start of a process until its API has to answer."""

POLL_INTERVAL: Final = 0.05
"""Seconds between two looks whether it answers."""

RESTARTS: Final = 10
RESTART_WINDOW: Final = 60.0
"""So many times within so many seconds it may end by itself and is started again; a Reset takes it about 10 seconds."""

OUTPUT_INTERVAL: Final = 10.0
"""Seconds between two looks at how long its output has become."""


class InstanceFailed(Failed):
    """A simulator failed; the message says which one, how, and the end of what it printed."""


Failing = Callable[[InstanceFailed], None]
"""Is told that a simulator failed; it may raise."""


def _raise(failure: InstanceFailed) -> None:
    raise failure


@define(eq=False)
class Instance:
    """A simulator, while it has power. Its methods raise InstanceFailed where it has none, or failed meanwhile."""

    seed: Seed
    directory: Path
    api: SimulatorApi
    """Its API; a call while it starts finds nobody, see ready()."""
    ready_timeout: float
    starts: int = field(init=False, default=0)
    """How many times it was started."""
    _binary: Path
    _restarts: TokenBucket
    _failing: Failing
    _failed: bool = field(init=False, default=False)
    _powered: trio.Event = field(init=False, factory=trio.Event)
    _ready: trio.Event = field(init=False, factory=trio.Event)
    _ended: trio.Event = field(init=False, factory=trio.Event)
    _process: SimulatorProcess | None = field(init=False, default=None)

    @property
    def identity(self) -> str:
        """The identity under which it was seeded."""
        return self.seed.identity

    @property
    def output(self) -> Path:
        """The file that has what it printed, all its lives one after the other."""
        return self.directory / "output.log"

    @property
    def pid(self) -> int | None:
        """The id of its process; None while there is none."""
        return self._process.pid if self._process else None

    async def power_on(self) -> None:
        """Start it, with the store that it left, and wait until its API answers. Nothing happens if it runs."""
        self._failed = False
        self._powered.set()
        await self.ready()

    async def power_off(self) -> None:
        """Kill it without warning, and wait until it is gone. Nothing happens if it has no power."""
        if not self._powered.is_set():
            return
        self._powered = trio.Event()
        ended = self._ended
        if self._process is not None:
            self._process.kill()
            await ended.wait()

    async def ready(self) -> None:
        """Wait until its API answers, where it is being started."""
        while True:
            if not self._powered.is_set():
                since = " since it failed" if self._failed else ""
                raise InstanceFailed(f"the simulator {self.identity} has no power{since}: switch it on first")
            ready = self._ready
            await ready.wait()
            if ready is self._ready:
                return

    @trio.lowlevel.enable_ki_protection  # no process slips away between its start and its supervision
    async def _live(self) -> None:
        """Start it whenever it has power and does not run; where it fails it has no power any more."""
        while True:
            await self._powered.wait()
            try:
                await self._live_once()
            except InstanceFailed as failure:
                self._fail(failure)
            except Exception as error:  # noqa: BLE001 — whatever it was, only this one has failed
                self._fail(self._failure(f"failed ({error!r})"))

    def _fail(self, failure: InstanceFailed) -> None:
        self._powered, self._failed = trio.Event(), True
        self._failing(failure)
        self._ready.set()  # whoever waits for it looks again
        self._ready = trio.Event()

    async def _live_once(self) -> None:
        """Run it until it ends. Raises InstanceFailed: it did not do so as after a Reset, or too often."""
        status = await self._run()
        if not self._powered.is_set():
            return
        if status != 0:
            raise self._failure(_how_it_ended(status))
        if not self._restarts.allows(trio.current_time()):
            raise self._failure(
                f"ended by itself more than {RESTARTS} times within {RESTART_WINDOW:g} s, and is not started again"
            )

    async def _run(self) -> int:
        try:
            process = start_process([self._binary], self.directory, self.output)
        except OSError as error:
            raise InstanceFailed(f"the simulator {self.identity} cannot be started: {error}") from None
        self._process = process
        self.starts += 1
        try:
            with ungrouped():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._become_ready)
                    nursery.start_soon(self._bound_output)
                    status = await process.wait()
                    nursery.cancel_scope.cancel()
        finally:
            with trio.move_on_after(STOP_PATIENCE, shield=True):
                await process.stop()
            self._process = None
            if self._ready.is_set():  # else somebody may wait for it already
                self._ready = trio.Event()
            self._ended.set()
            self._ended = trio.Event()
        return status

    async def _become_ready(self) -> None:
        with trio.move_on_after(self.ready_timeout):
            while True:
                if await self._answers():
                    self._ready.set()
                    return
                await trio.sleep(POLL_INTERVAL)
        raise self._failure(
            f"does not answer at {self.api.url} within {self.ready_timeout:g} s after its start"
        )

    async def _answers(self) -> bool:
        try:
            await self.api.connectors()
        except Silent:
            return False
        return True

    async def _bound_output(self) -> None:
        while True:
            await trio.sleep(OUTPUT_INTERVAL)
            bound_output(self.output)

    def _failure(self, how: str) -> InstanceFailed:
        printed = last_lines(self.output)
        return InstanceFailed(
            f"the simulator {self.identity} {how}; all that it printed is in {self.output}, its end:\n{printed}"
        )


@asynccontextmanager
async def open_instance(
    binary: Path, seed: Seed, directory: Path, *, ready_timeout: float = READY_TIMEOUT
) -> AsyncIterator[Instance]:
    """Run a simulator for the length of the block; it is ready when the block begins. See place_instance().

    Raises InstanceFailed, also into the block: it could not be started, does not answer, crashed, or ended too often.
    """
    with ungrouped():
        async with place_instance(binary, seed, directory, ready_timeout=ready_timeout) as instance:
            await instance.power_on()
            yield instance


@asynccontextmanager
async def place_instance(
    binary: Path,
    seed: Seed,
    directory: Path,
    *,
    ready_timeout: float = READY_TIMEOUT,
    failing: Failing = _raise,
) -> AsyncIterator[Instance]:
    """Have a simulator, without power, for the length of the block, in a directory of its own.

    Where the directory has a store already, the instance is what that store says, except for its API's port.
    It is started again when it ends by itself with status 0, as after a Reset. It is gone after the block, however the
    block ends; its directory stays. ``failing`` is told when it fails: it could not be started, does not answer,
    crashed, or ended too often; then it has no power until it is switched on again.

    Raises OSError: there can be no directory, or no port.
    """
    store = directory / STORE
    with ungrouped(), reserved_port(seed.api_host) as port:
        store.mkdir(parents=True, exist_ok=True)
        for name, content in store_files(seed, port).items():
            if name == "api.jsn" or not (store / name).exists():
                (store / name).write_text(content, "utf-8")
        async with (
            open_simulator_api(api_url(seed, port), beyond_loopback=seed.beyond_loopback) as api,
            trio.open_nursery() as nursery,
        ):
            restarts = TokenBucket(RESTARTS / RESTART_WINDOW, RESTARTS, trio.current_time())
            instance = Instance(seed, directory, api, ready_timeout, binary, restarts, failing)
            nursery.start_soon(instance._live)  # noqa: SLF001 — the other half of the instance
            yield instance
            nursery.cancel_scope.cancel()


@contextmanager
def reserved_port(host: str) -> Iterator[int]:
    """Keep a free port from all others for the length of the block, except from who listens with ``SO_REUSEADDR``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as keeper:
        keeper.bind((host, 0))
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield keeper.getsockname()[1]


def _how_it_ended(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
