"""The central system under test: a server in a process of its own, or one that somebody else runs."""

import os
import re
import secrets
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from attrs import define, field, frozen

from ocpp_actors.clock import Clock, SystemClock
from ocpp_actors.pace import TokenBucket
from ocpp_actors.settings import PREFIX
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.microocpp.instance import reserved_port
from ocpp_actors.testbench.operators import Operator, open_operator
from ocpp_actors.testbench.profiles.profile import CentralSystem, RestartKind
from ocpp_actors.testbench.secured import Secured, TlsFiles, secure_url
from ocpp_actors.testbench.target import Target, secure_target_of, target_of

log = structlog.get_logger(__name__)

START_TIMEOUT: Final = 60.0
"""Seconds that a server has to say where it listens."""

REACH: Final = 10.0
"""Seconds in which a central system that somebody else runs, or its API, has to be there."""

END_TIMEOUT: Final = 15.0
"""Seconds between SIGTERM and SIGKILL: more than the server's own shutdown takes by default."""

GREETING: Final = 64 * 1024
"""Bytes of output in which the addresses have to be."""

RESTARTS: Final = 10
RESTART_WINDOW: Final = 60.0
"""So many times within so many seconds it is started again."""

LOOPBACK: Final = "127.0.0.1"

_CHARGE_POINTS: Final = re.compile(r"^Charge points connect to +(wss?://\S+)/IDENTITY", re.MULTILINE)
_API: Final = re.compile(r"^API and dashboard are at +(https?://\S+?)/? *$", re.MULTILINE)
_LISTENS: Final = re.compile(r"^Messages are logged in .*\n", re.MULTILINE)
"""The last that it says of where it is."""


class ServerTrouble(Failed):
    """The server did not start, or ended and did not come back; the message has why, and where its log is."""


@frozen
class UnderTest:
    """A central system under test.

    ``restart`` ends the server and starts it again on the same address; None where the session does not run it.
    ``metrics`` returns the text of its metrics, or None.
    """

    target: Target
    clock: Clock
    operator: Operator | None = None
    id_tags: Mapping[str, str] = field(factory=dict)
    testing: bool = False
    secured: Secured | None = None
    """The same central system over TLS; None: it was not asked for."""
    restart: "Callable[[RestartKind, float], Awaitable[None]] | None" = None
    metrics: Callable[[], Awaitable[str | None]] | None = None
    unexpected_ends: Callable[[], int] = int
    gone: Callable[[], Awaitable[None]] = trio.sleep_forever
    """Waits until the server is gone for good; raises ServerTrouble then."""
    hurry: Callable[[], None] = lambda: None
    """From now on end the server without waiting for it."""
    on_change: list[Callable[[bool], None]] = field(factory=list)
    """Told when the server goes (False) and is back (True)."""


@frozen
class Addresses:
    """Where a server says that it listens: for charge points, without identity, and for operators."""

    charge_points: tuple[str, ...]
    api: tuple[str, ...]

    @property
    def url(self) -> str:
        """Where to connect: without TLS if that can be."""
        return min(self.charge_points, key=lambda each: each.startswith("wss"))


def addresses_in(said: str) -> Addresses | None:
    """Read what a server prints when it listens; None: that is not all yet."""
    if not _LISTENS.search(said):
        return None
    return Addresses(tuple(_CHARGE_POINTS.findall(said)), tuple(_API.findall(said)))


