"""What stands before the routes: bodies, methods, headers, failures, files."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
import trio
from tests.operator.http.test_guard import slug
from tests.support.central import open_central
from tests.support.desk import FixedHealth, client_of, make_desk, open_api
from trio.testing import MockClock

from ocpp_actors.ledger.port import LedgerUnavailable
from ocpp_actors.operator.http.application import create_application
from ocpp_actors.operator.http.desk import DASHBOARD
from ocpp_actors.operator.http.front import BODY_TIME, MAX_BODY

JSON = {"Content-Type": "application/json"}
TAG = "/api/v1/id-tags/TAG"


# --- bodies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"{", b"nonsense", b"\xff", b"[1", b'{"a":NaN}', b"[" * 5000, b'{"a":"\\ud800"}']
)
async def test_a_body_that_is_no_json_is_400(autojump_clock: MockClock, content: bytes) -> None:
    async with open_api() as api:
        answer = await api.put(TAG, content=content, headers=JSON)
        assert (answer.status_code, slug(answer)) == (400, "malformed-json")


@pytest.mark.parametrize("content", [b"[]", b'"x"', b"1", b"null", b"true"])
async def test_a_body_that_is_no_object_is_422(autojump_clock: MockClock, content: bytes) -> None:
    async with open_api() as api:
        for path in (TAG, "/api/v1/charging-profiles/x", "/api/v1/charge-points/A"):
            answer = await api.put(path, content=content, headers=JSON)
            assert (answer.status_code, slug(answer)) == (422, "invalid-request"), path
            assert answer.json()["errors"][0]["path"] == ""


@pytest.mark.parametrize(
    ("media_type", "code"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ('application/json;charset="utf-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/merge-patch+json", 415),
        ("", 415),
    ],
)
async def test_only_json_in_utf_8_is_read(autojump_clock: MockClock, media_type: str, code: int) -> None:
    async with open_api() as api:
        answer = await api.put(TAG, content=b"{}", headers={"Content-Type": media_type})
        assert answer.status_code == code
        if code == 415:
            assert slug(answer) == "unsupported-media-type"


async def test_no_body_needs_no_media_type(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        assert (await api.put(TAG)).status_code == 201
        assert (await api.put(TAG, headers={"Content-Type": "text/plain"})).status_code == 200


async def test_a_body_may_have_a_mebibyte_and_not_more(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        fits = await api.put(
            TAG, content=b'{"status":"Blocked"' + b" " * (MAX_BODY - 20) + b"}", headers=JSON
        )
        assert fits.status_code == 201
        too_large = await api.put(TAG, content=b" " * (MAX_BODY + 1), headers=JSON)
        assert (too_large.status_code, slug(too_large)) == (413, "too-large")


async def test_a_large_body_of_unknown_length_is_refused_too(autojump_clock: MockClock) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 65536

    async with open_api() as api:
        answer = await api.put(TAG, content=chunks(), headers=JSON)
        assert (answer.status_code, slug(answer)) == (413, "too-large")


async def test_a_large_body_with_many_faults_is_judged_beside_the_loop(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        entries = [{"idTag": "x" * 21}] * 20_000
        answer = await api.post(
            "/api/v1/charge-points/CP1/calls/SendLocalList",
            json={"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries},
        )
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) == 100


async def test_a_body_that_does_not_come_is_408(autojump_clock: MockClock) -> None:
    async def chunks() -> Any:
        yield b"{"
        await trio.sleep(BODY_TIME + 1)
        yield b"}"

    async with open_api() as api:
        answer = await api.put(TAG, content=chunks(), headers=JSON)
        assert (answer.status_code, slug(answer)) == (408, "request-timeout")


# --- methods and paths -----------------------------------------------------------------------------------------


async def test_a_method_that_is_not_there_is_405_and_the_others_are_told(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        answer = await api.post("/api/v1/overview", json={})
        assert (answer.status_code, slug(answer)) == (405, "method-not-allowed")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        answer = await api.request("TRACE", TAG)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"


async def test_options_tells_the_methods_and_nothing_about_other_origins(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        answer = await api.options(TAG)
        assert (answer.status_code, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PUT")
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_head_is_get_without_a_body(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        for path in ("/api/v1/overview", "/", "/health/live", "/metrics", "/api/v1/transactions"):
            get, head = await api.get(path), await api.head(path)
            assert (head.status_code, head.content) == (get.status_code, b"")
            assert head.headers["content-length"] == get.headers["content-length"]
        for path in ("/nothing", "/api/v1/charge-points/x"):
            head = await api.head(path)
            assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/v1", "/api/v1/nothing", "/api/v2/overview", "/..%2f..%2fetc"]
)
async def test_what_is_nowhere_is_404(autojump_clock: MockClock, path: str) -> None:
    async with open_api() as api:
        answer = await api.get(path)
        assert (answer.status_code, slug(answer)) == (404, "not-found")


# --- headers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/", "no-cache"),
        ("/api/v1/overview", "no-store"),
        ("/health/live", "no-store"),
        ("/metrics", "no-store"),
        ("/nothing", "no-store"),
        ("/api/v1/charge-points/x", "no-store"),
    ],
)
async def test_every_answer_has_the_security_headers(
    autojump_clock: MockClock, path: str, cache: str
) -> None:
    async with open_api() as api:
        headers = (await api.get(path)).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == cache


INLINE = re.compile(
    r"""innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:|"style"|\bstyle:"""
)


def test_the_dashboard_has_nothing_inline_and_makes_no_markup_of_text() -> None:
    pages = {path: path.read_text() for path in DASHBOARD.rglob("*.html")}
    assert pages
    for text in pages.values():
        tags = re.findall(r"<(\w+)([^>]*)>", text)
        assert [tag for tag, _ in tags if tag == "style"] == []
        assert [more for tag, more in tags if tag == "script" and " src=" not in more] == []
        assert [more for _, more in tags if re.search(r"""\s(on\w+|style)\s*=|javascript:|//""", more)] == []
    scripts = {path.name: path.read_text() for path in DASHBOARD.rglob("*.js")}
    assert {name: found for name, text in scripts.items() if (found := INLINE.findall(text))} == {}


