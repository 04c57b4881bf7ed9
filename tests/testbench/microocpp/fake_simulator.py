"""A program in the place of the simulator: it has its store and its HTTP API, and connects to nothing.

Its arguments say how it misbehaves: ``stubborn`` ignores SIGTERM, ``chatty`` prints a lot, ``parent`` starts a process
of its own. ``POST /api/end`` ends it with a status.
"""

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

STORE = Path("mo_store")
PLUGS = STORE / "plugs.json"
HABITS = sys.argv[1:]


def seeded(name: str) -> dict[str, object]:
    content = json.loads((STORE / name).read_text())
    return {each["key"]: each["value"] for each in content["configurations"]}


class Api(BaseHTTPRequestHandler):
    plugs: dict[str, object]

    def do_GET(self) -> None:
        connection = seeded("ws-conn.jsn")
        if self.path == "/api/connectors":
            self.reply(["1", "2"])
        elif self.path == "/api/websocket":
            self.reply(
                {
                    "backendUrl": connection["Cst_BackendUrl"],
                    "chargeBoxId": connection["Cst_ChargeBoxId"],
                    "authorizationKey": "",
                    "pingInterval": 5,
                    "reconnectInterval": connection.get("Cst_ReconnectInterval", 10),
                }
            )
        elif self.path == "/api/connector/1/evse":
            self.reply(self.plugs)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/end":
            print("The end is near", flush=True)
            os._exit(body)
        self.plugs.update(body)
        PLUGS.write_text(json.dumps(self.plugs))
        self.do_GET()

    def reply(self, content: object) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    print("I am up", flush=True)
    if "stubborn" in HABITS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "chatty" in HABITS:
        print("\n".join(f"line {number} of many" for number in range(20_000)), flush=True)
    if "parent" in HABITS:
        child = subprocess.Popen(["sleep", "600"])
        (STORE / "child").write_text(str(child.pid))
    Api.plugs = json.loads(PLUGS.read_text()) if PLUGS.exists() else _unplugged()
    where = urlsplit(json.loads((STORE / "api.jsn").read_text())["url"])
    HTTPServer((str(where.hostname), where.port or 0), Api).serve_forever()


def _unplugged() -> dict[str, object]:
    names = ("evPlugged", "evsePlugged", "evReady", "evseReady")
    return {**dict.fromkeys(names, False), "chargePointStatus": "Available"}


if __name__ == "__main__":
    main()