@define(eq=False)
class ServerProcess:
    """``ocpp-actors serve`` as a process, in a session of its own, so that Ctrl-C reaches the test bench alone.

    It does not outlive this process, however that ends.
    """

    directory: Path
    settings: Mapping[str, Any]
    token: str
    addresses: Addresses = field(init=False, default=Addresses((), ()))
    unexpected_ends: int = field(init=False, default=0)
    listeners: list[Callable[[bool], None]] = field(init=False, factory=list)
    _process: trio.Process | None = field(init=False, default=None)
    _hurried: bool = field(init=False, default=False)
    _changing: trio.Lock = field(init=False, factory=trio.Lock)
    """Held by who ends or starts it."""
    _restarts: TokenBucket = field(
        init=False, factory=lambda: TokenBucket(RESTARTS / RESTART_WINDOW, RESTARTS, trio.current_time())
    )
    _trouble: ServerTrouble | None = field(init=False, default=None)
    _gone: trio.Event = field(init=False, factory=trio.Event)
    _watchers: trio.Nursery = field(init=False)

    @property
    def log(self) -> Path:
        """What it writes to its standard error."""
        return self.directory / "server.log"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start it, tell when it listens, start it again if it ends by itself; it is ended on cancellation.

        Raises ServerTrouble: it does not start the first time.
        """
        try:
            async with trio.open_nursery() as self._watchers:
                try:
                    await self._start()
                except ServerTrouble as error:
                    raise self._lose(f"the server {error}") from None
                task_status.started()
                await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await self._stop("gracefully")

    async def gone(self) -> None:
        """Wait until it is not there any more, and does not come back; then raise ServerTrouble, which says why."""
        await self._gone.wait()
        assert self._trouble is not None
        raise self._trouble

    async def restart(self, how: RestartKind, down: float) -> None:
        """End it, wait ``down`` seconds and start it on the same ports. Raises ServerTrouble.

        Who is cancelled meanwhile does not wait any longer; the server is started all the same.
        """
        over = trio.Event()
        self._watchers.start_soon(self._restart, how, down, over)
        await over.wait()
        if self._trouble is not None:
            raise self._trouble

    def hurry(self) -> None:
        """Kill it, now and whenever it is to be stopped."""
        self._hurried = True
        if self._process is not None:
            self._process.kill()

    async def _watch(self, process: trio.Process) -> None:
        status = await process.wait()
        async with self._changing:
            if process is not self._process or self._hurried:
                return
            self.unexpected_ends += 1
            self._tell(False)
            await self._stop("kill")
            log.warning("the server ended by itself", status=status)
            ended = f"the server ended with status {status}"
            if not self._restarts.allows(trio.current_time()):
                self._lose(f"{ended}, more than {RESTARTS} times within {RESTART_WINDOW:g} seconds")
                return
            await self._start_again(ended)

    async def _restart(self, how: RestartKind, down: float, over: trio.Event) -> None:
        try:
            async with self._changing:
                self._tell(False)
                await self._stop(how)
                await trio.sleep(down)
                await self._start_again(
                    "the server was told to end" if how == "gracefully" else "the server was killed"
                )
        finally:
            over.set()

    async def _start_again(self, ended: str) -> None:
        """Start it; what keeps it from that is told by gone()."""
        try:
            await self._start()
        except ServerTrouble as error:
            self._lose(f"{ended} and {error}")
        except OSError as error:
            self._lose(f"{ended} and cannot be started: {error}")

    def _lose(self, why: str) -> ServerTrouble:
        self._trouble = ServerTrouble(f"{why}; its log is {self.log}")
        self._gone.set()
        return self._trouble

    async def _start(self) -> None:
        """Start it and wait until it listens. Raises ServerTrouble: what it did instead."""
        with self.log.open("ab") as stderr:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-P", "-m", "ocpp_actors.testbench.leash", "ocpp_actors", "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment(),
                start_new_session=True,
            )
        self._process = process
        try:
            with trio.move_on_after(START_TIMEOUT) as patience:
                self.addresses = await self._greeting(process)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._stop("kill")
            raise
        if patience.cancelled_caught:
            await self._stop("kill")
            raise ServerTrouble(f"did not listen within {START_TIMEOUT:g} seconds: {self._last_words()}")
        self._watchers.start_soon(self._watch, process)
        self._tell(True)

    async def _stop(self, how: RestartKind) -> None:
        """End it for certain, if it is there: SIGKILL, or SIGTERM and after a while SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if how == "gracefully" and not self._hurried:
                process.send_signal(signal.SIGTERM)
                with trio.move_on_after(END_TIMEOUT):
                    await process.wait()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                for pipe in (process.stdin, process.stdout):
                    assert pipe is not None
                    await pipe.aclose()

    async def _greeting(self, process: trio.Process) -> Addresses:
        assert process.stdout is not None
        said = b""
        async for chunk in process.stdout:
            said += chunk
            if found := addresses_in(said.decode("utf-8", "replace")):
                return found
            if len(said) > GREETING:
                break
        raise ServerTrouble(f"did not start: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _environment(self) -> dict[str, str]:
        own: dict[str, Any] = {
            "database": f"sqlite:///{self.directory.absolute() / 'ledger.db'}",
            "message_log": str(self.directory.absolute() / "messages.db"),
            "log_format": "json",
            **self.settings,
            "api_token": self.token,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return inherited | {f"{PREFIX}{name.upper()}": _written(value) for name, value in own.items()}

    def _tell(self, up: bool) -> None:
        for listener in self.listeners:
            listener(up)


@asynccontextmanager
async def own_server(
    directory: Path, settings: Mapping[str, Any], *, secure: bool = False
) -> AsyncIterator[UnderTest]:
    """Run a server with free ports and a ledger, a message log and a token of its own for the length of the block.

    Nobody else is given its ports while it is down; who asks for just these, with ``SO_REUSEADDR``, gets them, because
    that is what the server itself does.

    ``secure``: it speaks TLS, too, on a port of its own, with certificates that are made for it.

    Raises ServerTrouble: it does not start.
    """
    host, api_host = settings.get("host", LOOPBACK), settings.get("api_host", LOOPBACK)
    files = TlsFiles.made(directory / "tls", SystemClock()) if secure else None
    with (
        reserved_port(host) as port,
        reserved_port(api_host) as api_port,
        reserved_port(host) as tls_port,
    ):
        over_tls = files.settings(tls_port) if files else {}
        process = ServerProcess(
            directory,
            {"host": host, "port": port, "api_port": api_port, **over_tls, **settings},
            secrets.token_urlsafe(24),
        )
        async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
            await nursery.start(process.run)
            operator: Operator | None = None
            if process.addresses.api:
                operator = await stack.enter_async_context(
                    open_operator(process.addresses.api[0], process.token)
                )
            url = secure_url(process.addresses.charge_points)
            yield UnderTest(
                target_of(process.addresses.url, _trust(settings)),
                SystemClock(),
                operator,
                testing=bool(settings.get("testing")),
                secured=Secured(secure_target_of(url), files) if url and files else None,
                restart=process.restart,
                metrics=_metrics_of(operator) if operator else None,
                unexpected_ends=lambda: process.unexpected_ends,
                gone=process.gone,
                hurry=process.hurry,
                on_change=process.listeners,
            )
            nursery.cancel_scope.cancel()


def _trust(settings: Mapping[str, Any]) -> ssl.SSLContext | None:
    """Return a context that trusts the server's own certificate, where it has one."""
    certificate = settings.get("tls_certificate")
    return ssl.create_default_context(cafile=certificate) if certificate else None


@asynccontextmanager
async def foreign_server(chosen: CentralSystem) -> AsyncIterator[UnderTest]:
    """Use a central system that somebody else runs, for the length of the block.

    Raises NotAUrl: its URL cannot be one. Raises OSError: the file of its API's token cannot be read.
    """
    assert chosen.url is not None
    target, clock = target_of(chosen.url, chosen.tls.context()), SystemClock()
    if chosen.api_url is None:
        yield UnderTest(target, clock, id_tags=chosen.id_tags)
        return
    token = chosen.api_token_file and (await trio.Path(chosen.api_token_file).read_text("utf-8")).strip()
    async with open_operator(chosen.api_url, token or None) as operator:
        yield UnderTest(target, clock, operator, id_tags=chosen.id_tags, metrics=_metrics_of(operator))


async def reach(chosen: CentralSystem) -> None:
    """Return where a central system that somebody else runs, and its API, can be reached.

    Raises NotAUrl: its URL cannot be one. Raises ServerTrouble: nobody is there, or the API does not want the token.
    """
    if chosen.url is None:
        return
    try:
        with trio.fail_after(REACH):
            await trio.aclose_forcefully(await target_of(chosen.url, chosen.tls.context()).dial())
    except trio.TooSlowError:
        raise ServerTrouble(f"the central system {chosen.url} does not answer within {REACH:g} s") from None
    except OSError as error:
        raise ServerTrouble(f"the central system {chosen.url} cannot be reached: {error}") from None
    if chosen.api_url is not None:
        async with foreign_server(chosen) as under_test:
            assert under_test.operator is not None
            try:
                with trio.fail_after(REACH):
                    await under_test.operator.items("/charge-points", limit=1)
            except trio.TooSlowError:
                raise ServerTrouble(f"the API {chosen.api_url} does not answer within {REACH:g} s") from None
            except Failed as failed:
                raise ServerTrouble(f"the API {chosen.api_url} cannot be used: {failed}") from None


def _metrics_of(operator: Operator) -> Callable[[], Awaitable[str | None]]:
    async def metrics() -> str | None:
        return await operator.text("/metrics")

    return metrics


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
