"""A server as a user starts it takes a charge point from no security to certificates, by its own commands."""

import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import trio
from trio_websocket import wrap_client_stream

from ocpp_actors.certificates.authority import Authority
from tests.support.central import Charger
from tests.support.process import END_TIMEOUT, environment, open_server
from tests.support.upgrading import Follower


async def command(directory: Path, api: str, *arguments: str) -> tuple[int | None, str, str]:
    with trio.fail_after(END_TIMEOUT):
        done = await trio.run_process(
            [sys.executable, "-m", "ocpp_actors", *arguments],
            env=environment(directory, {}) | {"OCPP_ACTORS_API_URL": api},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_from_nothing_to_certificates(tmp_path: Path) -> None:
    servers = Authority.new(datetime.now(UTC), name="Servers")
    own = servers.server_certificate(["localhost"], datetime.now(UTC))
    for name, text in (("server.pem", own.certificate + own.key), ("root.pem", servers.root_pem)):
        (tmp_path / name).write_text(text)
    settings: dict[str, Any] = {
        "tls_port": 0,
        "tls_certificate": tmp_path / "server.pem",
        "tls_root": tmp_path / "root.pem",
        "certificate_authority": f"builtin:{tmp_path / 'authority'}",
        "tls_client_ca": tmp_path / "authority" / "root.pem",
    }
    async with open_server(tmp_path, **settings) as server, trio.open_nursery() as nursery:
        async with httpx2.AsyncClient(base_url=server.api) as client:
            urls = (await client.get("/api/v1/overview")).json()["chargePointUrls"]
        secure, plain = (urlsplit(url).port for url in sorted(urls, reverse=True))

        @asynccontextmanager
        async def connect(
            identity: str, headers: Any, context: ssl.SSLContext | None
        ) -> AsyncIterator[Charger]:
            stream: Any = await trio.open_tcp_stream("127.0.0.1", (secure if context else plain) or 0)
            if context is not None:
                stream = trio.SSLStream(stream, context, server_hostname="localhost", https_compatible=True)
            try:
                async with trio.open_nursery() as own:
                    connection = await wrap_client_stream(
                        own,
                        stream,
                        "localhost",
                        f"/ocpp/{identity}",
                        subprotocols=["ocpp1.6"],
                        extra_headers=headers,
                    )
                    yield Charger(connection, stream)
                    own.cancel_scope.cancel()
            finally:
                await trio.aclose_forcefully(stream)

        follower = Follower(connect, tmp_path)
        await nursery.start(follower.live)
        status, out, err = await command(
            tmp_path, server.api, "charge-points", "upgrade", "CP1", "--to", "3", "--patience", "60"
        )
        assert (status, err) == (0, ""), err
        assert [line.split("\t")[0] for line in out.splitlines()] == [
            *("STEP", "key", "rootCertificate", "certificate", "profile", "reconnection", "minimum")
        ]
        _, out, _ = await command(tmp_path, server.api, "charge-points", "show", "CP1", "--json")
        shown = json.loads(out)
        assert (shown["online"], shown["securityProfile"]) == (True, 3)
        assert follower.used == [0, 1, 3]
        nursery.cancel_scope.cancel()