# --- failures --------------------------------------------------------------------------------------------------


class FailingLedger:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def ask(self, request: Any, by: float | None = None) -> Any:
        if self.error is None:
            await trio.sleep_forever()
        assert self.error is not None
        raise self.error

    def note(self, request: Any) -> None:
        pass


async def test_a_ledger_that_fails_or_hangs_is_503(autojump_clock: MockClock) -> None:
    for error in (LedgerUnavailable("the disk is full"), None):
        async with open_api(desk={"ledger": FailingLedger(error)}) as api:
            for path in ("/api/v1/overview", "/api/v1/charge-points", "/api/v1/transactions"):
                answer = await api.get(path, headers={"Accept": "text/csv"})
                assert (answer.status_code, slug(answer)) == (503, "ledger-unavailable")
                assert int(answer.headers["retry-after"]) > 0


async def test_a_bug_is_500_without_what_is_inside_and_logged_with_its_traceback(
    autojump_clock: MockClock,
) -> None:
    async with open_api(desk={"ledger": FailingLedger(ZeroDivisionError("secret detail"))}) as api:
        with structlog.testing.capture_logs() as logs:
            answer = await api.get("/api/v1/overview")
        assert (answer.status_code, slug(answer)) == (500, "internal-error")
        assert "secret" not in answer.text
        assert "ZeroDivision" not in answer.text
        (line,) = logs
        assert line["log_level"] == "error"
        assert isinstance(line["exc_info"], ZeroDivisionError)


class BreakingFeed:
    async def stream(self, *asked: Any) -> Any:
        yield b": hello\n\n"
        raise ZeroDivisionError("broken")


