"""A server as a user starts it takes a simulated charge point from no security to certificates, by its own commands."""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import trio

from ocpp_actors.certificates.signers import open_authority
from ocpp_actors.clock import SystemClock
from ocpp_actors.testbench.simulated.access import Security
from ocpp_actors.testbench.simulated.charge_point import open_charge_point
from ocpp_actors.testbench.simulated.controller import Make
from ocpp_actors.testbench.target import secure_target_of, target_of
from tests.support.process import END_TIMEOUT, environment, open_server


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
    authority = open_authority(tmp_path / "authority", SystemClock())
    own = authority.server_certificate(["localhost"], datetime.now(UTC))
    (tmp_path / "server.pem").write_text(own.certificate + own.key)
    root = tmp_path / "authority" / "root.pem"
    settings: dict[str, Any] = {
        "tls_port": 0,
        "tls_certificate": tmp_path / "server.pem",
        "tls_root": root,
        "certificate_authority": f"builtin:{root.parent}",
        "tls_client_ca": root,
        "boot_grace": 0.1,
    }
    async with (
        open_server(tmp_path, **settings) as server,
        httpx2.AsyncClient(base_url=server.api) as client,
    ):
        urls = (await client.get("/api/v1/overview")).json()["chargePointUrls"]
        secure, plain = (url.replace("127.0.0.1", "localhost") for url in sorted(urls, reverse=True))
        async with open_charge_point(
            target_of(plain),
            "CP1",
            SystemClock(),
            random.Random(1),
            security=Security(secure_target_of(secure)),
            make=Make(serial_number="SN-1"),
        ) as charger:
            await charger.power_on()
            with trio.fail_after(END_TIMEOUT):
                await charger.wire.exchange("BootNotification")
            for profile, steps in (
                ("1", ["key", "profile", "reconnection", "minimum"]),
                ("2", ["key", "rootCertificate", "profile", "reconnection", "minimum"]),
                ("3", ["rootCertificate", "certificate", "profile", "reconnection", "minimum"]),
            ):
                upgrade = ("charge-points", "upgrade", "CP1", "--to", profile, "--patience", "60")
                status, out, err = await command(tmp_path, server.api, *upgrade)
                assert (status, err) == (0, ""), err
                assert [line.split("\t")[0] for line in out.splitlines()] == ["STEP", *steps]
                shown = (await client.get("/api/v1/charge-points/CP1")).json()
                assert (shown["online"], shown["securityProfile"]) == (True, int(profile))
                assert charger.memory.configuration.text("SecurityProfile") == profile
            assert not [each for each in charger.wire.changes if each.kind == "refused"]
