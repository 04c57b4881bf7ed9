"""An API that answers what it was told to, on loopback, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen

JSON = "application/json"
PROBLEM = "application/problem+json"


@frozen
class Answer:
    """What one request is answered with; text is sent as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(factory=dict)


def problem(status: int, slug: str, **fields: Any) -> Answer:
    return Answer(status, {"type": f"urn:ocpp-actors:problem:{slug}", "status": status, **fields}, PROBLEM)


def page(*items: Any, cursor: str | None = None) -> Answer:
    return Answer(body={"items": items, "nextCursor": cursor})


@frozen
class Asked:
    """One request as it came; ``path`` counts from the root and is as it was sent, without the query."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


@define
class FakeApi:
    """``answers`` by method and path below ``/api/v1``: the next one each time, the last one for ever."""

    answers: dict[str, list[Answer]] = field(factory=dict)
    asked: list[Asked] = field(factory=list)
    url: str = ""

    def on(self, route: str, *answers: Answer) -> None:
        self.answers[route] = list(answers)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        route = f"{asked.method} {asked.path.removeprefix('/api/v1')}"
        answers = self.answers.get(route)
        if not answers:
            return problem(404, "not-found", detail=f"the test has no answer for {route}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def open_fake_api() -> Iterator[FakeApi]:
    api = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(length)
            url = urlsplit(self.path)
            asked = Asked(
                self.command,
                url.path,
                dict(parse_qsl(url.query)),
                dict(self.headers),
                json.loads(content) if content else None,
            )
            answer = api.answer(asked)
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Type", answer.content_type)
                self.end_headers()
                self.wfile.write(body.encode())
            else:
                self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 — as the standard library wants it

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
