"""Whatever schemathesis makes of the OpenAPI document is answered as the document says."""

import itertools
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from tests.support.central import Central, Charger, open_central
from tests.support.desk import make_desk
from trio_websocket import ConnectionClosed, ConnectionRejected

from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http.application import create_application
from ocpp_actors.operator.http.serving import HttpServer

IDENTITY = str(examples.CHARGE_POINT["identity"])

CONFIG = """\
# A gateway's statuses tell of the charge point, not of the server.
[checks]
enabled = false
not_a_server_error = { enabled = true, expected-statuses = ["2xx", "3xx", "4xx", 502, 504] }
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_headers_conformance.enabled = true
response_schema_conformance.enabled = true
unsupported_method.enabled = true
allow_header_conformance.enabled = true
"""

COMMAND = "from schemathesis.cli import schemathesis; schemathesis()"


async def answer_calls(charger: Charger) -> None:
    """Answer calls as they should be; each seventh is refused with an error, each eleventh with nonsense."""
    for number in itertools.count(1):
        frame = await charger.receive()
        response = examples.RESPONSES.get(frame[2], examples.ACCEPTED)
        if number % 7 == 0:
            await charger.send([4, frame[1], "NotSupported", "", {}])
        else:
            await charger.send([3, frame[1], {"nonsense": 1} if number % 11 == 0 else response])


async def stay_connected(central: Central) -> None:
    """Be a charge point that comes back whenever it is thrown out, or removed."""
    while True:
        try:
            async with central.charger(IDENTITY) as charger:
                await charger.boot()
                await answer_calls(charger)
        except* (ConnectionClosed, ConnectionRejected):
            await trio.sleep(0.1)


async def serve(ports: "queue.Queue[int]", stop: threading.Event) -> None:
    async with open_central() as central, trio.open_nursery() as nursery:
        desk = make_desk(central)
        server = HttpServer(create_application(desk), desk.ending)
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(server.run, listeners)
        nursery.start_soon(stay_connected, central)
        ports.put(listeners[0].socket.getsockname()[1])
        await trio.to_thread.run_sync(stop.wait)
        nursery.cancel_scope.cancel()


@contextmanager
def serving() -> Iterator[int]:
    ports: queue.Queue[int] = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(target=trio.run, args=(serve, ports, stop))
    thread.start()
    try:
        yield ports.get(timeout=60)
    finally:
        stop.set()
        thread.join()


def test_every_request_that_can_be_made_of_the_document_is_answered_as_documented(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with serving() as port:
        run = subprocess.run(
            [
                *(sys.executable, "-c", COMMAND, "--config-file", "schemathesis.toml"),
                *("run", f"http://127.0.0.1:{port}/api/v1/schema", "--phases", "examples,coverage,fuzzing"),
                *("--max-examples", "3", "--seed", "1", "--no-color", "--request-timeout", "60"),
                *("--exclude-path", "/api/v1/events"),  # it does not end
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
