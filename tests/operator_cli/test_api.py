"""How the commands speak with a server: addresses, tokens, pages, problems."""

import getpass
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.operator_cli.conftest import Run
from tests.operator_cli.fake_api import Answer, FakeApi, page, problem

Mistaken = Callable[..., str]

FAULTS = [{"path": "/a", "message": "is long"}, {"path": "", "message": "x"}]
TAG = {"idTag": "TAG1", "status": "Accepted", "version": 1}


def test_all_pages_are_followed(api: FakeApi, run: Run) -> None:
    api.on(
        "GET /id-tags",
        page({"idTag": "A"}, cursor="one+/="),
        page({"idTag": "B"}, cursor="two"),
        page({"idTag": "C"}),
    )
    ended = run("id-tags", "--json")
    assert [json.loads(line)["idTag"] for line in ended.lines] == ["A", "B", "C"]
    assert [asked.query.get("cursor") for asked in api.asked] == [None, "one+/=", "two"]


def test_a_limit_asks_for_no_more_than_it_needs(api: FakeApi, run: Run) -> None:
    first = page(*({"idTag": str(number)} for number in range(1000)), cursor="next")
    api.on("GET /id-tags", first, page(*({"idTag": str(number)} for number in range(5)), cursor="more"))
    assert len(run("id-tags", "--limit", "1005", "--json").lines) == 1005
    assert [asked.query["limit"] for asked in api.asked] == ["1000", "5"]


def test_the_operator_is_named(api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    api.on("GET /id-tags", page())
    monkeypatch.setattr(getpass, "getuser", lambda: "jürgen\n" + "x" * 60)
    run("id-tags")
    assert api.asked[0].headers["X-Operator"] == "j?rgen?" + "x" * 43

    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nobody)
    run("id-tags")
    assert api.asked[1].headers["X-Operator"] == "cli"


def test_the_token_comes_from_the_environment_or_a_file(
    api: FakeApi, run: Run, mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api.on("GET /id-tags", page())
    run("id-tags")
    assert "Authorization" not in api.asked[-1].headers
    monkeypatch.setenv("OCPP_ACTORS_API_TOKEN", "of-the-environment")
    run("id-tags")
    assert api.asked[-1].headers["Authorization"] == "Bearer of-the-environment"
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    run("id-tags", "--api-token-file", str(file))
    assert api.asked[-1].headers["Authorization"] == "Bearer of-the-file"
    monkeypatch.setenv("OCPP_ACTORS_API_TOKEN_FILE", str(file))
    assert "are both given: keep one" in mistaken(2, "id-tags")
    monkeypatch.delenv("OCPP_ACTORS_API_TOKEN")
    run("id-tags")
    assert api.asked[-1].headers["Authorization"] == "Bearer of-the-file"
    line = mistaken(2, "id-tags", "--api-token-file", str(tmp_path / "none"))
    assert line.endswith("cannot be read: No such file or directory")


def test_a_token_that_no_header_can_carry_is_a_mistake(
    api: FakeApi, mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPP_ACTORS_API_TOKEN", "tökén")
    assert "token" in mistaken(2, "id-tags")
    monkeypatch.setenv("OCPP_ACTORS_API_TOKEN", "two\nlines")
    assert "token" in mistaken(2, "id-tags")


def test_a_proxy_of_the_environment_never_sees_what_goes_to_this_machine(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("GET /id-tags", page())
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert run("id-tags").status == 0


def test_an_identity_is_one_segment_of_the_path(api: FakeApi, run: Run) -> None:
    for name, path in {"a/b c?d#e": "a%2Fb%20c%3Fd%23e", "ü": "%C3%BC", "..": "%2E%2E"}.items():
        api.on(f"GET /id-tags/{path}", Answer(body=TAG))
        assert run("id-tags", "show", name).status == 0, api.asked[-1]


def test_a_server_that_is_not_running_is_told_with_what_to_do(mistaken: Mistaken) -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        line = mistaken(1, "id-tags", "--api-url", url)
    assert line.startswith(f"no server answers at {url}/ (")
    assert "ocpp-actors serve" in line
    assert "--api-url" in line


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://localhost", "http://", "http://[::1", "http://host:port"]
)
def test_an_address_that_is_none_is_a_mistake(mistaken: Mistaken, url: str) -> None:
    assert f"--api-url: {url}" in mistaken(2, "id-tags", "--api-url", url)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (problem(401, "unauthorized", detail="no token"), 2, "OCPP_ACTORS_API_TOKEN"),
        (problem(404, "not-found", detail="there is no idTag X"), 1, "there is no idTag X"),
        (problem(400, "invalid-parameter", detail="limit is too large"), 2, "limit is too large"),
        (problem(421, "unknown-host", detail="not example.com"), 2, "ALLOWED_HOSTS"),
        (problem(503, "ledger-unavailable", title="No ledger"), 1, "No ledger; try again"),
        (problem(500, "internal-error"), 1, "the server answered 500"),
        (problem(422, "invalid-request", detail="no", errors=FAULTS), 2, "no; /a: is long; /: x"),
        (Answer(502, "<html>", "text/html"), 2, "is not the API of ocpp-actors (status 502, text/html)"),
        (Answer(200, "<html>", "text/html"), 2, "is not the API of ocpp-actors (status 200, text/html)"),
        (Answer(302, "", headers={"Location": "http://127.0.0.1:1/"}), 2, "is not the API of ocpp-actors (status 302"),
        (problem(404, "not-found", detail="\x1b[31mred\nline"), 1, r"\x1b[31mred\nline"),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_one_line_with_what_to_do(
    api: FakeApi, mistaken: Mistaken, answer: Answer, status: int, words: str
) -> None:
    api.on("GET /id-tags/X", answer)
    assert words in mistaken(status, "id-tags", "show", "X")


def test_what_a_problem_says_twice_is_told_once(api: FakeApi, mistaken: Mistaken) -> None:
    api.on(
        "GET /id-tags/X",
        problem(422, "invalid-request", detail="a is 1", errors=[{"path": "/a", "message": "a is 1"}]),
    )
    assert mistaken(2, "id-tags", "show", "X") == "a is 1"
    faults = [{"path": "/a", "message": "a is 1"}, {"path": "/b", "message": "is missing"}]
    api.on("GET /id-tags/Y", problem(422, "invalid-request", detail="a is 1 (and 1 more)", errors=faults))
    assert mistaken(2, "id-tags", "show", "Y") == "a is 1; /b: is missing"


def test_what_is_no_api_is_told_where_a_list_was_wanted(api: FakeApi, mistaken: Mistaken) -> None:
    api.on("GET /id-tags", Answer(200, ["no", "page"]))
    assert "is not the API of ocpp-actors" in mistaken(2, "id-tags")


def test_a_connection_that_breaks_is_told(mistaken: Mistaken) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(10_000)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        line = mistaken(1, "id-tags", "--api-url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert "the connection to " in line
