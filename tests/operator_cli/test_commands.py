"""What each command asks of the API, and how it shows the answer."""

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ocpp_actors import cli
from ocpp_actors.operator_cli.api import Api
from ocpp_actors.operator_cli.failures import Unreachable
from tests.operator_cli.conftest import Run
from tests.operator_cli.fake_api import Answer, FakeApi, page, problem

Mistaken = Callable[..., str]

CP1: dict[str, Any] = {
    "identity": "CP1",
    "online": True,
    "registration": "Accepted",
    "vendor": "Maker",
    "model": None,
    "firmwareVersion": "\x1b[2J1.0",
    "connectors": [{"connectorId": 1, "status": "Charging"}, {"connectorId": 2, "status": "Available"}],
    "settings": {"lenient": False, "pings": True},
    "powerW": 7400.0,
    "lastSeen": "2026-03-01T12:00:00.000Z",
    "version": 3,
}
ROUTE = "GET /charge-points"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    assert cli.main(arguments) == 0
    return terminal.getvalue()


class Input(io.BytesIO):
    name = "<stdin>"


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Give a command this standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Input(text.encode())))


# --- output --------------------------------------------------------------------------------------------------------


def test_in_a_pipe_a_list_is_tab_separated_uncut_and_without_control_characters(
    api: FakeApi, run: Run
) -> None:
    api.on(ROUTE, page(CP1 | {"model": "M" * 300 + "\t\n"}))
    header, row = run("charge-points").lines
    assert header.split("\t")[:3] == ["IDENTITY", "ONLINE", "REGISTRATION"]
    assert row.split("\t") == [
        "CP1", "yes", "Accepted", "Maker", "M" * 300 + r"\t\n", r"\x1b[2J1.0", "1 Charging, 2 Available", "7400",
        "2026-03-01T12:00:00.000Z",
    ]  # fmt: skip


