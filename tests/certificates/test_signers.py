"""Who signs: the built-in authority in its directory, a command, a server."""

import os
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field
from tests.support.requests import csr

from ocpp_actors.certificates.chains import read_chain
from ocpp_actors.certificates.outside import MAX_ANSWER, SigningFailed
from ocpp_actors.certificates.signers import UnusableSigner, signer_of
from ocpp_actors.clock import SystemClock

CLOCK = SystemClock()
NAMES = ("CP1",)


async def signed_by(authority: str, request: str = "request", **environ: str) -> str:
    with trio.fail_after(30):
        return await signer_of(authority, CLOCK, environ).sign(request, "CP 1/ä", NAMES)


# --- built in --------------------------------------------------------------------------------------------------


async def test_the_built_in_authority_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "authority"
    chain = await signed_by(f"builtin:{directory}", csr("CP1"))
    again = await signed_by(f"builtin:{directory}", csr("CP1"))
    assert read_chain(chain).issuer == read_chain(again).issuer
    assert sorted(each.name for each in directory.iterdir()) == ["authority.pem", "root.pem"]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in directory.iterdir()} == {0o600}
    assert read_chain((directory / "root.pem").read_text()).subject == read_chain(chain).issuer
    assert "PRIVATE" not in (directory / "root.pem").read_text()


async def test_the_built_in_authority_says_what_is_wrong_with_a_request(tmp_path: Path) -> None:
    with pytest.raises(SigningFailed, match="'CP2', which is neither"):
        await signed_by(f"builtin:{tmp_path}", csr("CP2"))


async def test_an_expired_built_in_authority_signs_nothing(tmp_path: Path) -> None:
    class Later:
        def now(self) -> datetime:
            return datetime(2099, 1, 1, tzinfo=UTC)

    signer_of(f"builtin:{tmp_path}", CLOCK, {})
    with pytest.raises(SigningFailed, match="cannot sign"):
        await signer_of(f"builtin:{tmp_path}", Later(), {}).sign(csr("CP1"), "CP1", NAMES)


@pytest.mark.parametrize("text", ["nothing", "\xff"])
def test_a_directory_with_something_else_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "authority.pem").write_text(text, "latin-1")
    with pytest.raises(UnusableSigner, match=r"authority\.pem: "):
        signer_of(f"builtin:{tmp_path}", CLOCK, {})
    (tmp_path / "file").touch()
    with pytest.raises(UnusableSigner, match="file"):
        signer_of(f"builtin:{tmp_path / 'file'}", CLOCK, {})


# --- a command -------------------------------------------------------------------------------------------------


def python(script: str, tmp_path: Path) -> str:
    file = tmp_path / "sign.py"
    file.write_text(f"import os, sys, time\n{script}\n")
    return f"'{sys.executable}' '{file}'"


async def test_a_command_gets_request_and_identity_and_its_output_is_the_chain(tmp_path: Path) -> None:
    script = (
        "said = sys.stdin.read()\n"
        "print(said, ascii(os.environ['CHARGE_POINT_IDENTITY']), os.environ.get('OCPP_ACTORS_API_TOKEN'),"
        " os.environ['OTHER'])"
    )
    environ = {"OCPP_ACTORS_API_TOKEN": "secret", "OTHER": "kept"}
    said = await signed_by(python(script, tmp_path), "the request", **environ)
    assert said == "the request 'CP 1/\\xe4' None kept\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.stderr.write('no\\x1bway\\n'); sys.exit(3)", "ended with 3: no way$"),
        ("sys.exit(1)", "ended with 1$"),
        ("os.kill(os.getpid(), 9)", "ended with -9$"),
        ("print('ä')", "no PEM"),
        (f"sys.stdout.write('x' * {MAX_ANSWER + 1}); sys.stdout.flush(); time.sleep(3600)", "or more"),
        ("os.close(0); sys.stderr.write('e' * 1_000_000); sys.exit(4)", "ended with 4: e{200}$"),
    ],
)
async def test_a_command_that_fails_is_told_of(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(SigningFailed, match=reason):
        await signed_by(python(script, tmp_path), "request" * 100_000, PYTHONUTF8="1")


async def test_a_command_that_is_not_there_is_told_of() -> None:
    with pytest.raises(SigningFailed, match="/no/such cannot be started: No such file"):
        await signed_by("/no/such command")


async def test_a_command_that_is_given_up_is_ended(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    script = f"open({str(tmp_path / 'started')!r}, 'w').write(str(os.getpid()))\ntime.sleep(3600)"
    signer = signer_of(python(script, tmp_path), CLOCK, {})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(signer.sign, "request", "CP1", NAMES)
        number = await trio.Path(tmp_path / "started").read_text()
        nursery.cancel_scope.cancel()
    assert not await trio.Path(f"/proc/{number}").exists()


@pytest.mark.parametrize("line", ["", "  ", "'open"])
def test_a_command_line_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(UnusableSigner, match="command line"):
        signer_of(line, CLOCK, {})


# --- a server --------------------------------------------------------------------------------------------------


@define
class Answering:
    """A server that answers each request the same, and keeps what it was asked."""

    answer: bytes
    port: int = 0
    asked: list[bytes] = field(factory=list)

    async def serve(self, stream: trio.abc.Stream) -> None:
        head = b""
        async with stream:
            while b"\r\n\r\n" not in head or not head.endswith(b"END"):
                piece = await stream.receive_some()
                if not piece:
                    break
                head += piece
            self.asked.append(head)
            await stream.send_all(self.answer)


@asynccontextmanager
async def answering(status: str, body: bytes) -> AsyncIterator[Answering]:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    server = Answering(head.encode() + body)
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.port = listener.socket.getsockname()[1]
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def test_a_server_gets_request_and_identity_and_answers_with_the_chain() -> None:
    async with answering("200 OK", b"the chain") as server:
        said = await signed_by(f"http://me:secret@127.0.0.1:{server.port}/sign?x=1", "request END")
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert said == "the chain"
    assert body == b"request END"
    assert head.startswith(b"POST /sign?x=1 HTTP/1.1\r\n")
    assert b"X-Charge-Point: CP%201%2F%C3%A4" in head
    assert b"Authorization: Basic bWU6c2VjcmV0" in head


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("403 Forbidden", b"not you\r\n", r"http://127\.0\.0\.1:\d+ answered 403: not you$"),
        ("302 Found", b"", "answered 302$"),
        ("200 OK", b"\xff", "no PEM"),
        ("200 OK", b"x" * (MAX_ANSWER + 1), "or more"),
    ],
)
async def test_a_server_that_does_not_sign_is_told_of(status: str, body: bytes, reason: str) -> None:
    async with answering(status, body) as server:
        with pytest.raises(SigningFailed, match=reason) as failed:
            await signed_by(f"http://me:secret@127.0.0.1:{server.port}/", "request END")
    assert "secret" not in str(failed.value)


async def test_a_server_that_is_not_there_is_told_of(unused: Callable[[], int]) -> None:
    with pytest.raises(SigningFailed, match="cannot be asked"):
        await signed_by(f"http://127.0.0.1:{unused()}/")


@pytest.fixture
def unused() -> Any:
    """Ports on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield lambda: held.getsockname()[1]
