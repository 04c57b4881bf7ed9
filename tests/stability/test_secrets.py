"""A whole life of a server and a charge point, after which no secret is found anywhere (A01.FR.08, A01.FR.09)."""

import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import trio
from tests.support.central import BOOT
from tests.support.process import ServerProcess, environment, open_server
from tests.support.raw import TEXT, RawPeer, frame, upgrade
from tests.support.receiver import Receiver, open_receiver
from tests.support.requests import csr
from tests.support.waiting import eventually

SECRETS = {
    "token": 'api"token\\of-the-operator',
    "webhook secret": 'webhook"secret\\of-the-receiver',
    "webhook password": "password-of-the-receiver",
    "webhook query": "query-of-the-receiver",
    "database password": "password-of-the-database",
    "first key": 'first"key\\of-the-charger',
    "guess": "first-key-but-for-a-letter",
    "second key": 'second"key\\of-the-charger',
    "refused key": 'refused"key\\of-the-charger',
    "queued key": 'queued"key\\of-the-charger',
    "diagnostics password": "password-of-the-ftp-server",
    "firmware password": "password-of-the-http-server",
    "upload password": "password-of-the-upload",
    "boot password": "pwd-of-the-boot",
    "configured password": "password-in-the-configuration",
    "authority password": "password-of-the-authority",
}
URLS = {
    "GetDiagnostics": f"ftp://user:{SECRETS['diagnostics password']}@files.test/",
    "UploadUrl": f"ftp://user:{SECRETS['configured password']}@files.test/",
    "UpdateFirmware": f"http://user:{SECRETS['firmware password']}@files.test/firmware.bin",
}
PAGES = (
    "charge-points",
    "charge-points/CP1",
    "charge-points/CP1/configuration",
    "charge-points/CP1/certificates",
    "charge-points/CP1/misbehaviour",
    "calls",
    "calls?chargePoint=CP1",
    "changes",
    "messages",
    "messages?chargePoint=CP1",
    "security-events",
    "overview",
    "actions",
    "schema",
)


def forms(secret: str) -> dict[str, bytes]:
    """How a secret may be written."""
    raw = secret.encode()
    return {
        "raw": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "escaped in JSON": json.dumps(secret)[1:-1].encode(),
        "escaped twice": json.dumps(json.dumps(secret))[3:-3].encode(),
        "repr": repr(secret)[1:-1].encode(),
        "repr of bytes": repr(raw)[2:-1].encode(),
        "repr in JSON": json.dumps(repr(secret)[1:-1])[1:-1].encode(),
        "repr of bytes in JSON": json.dumps(repr(raw)[2:-1])[1:-1].encode(),
        "in a URL": quote(secret, safe="").encode(),
        # Of the three ways in which Base64 may begin within it, without the digits that others have a part in.
        **{f"Base64 {shift}": base64.b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)},
    }


def found(name: str, place: str, content: bytes) -> list[str]:
    return [f"{name}, {form}, in {place}" for form, text in forms(SECRETS[name]).items() if text in content]


