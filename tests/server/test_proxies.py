"""Where a charge point is, and whether it speaks TLS, is what trusted proxies say, and nobody else."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest
import trio
import trustme
from tests.server.test_floods import KEY, authorized, listening
from tests.support.process import open_server
from tests.support.raw import RawPeer

from ocpp_actors.ledger.port import ListSecurityEvents

PROXY, OTHER = "192.0.2.80", "198.51.100.7"
HTTPS = ("X-Forwarded-Proto", "https")


def forwarded(address: str) -> tuple[str, str]:
    return "X-Forwarded-For", address


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        (PROXY, [HTTPS], 101),
        (PROXY, [("X-Forwarded-Proto", "wss")], 101),
        (PROXY, [("X-Forwarded-Proto", "http")], 403),
        (PROXY, [("X-Forwarded-Proto", "https, http")], 403),
        (PROXY, [], 403),
        (OTHER, [HTTPS], 403),
        (OTHER, [HTTPS, forwarded(PROXY)], 403),
        (OTHER, [HTTPS, ("Forwarded", f"for={PROXY};proto=https")], 403),
    ],
)
async def test_tls_counts_only_if_a_trusted_proxy_says_so(
    autojump_clock: trio.abc.Clock, peer: str, headers: list[tuple[str, str]], status: int
) -> None:
    async with listening(security_profile=2, trusted_proxies=(PROXY,)) as (central, listener):
        stream = listener.connect(central, (peer, 50000))
        await stream.send_all(authorized(KEY, *headers))
        assert (await RawPeer(stream).answer()).status == status


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        (PROXY, [forwarded("203.0.113.5")], "203.0.113.5"),
        (PROXY, [forwarded("10.9.9.9, 203.0.113.5")], "203.0.113.5"),
        (PROXY, [forwarded("10.9.9.9"), forwarded("203.0.113.5")], "203.0.113.5"),
        (PROXY, [forwarded("nonsense")], PROXY),
        (PROXY, [], PROXY),
        (OTHER, [forwarded("203.0.113.5")], OTHER),
    ],
)
async def test_the_address_that_is_recorded_is_what_a_trusted_proxy_says(
    autojump_clock: trio.abc.Clock, peer: str, headers: list[tuple[str, str]], address: str
) -> None:
    async with listening(trusted_proxies=(PROXY,)) as (central, listener):
        stream = listener.connect(central, (peer, 50000))
        await stream.send_all(authorized(b"guess", *headers))
        assert (await RawPeer(stream).answer()).status == 401
        await trio.testing.wait_all_tasks_blocked()
        (event,) = await central.ledger.ask(ListSecurityEvents())
        assert (event.tech_info or "").endswith(f", from {address}")


# --- nginx, as the documentation sets it up -----------------------------------------------------------------------

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def documented_block() -> str:
    text = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()
    return text.split("```nginx\n")[1].split("```")[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def nginx_before(port: int, directory: Path, authority: trustme.CA) -> AsyncIterator[int]:
    """Run nginx in front of the server that listens on ``port``; yields its own port."""
    own = free_port()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / "csms.pem"))
    block = documented_block()
    for documented, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{own} ssl",
        "/etc/ssl/csms.pem": f"{directory}/csms.pem",
        "/etc/ssl/csms.key": f"{directory}/csms.pem",
        "127.0.0.1:9000": f"127.0.0.1:{port}",
    }.items():
        assert documented in block, documented
        block = block.replace(documented, here)
    file = directory / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    file.write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{block}}}\n"
    )
    command = [NGINX or "", "-p", str(directory), "-c", str(file)]
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.run_process, command, stderr=subprocess.DEVNULL, check=False))
        await listens(own)
        yield own
        nursery.cancel_scope.cancel()


async def listens(port: int) -> None:
    """Wait until something listens there."""
    for _ in range(1000):
        try:
            await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
        except OSError:
            await trio.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")


@pytest.mark.skipif(NGINX is None and "CI" not in os.environ, reason="nginx is not installed")
async def test_behind_nginx_tls_and_address_are_what_nginx_says_whatever_the_peer_claims(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with (
        open_server(
            tmp_path, security_profile=2, trusted_proxies="127.0.0.1", log_format="console"
        ) as server,
        nginx_before(server.port, tmp_path, authority) as port,
        httpx2.AsyncClient(base_url=f"{server.api}/api/v1", trust_env=False) as api,
    ):
        await api.put("/charge-points/CP1", json={})
        await api.put("/charge-points/CP1/key", json={"key": KEY.decode()})
        forged = [forwarded("203.0.113.5"), ("X-Forwarded-Proto", "http")]
        for key, status in ((KEY, 101), (b"guess", 401)):
            async with await trio.open_ssl_over_tcp_stream(
                "localhost", port, ssl_context=context, https_compatible=True
            ) as stream:
                await stream.send_all(authorized(key, *forged))
                assert (await RawPeer(stream).answer()).status == status
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as plain:
            await plain.send_all(authorized(KEY))
            assert (await RawPeer(plain).answer()).status == 403
        low, wrong = (await api.get("/security-events")).json()["items"]
        assert (wrong["type"], low["type"]) == (
            "FailedToAuthenticateAtCentralSystem",
            "SecurityProfileTooLow",
        )
        assert wrong["techInfo"].endswith(", from 127.0.0.1")
