"""Certificate authorities outside of this process: a command, or a server that speaks HTTP.

Both get the signing request in PEM and answer with the chain in PEM. The caller brings the deadline.
"""

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from subprocess import PIPE
from typing import Final
from urllib.parse import quote

import httpx2
import trio
from attrs import define, field, frozen

MAX_ANSWER: Final = 65_536
"""Bytes of a chain, and of what a command says on stderr."""

MAX_SAID: Final = 200
"""Characters that are told of what an authority said when it failed."""

REQUEST_TYPE: Final = "application/x-pem-file"
IDENTITY_HEADER: Final = "X-Charge-Point"
IDENTITY_VARIABLE: Final = "CHARGE_POINT_IDENTITY"

GRACE: Final = 5.0
"""Seconds for a command to be gone after it was killed."""


class SigningFailed(Exception):
    """An authority signed nothing; the message says what happened."""


class UnusableCommand(Exception):
    """A command line that cannot be read."""


@frozen
class Command:
    """A command that signs. It is started for each request, without a shell.

    Its standard input is the request, its environment names the charge point (``CHARGE_POINT_IDENTITY``), its standard
    output is the chain, and its exit status is 0 where it signed.
    """

    words: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)

    async def sign(self, csr: str, identity: str) -> str:
        """Return the chain.

        Raises SigningFailed: it cannot be started, has another exit status than 0, or writes too much.
        """
        try:
            process = await trio.lowlevel.open_process(
                self.words,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={**self.environ, IDENTITY_VARIABLE: identity},
            )
        except OSError as error:
            raise SigningFailed(
                f"the command {self.words[0]} cannot be started: {error.strerror or error}"
            ) from None
        try:
            said, complaint = await _converse(process, csr.encode())
            status = await process.wait()
        finally:
            await _end(process)  # noqa: ASYNC102, it is shielded and bounded inside
        if status != 0:
            raise SigningFailed(f"the command {self.words[0]} ended with {status}{_quoted(complaint)}")
        return _text(said, f"the command {self.words[0]}")


async def _converse(process: trio.Process, request: bytes) -> tuple[bytes, bytes]:
    """Write the request, and read all that the process says meanwhile.

    Raises SigningFailed: it says too much.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    said, complaint = _Collected(), _Collected()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(said.collect, process.stdout, nursery.cancel_scope.cancel)
        nursery.start_soon(complaint.collect, process.stderr, lambda: None)
        # A command that does not read is judged by its exit status.
        with suppress(trio.BrokenResourceError):
            await process.stdin.send_all(request)
        await process.stdin.aclose()
    if said.full:
        raise SigningFailed(f"its output has {MAX_ANSWER} bytes or more")
    return bytes(said.data), bytes(complaint.data)


async def _end(process: trio.Process) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + GRACE):
        if process.poll() is None:
            process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                await stream.aclose()
        await process.wait()


@define
class _Collected:
    """The first MAX_ANSWER bytes of a stream."""

    data: bytearray = field(init=False, factory=bytearray)

    @property
    def full(self) -> bool:
        """Whether there may be more of it."""
        return len(self.data) == MAX_ANSWER

    def take(self, piece: bytes | bytearray) -> None:
        """Take the next piece, or as much of it as there is room for."""
        self.data += piece
        del self.data[MAX_ANSWER:]

    async def collect(self, stream: trio.abc.ReceiveStream, too_much: Callable[[], None]) -> None:
        """Take all that comes; call ``too_much`` when there is no more room."""
        async for piece in stream:
            self.take(piece)
            if self.full:
                too_much()


@frozen(repr=False)
class Server:
    """A server that signs: each request is posted to a URL, and answered with 200 and the chain.

    User name and password in the URL are sent with HTTP Basic. The charge point is named in ``X-Charge-Point``,
    percent-encoded.
    """

    url: str

    async def sign(self, csr: str, identity: str) -> str:
        """Return the chain.

        Raises SigningFailed: the server cannot be reached, answers with another status, or too much.
        """
        given = httpx2.URL(self.url)
        auth = httpx2.BasicAuth(given.username, given.password) if given.userinfo else None
        shown = f"{given.scheme}://{given.netloc.decode()}"
        headers = {
            "Content-Type": REQUEST_TYPE,
            "Accept-Encoding": "identity",
            IDENTITY_HEADER: quote(identity, safe=""),
        }
        answer = _Collected()
        status = 0
        try:
            async with httpx2.AsyncClient(timeout=None, auth=auth) as client:
                target = given.copy_with(userinfo=b"")
                async with client.stream("POST", target, content=csr.encode(), headers=headers) as response:
                    # Left by a cancellation, the iterators below this one end at once, and not some time later.
                    with trio.CancelScope() as reading:
                        async for piece in response.aiter_raw():
                            answer.take(piece)
                            if answer.full:
                                reading.cancel()
                    status = response.status_code
        except httpx2.HTTPError as error:
            raise SigningFailed(f"{shown} cannot be asked: {str(error) or type(error).__name__}") from None
        if status != 200:
            raise SigningFailed(f"{shown} answered {status}{_quoted(bytes(answer.data))}")
        if answer.full:
            raise SigningFailed(f"the answer of {shown} has {MAX_ANSWER} bytes or more")
        return _text(bytes(answer.data), shown)


def _text(said: bytes, who: str) -> str:
    try:
        return said.decode("ascii")
    except UnicodeDecodeError:
        raise SigningFailed(f"{who} answered with something that is no PEM") from None


def _quoted(said: bytes) -> str:
    text = "".join(each if each.isprintable() else " " for each in said.decode("utf-8", "replace")).strip()
    return f": {text[:MAX_SAID]}" if text else ""


def command_of(line: str, environ: Mapping[str, str], hidden: str) -> Command:
    """Return the command of a command line, quoted as for a shell.

    Of ``environ`` it does not get the variables that begin with ``hidden``.

    Raises UnusableCommand: the line cannot be read.
    """
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise UnusableCommand(f"the command line cannot be read: {error}") from None
    if not words:
        raise UnusableCommand("the command line is empty")
    return Command(words, {name: value for name, value in environ.items() if not name.startswith(hidden)})