def test_on_a_terminal_a_list_is_a_table_that_is_folded_and_means_no_markup(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on(ROUTE, page(CP1 | {"model": "[red]" + "M" * 200}))
    told = on_terminal(monkeypatch, "charge-points")
    assert {"Accepted", "Charging,", "Available", "2026-03-01T12:00:00.000Z"} <= {*told.split()}
    assert "\t" not in told
    assert "\x1b[2J" not in told
    assert told.count("M") >= 200
    assert "…" not in told
    assert "[red]" in told.replace("\n", "") or "[red" in told


def test_json_is_an_object_a_line_that_cannot_drive_a_terminal(api: FakeApi, run: Run) -> None:
    item = CP1 | {"model": "ü\x7f\x9b\u202e\U000e0001"}
    api.on(ROUTE, page(item, item))
    ended = run("charge-points", "--json")
    assert [json.loads(line) for line in ended.lines] == [item, item]
    assert ended.out.replace("\n", "").isprintable()
    assert "ü" in ended.out


def test_show_lists_the_fields_one_a_line(api: FakeApi, run: Run) -> None:
    api.on("GET /charge-points/CP1", Answer(body=CP1))
    lines = [line.split(maxsplit=1) for line in run("charge-points", "show", "CP1").lines]
    assert ["settings.lenient", "no"] in lines
    assert ["model"] in lines
    assert ["firmwareVersion", r"\x1b[2J1.0"] in lines


def test_a_group_lists_where_no_command_is_named_and_names_a_wrong_one(
    api: FakeApi, run: Run, mistaken: Mistaken
) -> None:
    api.on(ROUTE, page())
    assert run("charge-points").status == run("charge-points", "--online").status == 0
    assert run("charge-points", "list", "--offline").status == 0
    assert [asked.query.get("online") for asked in api.asked] == [None, "true", "false"]
    assert mistaken(2, "charge-points", "shwo").startswith("No such command 'shwo'")


# --- charge points -------------------------------------------------------------------------------------------------


def test_charge_points_are_listed_that_report_a_fault(api: FakeApi, run: Run) -> None:
    api.on(ROUTE, page())
    assert run("charge-points").status == run("charge-points", "--faulted", "--online").status == 0
    filters = [(asked.query.get("faulted"), asked.query.get("online")) for asked in api.asked]
    assert filters == [(None, None), ("true", "true")]


def test_a_charge_point_is_added_only_where_there_is_none(api: FakeApi, run: Run, mistaken: Mistaken) -> None:
    api.on("PUT /charge-points/CP1", Answer(201, CP1), problem(412, "version-conflict", detail="it exists"))
    api.on("GET /overview", Answer(body={"chargePointUrls": []}))
    assert (
        run("charge-points", "add", "CP1", "--registration", "Pending", "--no-pings", "--lenient").status == 0
    )
    assert api.asked[0].headers["If-None-Match"] == "*"
    assert api.asked[0].body == {"registration": "Pending", "settings": {"pings": False, "lenient": True}}
    assert mistaken(1, "charge-points", "add", "CP1") == (
        "there is a charge point CP1 already: change it with ocpp-actors charge-points set"
    )


def test_what_is_to_be_known_of_an_added_charge_point_is_shown(api: FakeApi, run: Run) -> None:
    added = CP1 | {
        "identity": "C P",
        "registration": None,
        "settings": {"pings": True, "securityProfile": 0},
        "hasKey": False,
    }
    api.on("PUT /charge-points/C%20P", Answer(201, added))
    api.on("GET /overview", Answer(body={"chargePointUrls": ["wss://h:9443/ocpp", "ws://h:9000/ocpp"]}))
    assert run("charge-points", "add", "C P").lines == [
        "identity                  C P",
        "settings.pings            yes",
        "settings.securityProfile  0",
        "hasKey                    no",
        "address                   wss://h:9443/ocpp/C%20P, ws://h:9000/ocpp/C%20P",
    ]
    assert json.loads(run("charge-points", "add", "C P", "--json").out) == added


def test_set_changes_only_what_is_given(api: FakeApi, run: Run, mistaken: Mistaken) -> None:
    api.on("PATCH /charge-points/CP1", Answer(body=CP1))
    assert run("charge-points", "set", "CP1", "--abort-on-shutdown").status == 0
    assert api.asked[0].body == {"settings": {"abortOnShutdown": True}}
    assert run("charge-points", "set", "CP1", "--security-profile", "0").status == 0
    assert api.asked[1].body == {"settings": {"securityProfile": 0}}
    assert "4 is not in the range" in mistaken(2, "charge-points", "set", "CP1", "--security-profile", "4")
    assert "Nothing to change" in mistaken(2, "charge-points", "set", "CP1")


def test_remove_says_nothing_and_tells_if_there_was_none(api: FakeApi, run: Run, mistaken: Mistaken) -> None:
    api.on(
        "DELETE /charge-points/CP1",
        Answer(204),
        problem(404, "unknown-charge-point", detail="there is no CP1"),
    )
    ended = run("charge-points", "remove", "CP1")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert mistaken(1, "charge-points", "remove", "CP1") == "there is no CP1"


def test_a_generated_key_is_shown_alone_on_the_output(api: FakeApi, run: Run) -> None:
    api.on("PUT /charge-points/CP1/key", Answer(body={"key": "c0ffee"}))
    ended = run("charge-points", "set-key", "CP1")
    assert (ended.status, ended.out) == (0, "c0ffee\n")
    assert "not shown again" in ended.err
    assert api.asked[0].body == {}


def test_a_given_key_comes_from_a_file_or_the_standard_input_and_is_not_shown(
    api: FakeApi, run: Run, mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api.on("PUT /charge-points/CP1/key", Answer(204))
    file = tmp_path / "key"
    file.write_text("c0ffee\n")
    assert run("charge-points", "set-key", "CP1", "--key-file", str(file)).out == ""
    given(monkeypatch, "decade\n")
    assert run("charge-points", "set-key", "CP1", "--key-file", "-").status == 0
    assert run("charge-points", "set-key", "CP1", "--hex", "--key-file", str(file)).out == ""
    assert [asked.body for asked in api.asked] == [{"key": "c0ffee"}, {"key": "decade"}, {"keyHex": "c0ffee"}]
    assert "--hex goes with --key-file" in mistaken(2, "charge-points", "set-key", "CP1", "--hex")
    file.write_bytes(b"\xff\xfe")
    assert "is not text" in mistaken(2, "charge-points", "set-key", "CP1", "--key-file", str(file))
    file.write_bytes(b"\n")
    assert "there is no key" in mistaken(2, "charge-points", "set-key", "CP1", "--key-file", str(file))
    assert "unexpected extra argument" in mistaken(2, "charge-points", "set-key", "CP1", "c0ffee")


def test_keys_are_made_for_many_and_each_is_shown_once(
    api: FakeApi, run: Run, mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for identity in ("CP1", "CP%202", "CP3"):
        api.on(f"PUT /charge-points/{identity}/key", Answer(body={"key": f"key of {identity}"}))
    keys = [{"hasKey": has, "hasNextKey": sent} for has, sent in ((0, 0), (1, 0), (0, 1), (1, 1))]
    api.on(ROUTE, page(*({"identity": f"CP{number}", **each} for number, each in enumerate(keys, 3))))
    given(monkeypatch, "\ufeffCP 2\n\n  cp3\r\n")
    ended = run("charge-points", "make-keys", "--missing", "CP1", "--file", "-", "CP1")
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == ["identity,key", "CP1,key of CP1", "CP 2,key of CP%202", "CP3,key of CP3"]
    assert "--missing" in mistaken(2, "charge-points", "make-keys")
    file = tmp_path / "identities"
    file.write_bytes(b"\xff")
    assert "is not text in UTF-8" in mistaken(2, "charge-points", "make-keys", "--file", str(file))


def test_one_that_gets_no_key_does_not_keep_the_others_from_theirs(api: FakeApi, run: Run) -> None:
    api.on("PUT /charge-points/CP1/key", Answer(body={"key": "c0ffee"}))
    api.on("PUT /charge-points/CP2/key", problem(404, "unknown-charge-point", detail="there is no CP2"))
    api.on("PUT /charge-points/CP3/key", Answer(body={"key": "decade"}))
    ended = run("charge-points", "make-keys", "CP1", "CP2", "CP3")
    assert (ended.status, ended.lines) == (1, ["identity,key", "CP1,c0ffee", "CP3,decade"])
    assert ended.err == "ocpp-actors: CP2: there is no CP2\n"


def test_where_the_server_goes_it_is_told_whose_keys_were_not_shown(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("PUT /charge-points/CP1/key", Answer(body={"key": "c0ffee"}))
    send = Api.send

    def break_off(self: Api, method: str, path: str, *more: Any, **options: Any) -> Any:
        if "CP2" in path:
            raise Unreachable("the connection broke")
        return send(self, method, path, *more, **options)

    monkeypatch.setattr(Api, "send", break_off)
    ended = run("charge-points", "make-keys", "CP1", "CP2", "CP3")
    assert (ended.status, ended.lines) == (1, ["identity,key", "CP1,c0ffee"])
    assert ended.err == (
        "ocpp-actors: CP2: the connection broke; the keys of this one and those after it were not shown\n"
    )


@pytest.mark.parametrize(
    ("answer", "valid", "exit_status", "said"),
    [
        ("Accepted", "new", 0, "the old one no longer works"),
        ("RebootRequired", "both", 0, "both keys work until it uses the new one"),
        ("Rejected", "old", 1, "the old key stays"),
        ("NotSupported", "old", 1, "the old key stays"),
    ],
)
def test_a_key_is_rotated_and_what_came_of_it_told(
    api: FakeApi, run: Run, answer: str, valid: str, exit_status: int, said: str
) -> None:
    body = {"callId": 1, "status": answer, "validKeys": valid, "seconds": 0.1}
    api.on("POST /charge-points/CP1/key/rotation", Answer(body=body))
    ended = run("charge-points", "rotate-key", "CP1")
    assert (ended.status, ended.err) == (exit_status, "")
    assert ended.out.startswith(f"CP1 answered {answer}: ")
    assert said in ended.out
    assert json.loads(run("charge-points", "rotate-key", "CP1", "--json").out) == body


def test_a_rotation_that_does_not_end_is_told(api: FakeApi, mistaken: Mistaken) -> None:
    detail = "no answer within 30 s; the old key and the new one are right until it uses the new one"
    api.on("POST /charge-points/CP1/key/rotation", problem(504, "no-answer", detail=detail))
    assert mistaken(1, "charge-points", "rotate-key", "CP1") == detail


def test_a_key_is_taken_away(api: FakeApi, run: Run, mistaken: Mistaken) -> None:
    api.on("DELETE /charge-points/CP1/key", Answer(204))
    assert run("charge-points", "set-key", "CP1", "--remove").status == 0
    assert "do not go together" in mistaken(
        2, "charge-points", "set-key", "CP1", "--remove", "--key-file", "-"
    )


# --- security events -----------------------------------------------------------------------------------------------


def test_security_events_are_listed(api: FakeApi, run: Run, mistaken: Mistaken) -> None:
    event = {"receivedAt": "r", "timestamp": "t", "chargePoint": None, "type": "InvalidTLSVersion"}
    api.on("GET /security-events", page({**event, "origin": "centralSystem", "techInfo": "old"}))
    ended = run("security-events", "--type", "InvalidTLSVersion", "--origin", "centralSystem", "--limit", "5")
    assert ended.lines[1].split("\t") == ["r", "t", "", "InvalidTLSVersion", "centralSystem", "old"]
    assert api.asked[0].query == {"limit": "5", "type": "InvalidTLSVersion", "origin": "centralSystem"}
    assert "nobody" in mistaken(2, "security-events", "--origin", "nobody")


# --- certificates --------------------------------------------------------------------------------------------------

CERTIFICATE = {"id": 4, "state": "Accepted", "subject": "CN=CP1", "serialNumber": "0a", "fingerprint": "ff"}


def test_certificates_are_listed_and_revoked(api: FakeApi, run: Run) -> None:
    found = {"signingRequests": [{"requestId": 1, "csr": "PEM"}], "certificates": [CERTIFICATE]}
    api.on("GET /charge-points/CP1/certificates", Answer(body=found))
    _, row = run("charge-points", "certificates", "CP1").lines
    assert row.split("\t") == ["4", "Accepted", "CN=CP1", "0a", "", "", "ff"]
    assert json.loads(run("charge-points", "certificates", "CP1", "--json").out) == CERTIFICATE
    requests = run("charge-points", "certificates", "CP1", "--requests", "--json").out
    assert json.loads(requests) == {"requestId": 1, "csr": "PEM"}
    api.on(
        "POST /charge-points/CP1/certificates/4/revocation", Answer(body={**CERTIFICATE, "state": "Revoked"})
    )
    assert "Revoked" in run("charge-points", "revoke-certificate", "CP1", "4").out


# --- call ----------------------------------------------------------------------------------------------------------

MISSING = {"path": "/type", "message": "is missing"}
call_error = partial(problem, 502, "call-error", detail="no")
ANSWERED = Answer(
    body={"callId": 17, "messageId": "m", "status": "answered", "response": {"status": "Accepted"}}
)


def test_a_call_prints_the_answer(api: FakeApi, run: Run) -> None:
    api.on("POST /charge-points/CP1/calls/Reset", ANSWERED)
    ended = run("call", "CP1", "Reset", '{"type": "Soft"}')
    assert (ended.status, json.loads(ended.out), ended.err) == (0, {"status": "Accepted"}, "")
    assert (api.asked[0].body, api.asked[0].query) == ({"type": "Soft"}, {})
    assert json.loads(run("call", "CP1", "Reset", "type=Soft", "--json").out) == ANSWERED.body


@pytest.mark.parametrize(
    ("action", "arguments", "body"),
    [
        ("ClearCache", [], {}),
        ("ChangeConfiguration", ["key=a", "value=60"], {"key": "a", "value": "60"}),
        ("ChangeConfiguration", ["key=a", "value="], {"key": "a", "value": ""}),
        ("ChangeConfiguration", ["key=a", "value=b=c"], {"key": "a", "value": "b=c"}),
        ("UnlockConnector", ["connectorId=1"], {"connectorId": 1}),
        ("UnlockConnector", ["connectorId=one"], {"connectorId": "one"}),
        ("GetConfiguration", ['key=["a", "b"]'], {"key": ["a", "b"]}),
        ("Reset", ["tpye=Soft"], {"tpye": "Soft"}),
    ],
)
def test_a_request_may_be_given_by_its_fields(
    api: FakeApi, run: Run, action: str, arguments: list[str], body: object
) -> None:
    api.on(f"POST /charge-points/CP1/calls/{action}", ANSWERED)
    assert run("call", "CP1", action, *arguments).status == 0
    assert api.asked[0].body == body


def test_a_request_may_come_from_the_standard_input(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("POST /charge-points/CP1/calls/Reset", ANSWERED)
    given(monkeypatch, '{"type":\n"Hard"}\n')
    assert run("call", "CP1", "Reset", "-").status == 0
    assert api.asked[0].body == {"type": "Hard"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["CP1", "reset"], "no action 'reset' to send; did you mean Reset?"),
        (["CP1", "Heartbeat"], "no action 'Heartbeat' to send"),
        (["CP1", "Reset", "{"], "the request is not JSON: "),
        (["CP1", "Reset", "[]"], "the request is not a JSON object"),
        (["CP1", "Reset", "Soft"], "'Soft' is neither JSON in one piece nor NAME=VALUE"),
        (["CP1", "Reset", "{}", "{}"], "'{}' is neither JSON in one piece nor NAME=VALUE"),
        (["CP1", "Reset", "type=Soft", "type=Hard"], "type is given twice"),
        (["CP1", "Reset", "--ttl", "5"], "--ttl goes with --queue"),
        (["CP1", "Reset", "--queue", "--ttl", "0"], "'--ttl'"),
    ],
)
def test_a_call_that_cannot_be_meant_is_not_sent(
    api: FakeApi, mistaken: Mistaken, arguments: list[str], words: str
) -> None:
    assert words in mistaken(2, "call", *arguments)
    assert api.asked == []


def test_a_queued_call_tells_its_id(api: FakeApi, run: Run) -> None:
    waiting = {"callId": 17, "status": "waiting", "expiresAt": "2026-03-01T12:00:00.000Z"}
    api.on(
        "POST /charge-points/CP1/calls/Reset", Answer(202, waiting, headers={"Location": "/api/v1/calls/17"})
    )
    ended = run("call", "CP1", "Reset", "type=Soft", "--queue", "--ttl", "60")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == "ocpp-actors: waiting as call 17 until 2026-03-01T12:00:00.000Z\n"
    assert api.asked[0].query == {"wait": "queue", "ttl": "60"}
    assert json.loads(run("call", "CP1", "Reset", "--queue", "--json").out) == waiting


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (call_error(errorCode="NotSupported", errorDescription="d"), 1, "(NotSupported: d)"),
        (call_error(errorCode="GenericError", errorDescription=""), 1, "(GenericError: no description)"),
        (problem(504, "no-answer", detail="no answer within 30 s"), 1, "no answer within 30 s"),
        (problem(502, "connection-lost", detail="the connection ended"), 1, "the connection ended"),
        (problem(409, "not-connected", detail="CP1 is not connected"), 1, "use --queue"),
        (problem(409, "not-allowed", detail="the charge point is Rejected"), 1, "the charge point is Rejected"),
        (problem(429, "mailbox-full", detail="100 commands are waiting"), 1, "100 commands are waiting"),
        (problem(404, "unknown-charge-point", detail="there is no CP1"), 1, "there is no CP1"),
        (problem(422, "invalid-request", detail="no", errors=[MISSING]), 2, "/type: is missing"),
    ],
)  # fmt: skip
def test_a_call_without_a_proper_answer_says_why(
    api: FakeApi, run: Run, mistaken: Mistaken, answer: Answer, status: int, words: str
) -> None:
    api.on("POST /charge-points/CP1/calls/Reset", answer)
    assert words in mistaken(status, "call", "CP1", "Reset", "type=Soft")
    ended = run("call", "CP1", "Reset", "type=Soft", "--json")
    assert (ended.status, json.loads(ended.out)) == (status, answer.body)


def test_calls_are_listed_with_what_came_of_them(api: FakeApi, run: Run) -> None:
    api.on(
        "GET /calls",
        page(
            {"callId": 3, "status": "answered", "response": {"status": "Rejected"}},
            {"callId": 2, "status": "answered", "response": {"configurationKey": []}},
            {"callId": 1, "status": "callError", "errorCode": "NotSupported"},
        ),
    )
    _, *rows = run("calls", "--charge-point", "CP1", "--state", "answered").lines
    assert [row.split("\t")[6] for row in rows] == ["Rejected", '{"configurationKey": []}', "NotSupported"]
    assert api.asked[0].query == {"chargePoint": "CP1", "state": "answered", "limit": "1000"}
    api.on("GET /calls/3", Answer(body={"callId": 3, "request": {"type": "Soft"}}))
    assert "request.type" in run("calls", "show", "3").out


# --- transactions --------------------------------------------------------------------------------------------------


def test_transactions_are_filtered_shown_and_metered(api: FakeApi, run: Run) -> None:
    api.on("GET /transactions", page({"id": 42, "chargePoint": "CP1", "energyWh": 1234.5}))
    assert (
        run("transactions", "--active", "--charge-point", "CP1", "--id-tag", "T")
        .lines[1]
        .startswith("42\tCP1")
    )
    assert api.asked[0].query == {"chargePoint": "CP1", "idTag": "T", "active": "true", "limit": "1000"}
    api.on("GET /transactions/42", Answer(body={"id": 42}))
    assert run("transactions", "show", "42").lines == ["id  42"]
    api.on("GET /transactions/42/meter-values", page({"receivedAt": "now", "energyWh": 5.0, "powerW": None}))
    assert run("transactions", "meter-values", "42").lines[1] == "now\t\t5\t"


def test_csv_is_copied_as_it_is_but_shown_safely_on_a_terminal(
    api: FakeApi, run: Run, mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "id,idTag\r\n1,\x1b[31m\r\n"
    api.on("GET /transactions", Answer(200, text, "text/csv; charset=utf-8"))
    assert run("transactions", "--csv", "--stopped").out == text
    assert (api.asked[0].headers["Accept"], api.asked[0].query) == ("text/csv", {"active": "false"})
    assert "do not go" not in mistaken(2, "transactions", "--csv", "--json")
    assert on_terminal(monkeypatch, "transactions", "--csv") == "id,idTag\n1,\\x1b[31m\n"


def test_csv_of_a_transaction_that_is_not_there_is_told(api: FakeApi, mistaken: Mistaken) -> None:
    api.on("GET /transactions/9/meter-values", problem(404, "not-found", detail="there is no transaction 9"))
    assert mistaken(1, "transactions", "meter-values", "9", "--csv") == "there is no transaction 9"


# --- id tags -------------------------------------------------------------------------------------------------------

TAG = {
    "idTag": "T",
    "status": "Accepted",
    "expiryDate": None,
    "parentIdTag": "P",
    "maxActiveTransactions": 2,
    "version": 5,
}


def test_an_id_tag_is_added_only_where_there_is_none(api: FakeApi, run: Run, mistaken: Mistaken) -> None:
    api.on("PUT /id-tags/T", Answer(201, TAG), problem(412, "version-conflict", detail="it exists"))
    assert run("id-tags", "add", "T", "--parent", "P", "--max-active-transactions", "2").status == 0
    assert (api.asked[0].headers["If-None-Match"], api.asked[0].body) == (
        "*",
        {"parentIdTag": "P", "maxActiveTransactions": 2},
    )
    assert "change it with ocpp-actors id-tags set" in mistaken(1, "id-tags", "add", "T")


def test_setting_an_id_tag_keeps_the_rest_and_overwrites_nobody(api: FakeApi, run: Run) -> None:
    api.on("GET /id-tags/T", Answer(body=TAG, headers={"ETag": '"5"'}))
    api.on("PUT /id-tags/T", Answer(body=TAG))
    assert run("id-tags", "set", "T", "--status", "Blocked", "--max-active-transactions", "none").status == 0
    assert api.asked[1].body == {"status": "Blocked", "parentIdTag": "P"}
    assert api.asked[1].headers["If-Match"] == '"5"'


def test_who_was_overtaken_is_told_what_it_is_now(api: FakeApi, mistaken: Mistaken) -> None:
    now = TAG | {"status": "Expired", "version": 6}
    api.on(
        "GET /id-tags/T", Answer(body=TAG, headers={"ETag": '"5"'}), Answer(body=now, headers={"ETag": '"6"'})
    )
    api.on("PUT /id-tags/T", problem(412, "version-conflict", detail="other version"))
    line = mistaken(1, "id-tags", "set", "T", "--expires", "none")
    assert "somebody else changed T" in line
    assert "status Expired, parentIdTag P, maxActiveTransactions 2" in line


def test_who_changes_an_id_tag_that_is_unknown_is_told_how_to_add_it(
    api: FakeApi, mistaken: Mistaken
) -> None:
    api.on("GET /id-tags/NEW", problem(404, "not-found", detail="there is nothing"))
    line = mistaken(1, "id-tags", "set", "NEW", "--status", "Blocked")
    assert line == "there is no idTag NEW: add it with ocpp-actors id-tags add"


def test_an_id_tag_is_not_changed_by_mistake(api: FakeApi, mistaken: Mistaken) -> None:
    assert "Nothing to change" in mistaken(2, "id-tags", "set", "T")
    assert "whole number" in mistaken(2, "id-tags", "set", "T", "--max-active-transactions", "two")
    assert "'--status'" in mistaken(2, "id-tags", "add", "T", "--status", "accepted")
    assert api.asked == []


def test_id_tags_are_removed_and_searched(api: FakeApi, run: Run) -> None:
    api.on("DELETE /id-tags/T", Answer(204))
    assert run("id-tags", "remove", "T").status == 0
    api.on("GET /id-tags", page(TAG))
    assert run("id-tags", "--search", "t").lines[1] == "T\tAccepted\t\tP\t2"
    assert api.asked[1].query["search"] == "t"


def test_what_is_exported_can_be_imported(api: FakeApi, run: Run, tmp_path: Path) -> None:
    api.on("GET /id-tags", page(TAG, {"idTag": 'a"b,c', "status": "Blocked"}))
    file = tmp_path / "tags.csv"
    file.write_text(run("id-tags", "export").out)
    api.on("PUT /id-tags/T", Answer(body=TAG))
    api.on("PUT /id-tags/a%22b%2Cc", Answer(body=TAG))
    ended = run("id-tags", "import", str(file))
    assert (ended.status, ended.out, ended.err) == (0, "", "ocpp-actors: 2 stored, 0 refused\n")
    assert [asked.body for asked in api.asked if asked.method == "PUT"] == [
        {"status": "Accepted", "parentIdTag": "P", "maxActiveTransactions": 2},
        {"status": "Blocked"},
    ]


def test_an_import_tells_each_refused_line_and_carries_out_the_others(
    api: FakeApi, run: Run, tmp_path: Path
) -> None:
    api.on("PUT /id-tags/T", Answer(body=TAG))
    api.on("PUT /id-tags/long", problem(422, "invalid-request", detail="no idTag", errors=[]))
    file = tmp_path / "tags.csv"
    file.write_text("\ufeffidTag,maxActiveTransactions\nlong,\nT,many\n,1\nT,1,2\nT,1\n", "utf-8")
    ended = run("id-tags", "import", str(file))
    assert ended.status == 1
    *lines, last = ended.err.splitlines()
    assert [line.partition(": ")[2][:6] for line in lines] == ["line 2", "line 3", "line 4", "line 5"]
    assert last == "ocpp-actors: 1 stored, 4 refused"


@pytest.mark.parametrize(
    "text", ["id,status\nT,Accepted\n", "status\nAccepted\n", "", 'idTag\n"T\n', "idTag\n\xff"]
)
def test_a_file_that_is_no_list_of_id_tags_is_refused(
    api: FakeApi, mistaken: Mistaken, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "tags.csv"
    file.write_text(text, "latin-1")
    assert str(file) in mistaken(2, "id-tags", "import", str(file))
    assert api.asked == []


# --- reservations and charging profiles -----------------------------------------------------------------------------

RESERVATION = {"id": 3, "chargePoint": "CP1", "connectorId": 1, "idTag": "T", "status": "Accepted"}


def test_a_reservation_is_made_listed_and_cancelled(api: FakeApi, run: Run) -> None:
    route = "POST /charge-points/CP1/reservations"
    api.on(route, Answer(201, RESERVATION), Answer(201, RESERVATION | {"status": "Occupied"}))
    add = [
        "reservations",
        "add",
        "CP1",
        "--connector",
        "1",
        "--id-tag",
        "T",
        "--expires",
        "2026-03-01T18:00:00Z",
    ]
    assert run(*add).status == 0
    assert api.asked[0].body == {"connectorId": 1, "idTag": "T", "expiryDate": "2026-03-01T18:00:00Z"}
    ended = run(*add, "--parent-id-tag", "P", "--json")
    assert (ended.status, json.loads(ended.out)["status"]) == (1, "Occupied")
    assert api.asked[1].body["parentIdTag"] == "P"
    api.on("GET /reservations", page(RESERVATION))
    assert run("reservations", "--over").lines[1].startswith("3\tCP1\t1\tT")
    assert api.asked[2].query["active"] == "false"
    api.on("GET /reservations/3", Answer(body=RESERVATION))
    assert run("reservations", "show", "3").status == 0
    api.on("DELETE /reservations/3", Answer(body=RESERVATION | {"status": "Cancelled"}))
    assert "Cancelled" in run("reservations", "cancel", "3").out


def test_a_reservation_that_the_charge_point_does_not_give_up_is_told(
    api: FakeApi, mistaken: Mistaken
) -> None:
    api.on("DELETE /reservations/3", problem(409, "not-allowed", detail="the charge point rejected it"))
    assert mistaken(1, "reservations", "cancel", "3") == "the charge point rejected it"


PROFILE = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
NAMED = {"name": "night", "profile": PROFILE, "version": 1}


def test_a_profile_is_kept_shown_and_removed(
    api: FakeApi, run: Run, mistaken: Mistaken, tmp_path: Path
) -> None:
    file = tmp_path / "night.json"
    file.write_text(json.dumps(PROFILE))
    api.on("PUT /charging-profiles/night", Answer(201, NAMED))
    assert run("charging-profiles", "set", "night", str(file)).status == 0
    assert api.asked[0].body == PROFILE
    api.on("GET /charging-profiles/night", Answer(body=NAMED))
    assert json.loads(run("charging-profiles", "show", "night").out) == PROFILE
    assert json.loads(run("charging-profiles", "show", "night", "--json").out) == NAMED
    api.on("GET /charging-profiles", page(NAMED))
    assert run("charging-profiles").lines[1] == "night\t1\tTxDefaultProfile\t\t0\t1"
    api.on("DELETE /charging-profiles/night", Answer(204))
    assert run("charging-profiles", "remove", "night").status == 0
    file.write_text("[]")
    assert "is not a JSON object" in mistaken(2, "charging-profiles", "set", "night", str(file))


def test_a_profile_is_sent_by_name_or_from_a_file(
    api: FakeApi, run: Run, mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("POST /charge-points/CP1/charging-profiles", ANSWERED)
    send = ["charging-profiles", "send", "CP1", "--connector", "0"]
    assert json.loads(run(*send, "night").out) == {"status": "Accepted"}
    given(monkeypatch, json.dumps(PROFILE))
    assert run(*send, "--file", "-", "--transaction", "42").status == 0
    assert [asked.body for asked in api.asked] == [
        {"connectorId": 0, "name": "night"},
        {"connectorId": 0, "profile": PROFILE, "transactionId": 42},
    ]
    assert "Give the NAME" in mistaken(2, *send)
    assert "Give the NAME" in mistaken(2, *send, "night", "--file", "-")