class Life:
    """What is done, and what is seen of it."""

    def __init__(self, server: ServerProcess, receiver: Receiver, client: httpx2.AsyncClient) -> None:
        self.server, self.receiver, self.client = server, receiver, client
        self.seen: dict[str, bytes] = {}

    async def ask(self, method: str, path: str, **how: Any) -> httpx2.Response:
        """Ask the API, and see the answer."""
        answer: httpx2.Response = await self.client.request(method, f"/api/v1/{path}", **how)
        self.see(f"{method} {path}", answer.content + repr(answer.headers).encode())
        return answer

    def see(self, place: str, content: bytes) -> None:
        self.seen[place] = self.seen.get(place, b"") + content

    async def read_events(self) -> None:
        url = "/api/v1/events?types=connection,message,call,securityEvent,progress,flag,restart"
        async with self.client.stream("GET", url) as answer:
            async for chunk in answer.aiter_bytes():
                self.see("events", chunk)

    @asynccontextmanager
    async def charger(self, key: str) -> AsyncIterator[RawPeer]:
        async with await trio.open_tcp_stream("127.0.0.1", self.server.port) as stream:
            peer = RawPeer(stream)
            credentials = base64.b64encode(f"CP1:{key}".encode()).decode()
            await peer.send(upgrade("/ocpp/CP1", ("Authorization", f"Basic {credentials}")))
            yield peer

    async def refused(self, key: str) -> None:
        async with self.charger(key) as peer:
            answer = await peer.everything()
            assert answer.startswith(b"HTTP/1.1 401"), answer
            self.see("refusal", answer)

    async def command(self, peer: RawPeer, action: str, request: Any, answer: Any) -> Any:
        """Let an operator ask, and the charge point answer: a payload, or a CALLERROR's description."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reply, peer, action, request, answer)
            answered = await self.ask("POST", f"charge-points/CP1/calls/{action}", json=request)
        return answered.status_code


async def reply(peer: RawPeer, action: str, request: Any, answer: Any) -> None:
    call = await peer.text()
    assert call[2:] == [action, request]
    said = [4, call[1], "GenericError", answer, {}] if isinstance(answer, str) else [3, call[1], answer]
    await peer.send(frame(TEXT, json.dumps(said).encode()))


async def boot(peer: RawPeer) -> None:
    assert (await peer.answer()).status == 101
    await peer.call("boot", "BootNotification", BOOT)
    assert (await peer.text())[:2] == [3, "boot"]


def authorization_key(secret: str) -> dict[str, str]:
    return {"key": "AuthorizationKey", "value": SECRETS[secret]}


async def say_secrets(peer: RawPeer) -> None:
    """Let the charge point speak of itself, and of its secrets."""
    key, upload = SECRETS["second key"], f"ftp://user:{SECRETS['upload password']}@files.test/"
    event = {"type": "SettingSystemTime", "timestamp": "2026-03-01T12:00:00Z"}
    connector = {"connectorId": 1, "status": "Faulted", "errorCode": "OtherError"}
    boots = {**BOOT, "firmwareVersion": f"http://u:{SECRETS['boot password']}@h/1"}
    said: list[tuple[str, dict[str, Any]]] = [
        ("SecurityEventNotification", {**event, "techInfo": f"AuthorizationKey set to {key}"}),
        ("SecurityEventNotification", {**event, "type": "AuthorizationKey", "techInfo": key}),
        ("SecurityEventNotification", {**event, "techInfo": f"uploaded to {upload}"}),
        ("StatusNotification", {**connector, "info": "AuthorizationKey", "vendorErrorCode": key}),
        ("StatusNotification", {**connector, "connectorId": 2, "info": upload, "vendorErrorCode": upload}),
        ("BootNotification", boots),
    ]
    for number, (action, request) in enumerate(said):
        await peer.call(f"said{number}", action, request)
        assert (await peer.text())[:2] == [3, f"said{number}"]


async def ask_for_a_certificate(peer: RawPeer, life: Life) -> None:
    """Have the server fail to reach the certificate authority, and wait until it has said so."""
    await peer.call("sign", "SignCertificate", {"csr": csr("CP1", "Operator")})
    answer = await peer.text()
    assert answer == [3, "sign", {"status": "Accepted"}], answer
    await eventually(lambda: b"CertificateSigningFailed" in life.seen.get("events", b""))


ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


async def live(life: Life) -> None:
    await life.ask("PUT", "charge-points/CP1", json={})
    assert (
        await life.client.put("/api/v1/charge-points/CP1/key", json={"key": SECRETS["first key"]})
    ).is_success
    assert (await life.ask("PUT", "charge-points/CP1/key", json={"key": "short"})).status_code == 422
    await life.refused(SECRETS["guess"])
    async with life.charger(SECRETS["first key"]) as peer:
        await boot(peer)
        key = {**authorization_key("first key"), "readonly": False}
        padded = {**key, "key": "AuthorizationKey "}
        upload = {"key": "UploadUrl", "readonly": False, "value": URLS["UploadUrl"]}
        shown = {"configurationKey": [key, padded, upload], "unknownKey": []}
        assert await life.command(peer, "GetConfiguration", {"key": ["AuthorizationKey"]}, shown) == 200
        assert (
            await life.command(peer, "ChangeConfiguration", authorization_key("refused key"), REJECTED) == 200
        )
        said = f"cannot set AuthorizationKey to {SECRETS['refused key']}"
        assert await life.command(peer, "ChangeConfiguration", authorization_key("refused key"), said) == 502
    async with life.charger(SECRETS["first key"]) as peer:
        await boot(peer)
        assert (
            await life.command(peer, "ChangeConfiguration", authorization_key("second key"), ACCEPTED) == 200
        )
        await say_secrets(peer)
        await ask_for_a_certificate(peer, life)
        diagnostics = {"location": URLS["GetDiagnostics"]}
        assert await life.command(peer, "GetDiagnostics", diagnostics, {"fileName": "f"}) == 200
        firmware = {"location": URLS["UpdateFirmware"], "retrieveDate": "2026-03-01T12:00:00Z"}
        assert await life.command(peer, "UpdateFirmware", firmware, {}) == 200
    await life.refused(SECRETS["first key"])
    path = "charge-points/CP1/calls/ChangeConfiguration?wait=queue"
    assert (await life.ask("POST", path, json=authorization_key("queued key"))).status_code == 202
    await look_at_all_pages(life)
    async with life.charger(SECRETS["second key"]) as peer:
        await boot(peer)
        await reply(peer, "ChangeConfiguration", authorization_key("queued key"), ACCEPTED)
        rule = {"kind": "crash", "action": "Authorize", "times": 1}
        assert (await life.ask("PUT", "charge-points/CP1/misbehaviour", json={"rules": [rule]})).is_success
        await peer.call("crash", "Authorize", {"idTag": "TAG"})
        assert (await peer.text())[:3] == [4, "crash", "InternalError"]
        broken = f'[2,"b","DataTransfer",{{"AuthorizationKey":{json.dumps(SECRETS["queued key"])},}}]'
        await peer.send(frame(TEXT, broken.encode()))
        assert (await peer.text())[:3] == [4, "b", "FormationViolation"]
    async with life.charger(SECRETS["queued key"]) as peer:
        await boot(peer)
    await look_at_all_pages(life)


async def look_at_all_pages(life: Life) -> None:
    for page in PAGES:
        assert (await life.ask("GET", page)).status_code == 200, page
    for call in (await life.ask("GET", "calls")).json()["items"]:
        await life.ask("GET", f"calls/{call['callId']}")
    await life.ask("GET", "messages", headers={"Accept": "application/x-ndjson"})
    for path in ("/metrics", "/health/ready", "/"):
        life.see(path, (await life.client.get(path)).content)
    wrong = {"Authorization": f"Bearer {SECRETS['guess']}"}
    assert (await life.ask("GET", "overview", headers=wrong)).status_code == 401


def files_in(directory: Path) -> list[tuple[str, bytes]]:
    return [
        (str(file.relative_to(directory)), file.read_bytes())
        for file in directory.rglob("*")
        if file.is_file()
    ]


def readable_by_all(directory: Path) -> list[Path]:
    return [each for each in directory.rglob("*") if each.stat().st_mode & 0o007]


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_secret_is_found_anywhere(tmp_path: Path, log_format: str) -> None:
    messages = tmp_path / ("messages.db" if log_format == "json" else "messages/")
    async with open_receiver() as receiver:
        hook = receiver.url.replace("http://", f"http://user:{SECRETS['webhook password']}@")
        settings: dict[str, Any] = {
            "api_token": SECRETS["token"],
            "webhook_url": f"{hook}?token={SECRETS['webhook query']}",
            "webhook_secret": SECRETS["webhook secret"],
            "log_format": log_format,
            "log_level": "debug",
            "message_log": f"{messages}{os.sep if log_format == 'console' else ''}",
            "testing": "on",
            "certificate_authority": f"http://user:{SECRETS['authority password']}@127.0.0.1:9/sign",
            "tls_client_organization": "Operator",
        }
        async with open_server(tmp_path, **settings) as server:
            headers = {"Authorization": f"Bearer {SECRETS['token']}"}
            async with (
                httpx2.AsyncClient(base_url=server.api, headers=headers, trust_env=False) as client,
                trio.open_nursery() as nursery,
            ):
                life = Life(server, receiver, client)
                nursery.start_soon(life.read_events)
                with trio.fail_after(60):
                    await live(life)
                nursery.cancel_scope.cancel()
            assert await server.end() == 0
        life.see("webhooks", b"".join(each.body for each in receiver.posted))
    assert [file.name for file in readable_by_all(tmp_path)] == ["stderr.log"]  # the test's own
    for name, content in files_in(tmp_path):
        life.see(name, content)
    # What was looked at is what it should be.
    for place in ("events", "webhooks", "ledger.db", "stderr.log"):
        assert b"CP1" in life.seen[place], place
    assert b"AuthorizationKey" in life.seen["ledger.db"] + life.seen["events"]
    assert any(place.startswith("messages") for place in life.seen)
    leaks = [
        leak
        for place, content in life.seen.items()
        for name in SECRETS
        for leak in found(name, place, content)
    ]
    assert not leaks, "\n".join(leaks)


async def test_the_password_of_a_database_is_not_told_where_it_cannot_be_used(tmp_path: Path) -> None:
    url = f"postgresql://user:{SECRETS['database password']}@127.0.0.1:9/ledger"
    ended = await trio.run_process(
        [sys.executable, "-m", "ocpp_actors", "serve"],
        env=environment(tmp_path, {"database": url}),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert ended.returncode == 2
    assert b"database" in ended.stderr.lower()
    leaks = found("database password", "the output", ended.stdout + ended.stderr)
    assert not leaks, "\n".join(leaks)