async def test_an_answer_that_breaks_off_is_logged_and_not_ended_properly(autojump_clock: MockClock) -> None:
    async with open_api(desk={"feed": BreakingFeed()}) as api:
        with structlog.testing.capture_logs() as logs, pytest.raises(AssertionError):
            await api.get("/api/v1/events")  # httpx2 asserts that an answer ends
        assert [line["log_level"] for line in logs] == ["error"]


async def test_health_tells_when_something_is_wrong(autojump_clock: MockClock) -> None:
    async with open_api(desk={"health": FixedHealth(healthy=False)}) as api:
        for path in ("/health/live", "/health/ready"):
            answer = await api.get(path)
            assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


# --- files -----------------------------------------------------------------------------------------------------


async def test_files_are_served_with_their_types_and_etags(autojump_clock: MockClock, tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    for name, content in (
        ("index.html", "<p>"),
        ("js/app.js", "1"),
        ("style.css", "a{}"),
        ("icon.svg", "<svg/>"),
        ("data.bin", "?"),
        (".hidden", "secret"),
    ):
        (tmp_path / name).write_text(content)
    async with open_api(desk={"dashboard": tmp_path}) as api:
        for path, media_type in (
            ("/", "text/html; charset=utf-8"),
            ("/index.html", "text/html; charset=utf-8"),
            ("/js/app.js", "text/javascript; charset=utf-8"),
            ("/style.css", "text/css; charset=utf-8"),
            ("/icon.svg", "image/svg+xml; charset=utf-8"),
            ("/data.bin", "application/octet-stream"),
        ):
            answer = await api.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
            etag = answer.headers["etag"]
            for sent in (etag, f"W/{etag}", f'"other", {etag}', "*"):
                unchanged = await api.get(path, headers={"If-None-Match": sent})
                assert (unchanged.status_code, unchanged.content) == (304, b""), sent
                assert unchanged.headers["etag"] == etag
            assert (await api.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
        for path in ("/.hidden", "/js", "/js/", "/../secret", "/%2e%2e/secret"):
            assert (await api.get(path)).status_code == 404, path
        assert (await api.post("/", json={})).status_code == 405


async def test_without_a_dashboard_the_api_is_there(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with open_api(desk={"dashboard": tmp_path / "none"}) as api:
        assert (await api.get("/")).status_code == 404
        assert (await api.get("/api/v1/overview")).status_code == 200


async def test_two_applications_work_with_a_desk_each(autojump_clock: MockClock) -> None:
    closed = {"api_token": "a-token-of-sixteen-characters", "charge_point_urls": ("ws://closed/ocpp",)}
    async with open_api() as one, open_api(desk=closed) as other:
        assert (await one.get("/api/v1/session")).json()["loginRequired"] is False
        assert (await other.get("/api/v1/session")).json()["loginRequired"] is True
        assert (await other.get("/api/v1/overview")).status_code == 401
        token = {"Authorization": f"Bearer {closed['api_token']}"}
        for api, url in ((one, "ws://127.0.0.1:9000/ocpp"), (other, "ws://closed/ocpp")):
            assert (await api.get("/api/v1/overview", headers=token)).json()["chargePointUrls"] == [url]
        documents = [(await api.get("/api/v1/schema", headers=token)).json() for api in (one, other)]
        assert [bool(document["security"]) for document in documents] == [False, True]


async def test_a_websocket_is_turned_away(autojump_clock: MockClock) -> None:
    async with open_central() as central:
        application: Any = create_application(make_desk(central))
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await application({"type": "websocket", "path": "/api/v1/events", "headers": []}, receive, send)
        assert [message["type"] for message in sent] == ["websocket.close"]


async def test_an_absolute_target_is_understood(autojump_clock: MockClock) -> None:
    async with open_central() as central:
        application: Any = create_application(make_desk(central))

        async def absolute(scope: Any, receive: Any, send: Any) -> None:
            scope["raw_path"] = b"http://localhost" + scope["raw_path"]
            await application(scope, receive, send)

        async with client_of(absolute) as client:
            answer: httpx2.Response = await client.get("/api/v1/overview")
        assert answer.status_code == 200
