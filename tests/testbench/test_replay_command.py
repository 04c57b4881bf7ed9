"""``ocpp-actors replay`` as a user types it, against servers that are processes of their own."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from tests.operator_cli.conftest import Ended
from tests.support.central import BOOT
from tests.support.client import open_charger
from tests.support.messages import meter_values, start, status, stop
from tests.support.process import END_TIMEOUT, ServerProcess, open_server

from ocpp_actors import cli
from ocpp_actors.protocol.frames import Call, CallError, CallResult
from ocpp_actors.testbench.replay.plan import Step
from ocpp_actors.testbench.replay.player import Asked, Happening, Lost, Played, Stray
from ocpp_actors.testbench.replay.player import Ended as ReplayEnded
from ocpp_actors.testbench_cli.replay import Teller

PEER = Path(__file__).parents[1] / "peers" / "mobilityhouse_central_system.py"
RECORD = b'{"chargePoint": "CP1", "direction": "in", "frame": [2, "1", "Heartbeat", {}]}\n'
NOBODY = ("--url", "ws://127.0.0.1:1/ocpp")
Replay = Callable[..., Awaitable[Ended]]
FRAMES = 28
"""What two charge points say and hear."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    directory = tmp_path / "server"
    directory.mkdir()
    async with open_server(directory) as server:
        yield server


@pytest.fixture
def replay(capsys: pytest.CaptureFixture[str]) -> Replay:
    """Runs the command in a thread of this process."""

    async def replay(file: Path, *options: str) -> Ended:
        status = await trio.to_thread.run_sync(cli.main, ["replay", str(file), *options])
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return replay


async def charge(server: ServerProcess, identity: str) -> None:
    async with open_charger(server.url, identity) as charger:
        await charger.boot()
        await charger.result("StatusNotification", status())
        await charger.result("Authorize", {"idTag": "TAG"})
        transaction = (await charger.result("StartTransaction", start()))["transactionId"]
        await charger.result("MeterValues", meter_values(transactionId=transaction))
        await charger.result("StopTransaction", stop(transaction))
        await charger.call("Authorize", {})


async def recorded(server: ServerProcess, directory: Path) -> Path:
    """Record two charge points and return what the API exports."""
    for identity in ("CP1", "CP2"):
        await charge(server, identity)
    file = directory / "messages.jsonl"
    file.write_bytes(await written_down(server, FRAMES))
    return file


async def written_down(server: ServerProcess, frames: int) -> bytes:
    """Return what the API exports, once so many frames are in it."""
    async with httpx2.AsyncClient(base_url=server.api) as client:
        with trio.fail_after(END_TIMEOUT):
            while True:
                answer = await client.get("/api/v1/messages", headers={"Accept": "application/x-ndjson"})
                if answer.content.count(b"\n") == frames:
                    return answer.content
                await trio.sleep(0.05)


