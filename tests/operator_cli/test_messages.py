"""Messages, recorded and live."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ocpp_actors.operator_cli.event_stream import LONGEST_LINE, LONGEST_PAUSE, ServerSentEvent, parse
from ocpp_actors.operator_cli.failures import Unreachable
from ocpp_actors.operator_cli.messages import Wanted
from tests.operator_cli.conftest import Run
from tests.operator_cli.fake_api import Answer, FakeApi, page, problem

Mistaken = Callable[..., str]


def message(
    number: int, frame: str | None = None, direction: str = "in", identity: str = "CP1"
) -> dict[str, Any]:
    text = f'[2,"{number}","Heartbeat",{{}}]' if frame is None else frame
    at = f"2026-03-01T12:00:{number:02}.000Z"
    return {"at": at, "chargePoint": identity, "direction": direction, "frame": text}


def stream(*events: tuple[str, Any, str]) -> Answer:
    text = "".join(f"id: {id_}\nevent: {type_}\ndata: {json.dumps(data)}\n\n" for type_, data, id_ in events)
    return Answer(200, f": hello\n\n{text}", "text/event-stream")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two attempts; none is waited for, and after the last there is a Ctrl-C."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr("ocpp_actors.operator_cli.messages.sleep", sleep)
    return waited


# --- recorded ------------------------------------------------------------------------------------------------------


def test_the_newest_are_printed_newest_last(api: FakeApi, run: Run) -> None:
    api.on("GET /messages", page(message(2, direction="out"), message(1)))
    assert run("messages").lines == [
        '2026-03-01T12:00:01.000Z  CP1  in   [2,"1","Heartbeat",{}]',
        '2026-03-01T12:00:02.000Z  CP1  out  [2,"2","Heartbeat",{}]',
    ]
    assert api.asked[0].query == {"order": "newest", "limit": "100"}


def test_from_a_moment_on_all_are_printed_and_the_filters_are_the_servers(api: FakeApi, run: Run) -> None:
    api.on("GET /messages", page(message(1), cursor="c"), page(message(2)))
    filters = ["--charge-point", "CP1", "--direction", "in", "--action", "Heartbeat", "--search", "x"]
    ended = run("messages", "--since", "2026-03-01T12:00:00Z", "--json", *filters)
    assert [json.loads(line) for line in ended.lines] == [message(1), message(2)]
    assert api.asked[0].query == {
        "order": "oldest",
        "limit": "1000",
        "since": "2026-03-01T12:00:00Z",
        "chargePoint": "CP1",
        "direction": "in",
        "action": "Heartbeat",
        "search": "x",
    }


def test_a_frame_cannot_drive_a_terminal_and_its_verdict_is_shown(api: FakeApi, run: Run) -> None:
    api.on("GET /messages", page(message(1, "\x1b[2J\n") | {"verdict": "FormationViolation"}))
    assert run("messages").lines[0].endswith(r"in   \x1b[2J\n  ! FormationViolation")


# --- live ----------------------------------------------------------------------------------------------------------


def test_messages_are_followed_across_interruptions_until_ctrl_c(
    api: FakeApi, run: Run, pauses: list[float]
) -> None:
    api.on(
        "GET /events",
        stream(("message", message(1), "e-1")),
        problem(503, "ledger-unavailable", title="down"),
        stream(("message", message(2), "e-2")),
        Answer(200, "", "text/event-stream"),
    )
    ended = run("messages", "--follow", "--charge-point", "CP1", "--json")
    assert ended.status == 0
    assert [json.loads(line) for line in ended.lines] == [message(1), message(2)]
    assert [asked.headers.get("Last-Event-ID") for asked in api.asked[:5]] == [
        None,
        "e-1",
        "e-1",
        "e-2",
        "e-2",
    ]
    assert api.asked[0].query == {"types": "message", "chargePoint": "CP1"}
    assert pauses == [1, 2, 1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE]
    assert ended.err.splitlines()[0] == (
        "ocpp-actors: the server ended the stream of events; trying again in 1 s"
    )
    assert len(ended.err.splitlines()) == len(pauses)


def test_a_gap_is_told(api: FakeApi, run: Run, pauses: list[float]) -> None:
    api.on("GET /events", stream(("gap", {"reason": "restarted"}, "x-1"), ("message", message(1), "x-2")))
    ended = run("messages", "--follow")
    assert "messages are missing here: restarted" in ended.err
    assert ended.lines[0].endswith('[2,"1","Heartbeat",{}]')


def test_the_first_stream_must_open(api: FakeApi, mistaken: Mistaken, pauses: list[float]) -> None:
    api.on("GET /events", problem(503, "ledger-unavailable", title="down"))
    assert mistaken(1, "messages", "--follow").startswith("down")
    assert pauses == []


def test_a_server_that_refuses_later_is_not_tried_for_ever(
    api: FakeApi, run: Run, pauses: list[float]
) -> None:
    api.on("GET /events", stream(), problem(401, "unauthorized"))
    ended = run("messages", "--follow")
    assert ended.status == 2
    assert "OCPP_ACTORS_API_TOKEN" in ended.err
    assert pauses == [1]


def test_recorded_ones_come_first_and_none_twice(api: FakeApi, run: Run, pauses: list[float]) -> None:
    api.on("GET /messages", page(message(2), message(1)))
    api.on("GET /events", stream(("message", message(2), "e-1"), ("message", message(3), "e-2")), stream())
    ended = run("messages", "--follow", "--limit", "2", "--json")
    assert [json.loads(line)["at"][17:19] for line in ended.lines] == ["01", "02", "03"]
    assert [asked.path for asked in api.asked[:2]] == ["/api/v1/events", "/api/v1/messages"]


def test_what_is_no_event_stream_is_told(api: FakeApi, mistaken: Mistaken) -> None:
    api.on("GET /events", Answer(200, "{}"))
    assert "is not the API of ocpp-actors" in mistaken(2, "messages", "--follow")


# --- filters of live messages --------------------------------------------------------------------------------------

CALL = '[2,"7","Authorize",{"idTag":"TAG"}]'
RESULT = '[3,"7",{"idTagInfo":{"status":"Accepted"}}]'


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(None, None, None), [0, 1, 2, 3, 4]),
        (Wanted("out", None, None), [1]),
        (Wanted(None, "Authorize", None), [0, 1]),
        (Wanted(None, "Heartbeat", None), []),
        (Wanted(None, None, "tag"), [0, 1]),
        (Wanted("in", "Authorize", "accepted"), []),
    ],
)
def test_live_messages_are_filtered(wanted: Wanted, shown: Sequence[int]) -> None:
    live = [
        message(0, CALL),
        message(1, RESULT, "out"),
        message(2, '[3,"7",{}]', "in"),
        message(3, "no JSON"),
        message(4, "5"),
    ]
    assert [number for number, each in enumerate(live) if wanted(each)] == list(shown)


def test_the_answer_belongs_to_the_call_of_the_same_charge_point() -> None:
    wanted = Wanted(None, "Authorize", None)
    assert wanted(message(0, CALL, identity="CP1"))
    assert not wanted(message(1, RESULT, "out", identity="CP2"))
    assert wanted(message(1, RESULT, "out", identity="CP1"))


# --- the stream ----------------------------------------------------------------------------------------------------


def test_events_are_read_from_any_cut_of_the_stream() -> None:
    first = ": keep\n\nid: 1\r\nevent: a\r\ndata: ü\u2028\ndata: two\n\n"
    text = f"{first}data\n\nevent: none\n\nid:3\ndata:  x\n\ndata: cut".encode()
    events = [
        ServerSentEvent("a", "ü\u2028\ntwo", "1"),
        ServerSentEvent("message", "", ""),
        ServerSentEvent("message", " x", "3"),
    ]
    assert list(parse([text])) == events
    assert list(parse(bytes([byte]) for byte in text)) == events


def test_a_line_without_an_end_is_given_up() -> None:
    with pytest.raises(Unreachable, match="without an end"):
        list(parse([b"x" * LONGEST_LINE, b"x"]))