async def test_what_a_server_recorded_is_replayed_against_it(
    server: ServerProcess, tmp_path: Path, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = await recorded(server, tmp_path)
    printed = tmp_path / "printed.jsonl"
    monkeypatch.setenv("OCPP_ACTORS_API_URL", server.api)
    command = [sys.executable, "-m", "ocpp_actors", "messages", "--since", "2020-01-01T00:00:00Z", "--json"]
    with trio.fail_after(END_TIMEOUT):
        printed.write_bytes((await trio.run_process(command, capture_stdout=True)).stdout)
    log = tmp_path / "server" / "messages.db"  # the first two replays are in it when it is read
    for replays, (file, messages) in enumerate(((exported, 7), (printed, 7), (log, 21))):
        await written_down(server, FRAMES + replays * FRAMES // 2)
        several = await replay(file, "--url", server.url)
        assert (several.status, several.out) == (2, "")
        assert several.err.endswith("choose one with --charge-point: CP1, CP2\n")
        ended = await replay(file, "--url", f"{server.url}/cp2", "--charge-point", "CP2")
        assert (ended.status, ended.err) == (0, ""), ended
        assert ended.lines[-1] == f"{messages} the same, 0 different"
        assert [line.split(": ")[1].split()[0] for line in ended.lines[:7]] == [
            *("BootNotification", "StatusNotification", "Authorize", "StartTransaction"),
            *("MeterValues", "StopTransaction", "Authorize"),
        ]


async def test_an_answer_that_was_another_one_is_found(
    server: ServerProcess, tmp_path: Path, replay: Replay
) -> None:
    text = (await recorded(server, tmp_path)).read_text()
    answer = '"frame":"[3,\\"m3\\",{\\"idTagInfo\\":{\\"status\\":\\"Accepted'
    assert text.count(answer) == 2
    broken = tmp_path / "broken.jsonl"
    broken.write_text(text.replace(answer, answer.replace("Accepted", "Blocked")))
    command = (broken, "--charge-point", "CP1", "--identity", "NEW", "--url", server.url)
    ended = await replay(*command)
    assert (ended.status, ended.lines[-1]) == (1, "6 the same, 1 different")
    assert ended.lines[2].endswith('Authorize m3: at idTagInfo.status: recorded "Blocked", got "Accepted"')
    ended = await replay(*command, "--json")
    told = [json.loads(line) for line in ended.lines]
    assert [each["verdict"] for each in told].count("same") == 6
    assert (told[2]["action"], told[2]["verdict"]) == ("Authorize", "different")
    assert told[2]["differences"] == [
        {"path": "idTagInfo.status", "recorded": "Blocked", "found": "Accepted"}
    ]
    ended = await replay(*command, "--ignore", "Authorize.idTagInfo.status")
    assert (ended.status, ended.lines[-1]) == (0, "7 the same, 0 different")


async def test_a_key_is_sent(server: ServerProcess, tmp_path: Path, replay: Replay) -> None:
    async with httpx2.AsyncClient(base_url=server.api) as client:
        await client.put("/api/v1/charge-points/CP1", json={})
        await client.put("/api/v1/charge-points/CP1/key", json={"key": "0123456789abcdef"})
    file, key = tmp_path / "one.jsonl", tmp_path / "key.txt"
    file.write_bytes(RECORD)
    key.write_text("0123456789abcdef\n")
    command = (file, "--url", server.url)
    refused = await replay(*command)
    assert (refused.status, refused.out) == (2, "")
    assert "401" in refused.err
    assert refused.err.count("\n") == 1
    ended = await replay(*command, "--password-file", str(key))
    assert ended.status == 0
    assert ended.lines[-1] == "0 the same, 0 different, 1 without a recorded answer"


def exchange(message_id: str, action: str, request: Any, response: Any) -> Iterator[bytes]:
    for direction, frame in (("in", [2, message_id, action, request]), ("out", [3, message_id, response])):
        yield json.dumps({"chargePoint": "CP1", "direction": direction, "frame": frame}).encode()


async def test_another_central_system_is_compared(tmp_path: Path, replay: Replay) -> None:
    accepted = {"idTagInfo": {"status": "Accepted"}}
    time = {"currentTime": "2026-03-01T12:00:00Z"}
    recording = [
        *exchange("1", "BootNotification", BOOT, {**time, "interval": 300, "status": "Accepted"}),
        *exchange("2", "StatusNotification", status(), {}),
        *exchange("3", "Authorize", {"idTag": "TAG"}, accepted),
        *exchange("4", "StartTransaction", start(), {"transactionId": 1, **accepted}),
        *exchange("5", "MeterValues", meter_values(transactionId=1), {}),
        *exchange("6", "StopTransaction", stop(1), {}),
        *exchange("7", "Heartbeat", {}, time),
    ]
    file = tmp_path / "recording.jsonl"
    file.write_bytes(b"\n".join(recording))
    process = await trio.lowlevel.open_process([sys.executable, PEER], stdout=-1)
    assert process.stdout is not None
    try:
        with trio.fail_after(END_TIMEOUT):
            url = (await process.stdout.receive_some()).decode().strip()
        ended = await replay(file, "--url", url)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()
    assert ended.status == 1, ended
    assert ended.lines[:6] == [
        "1: BootNotification 1: at interval: recorded 300, got 10",
        "3: StatusNotification 2: same",
        '5: Authorize 3: at idTagInfo.status: recorded "Accepted", got "Blocked"',
        "7: StartTransaction 4: same",
        "9: MeterValues 5: same",
        "11: StopTransaction 6: same",
    ]
    assert ended.lines[6].startswith("13: Heartbeat 7: recorded CALLRESULT {")
    assert "got CALLERROR NotImplemented" in ended.lines[6]
    assert ended.lines[7] == "4 the same, 3 different"


@pytest.mark.parametrize(
    ("recording", "options", "told"),
    [
        (
            RECORD,
            ("--url", "http://127.0.0.1:1/ocpp"),
            "is no URL of a central system: write it as ws://HOST",
        ),
        (RECORD, NOBODY, "cannot be reached"),
        (RECORD, (*NOBODY, "--ignore", "Heartbeat.currentTme"), "did you mean Heartbeat.currentTime?"),
        (b"hello", NOBODY, "line 1: neither a frame nor a record of the message log"),
        (RECORD, (*NOBODY, "--header", "X"), "is not of the form 'Name: value'"),
        (RECORD, (*NOBODY, "--charge-point", "CP9"), "CP9 says nothing in it"),
        (b'[2,"1","Heartbeat",{}]', NOBODY, "give --identity"),
        (b"SQLite format 3\0 and no more", NOBODY, "but no message log"),
        (b"", NOBODY, "a charge point says nothing in it"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    recording: bytes,
    options: tuple[str, ...],
    told: str,
) -> None:
    file = tmp_path / "recording"
    file.write_bytes(recording)
    assert cli.main(["replay", str(file), *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err


def test_what_happens_beside_the_answers_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    step = Step(3, 0.0, "{", None, None)
    happened: list[Happening] = [
        Played(step, "unjudged", CallError("1", "GenericError"), (), 0.1),
        Asked(Call("s", "Reset", {}), None),
        Asked(Call("s", "Reset", {}), CallResult("s", {"status": "Accepted"})),
        Stray("[3]\x1b"),
        Lost("closed"),
        ReplayEnded("gone", 2),
    ]
    told: dict[bool, list[str]] = {}
    for as_json in (False, True):
        teller = Teller(as_json)
        for each in happened:
            teller(each)
        assert teller.end() == 1
        told[as_json] = capsys.readouterr().out.splitlines()
    assert told[False] == [
        "3: no CALL: no recorded answer, got CALLERROR GenericError",
        "-: the central system asks Reset; answered NotSupported, no answer to it was recorded",
        '-: the central system asks Reset; answered as recorded, CALLRESULT {"status":"Accepted"}',
        "-: an answer that nothing waits for: [3]\\x1b",
        "-: closed; connecting again",
        "-: gone; 2 messages were not sent",
        "0 the same, 0 different, 1 without a recorded answer, 2 asked by the central system",
    ]
    documents = [json.loads(line) for line in told[True]]
    assert documents[0]["found"] == "CALLERROR GenericError"
    assert documents[1:] == [
        {"asked": "Reset", "payload": {}, "answered": None},
        {"asked": "Reset", "payload": {}, "answered": 'CALLRESULT {"status":"Accepted"}'},
        {"unexpected": "[3]\x1b"},
        {"lost": "closed"},
        {"ended": "gone", "notSent": 2},
    ]


def test_only_what_should_not_be_makes_a_difference() -> None:
    def status_after(happening: Happening) -> int:
        teller = Teller(as_json=False)
        teller(happening)
        return teller.end()

    assert status_after(Asked(Call("s", "Reset", {}), None)) == 0
    assert status_after(Stray("x")) == 1
