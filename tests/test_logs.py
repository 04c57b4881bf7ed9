import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors import logs
from ocpp_actors.call_in_hand import MAX_LOGGED, Hand, call_in_hand
from ocpp_actors.protocol.frames import Call


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def console() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("console", "info", stream)
    return stream


@pytest.fixture
def machine() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_what_is_bound_to_the_task(machine: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(identity="CP1", action="Heartbeat", message_id="19"):
        structlog.get_logger().info("answered", seconds=0.5)
    structlog.get_logger().info("apart")
    inside, outside = records(machine)
    assert inside.pop("timestamp").endswith("Z")
    assert inside == {
        "event": "answered",
        "level": "info",
        "identity": "CP1",
        "action": "Heartbeat",
        "message_id": "19",
        "seconds": 0.5,
    }
    assert "identity" not in outside


@pytest.fixture
def in_hand() -> Iterator[None]:
    token = call_in_hand.set(Hand(Call("19", "Heartbeat", {})))
    yield
    call_in_hand.reset(token)


@pytest.mark.usefixtures("in_hand")
def test_a_line_names_the_call_in_hand_of_ours_and_of_libraries(machine: io.StringIO) -> None:
    structlog.get_logger().info("answered")
    logging.getLogger("theirs").info("wrote")
    for record in records(machine):
        assert (record["action"], record["message_id"]) == ("Heartbeat", "19")


def test_a_line_without_a_call_in_hand_names_none(machine: io.StringIO) -> None:
    structlog.get_logger().info("idle")
    assert not {"action", "message_id"} & set(records(machine)[0])


@pytest.mark.usefixtures("in_hand")
def test_what_a_line_says_itself_counts_more_than_the_call_in_hand(machine: io.StringIO) -> None:
    structlog.get_logger().info("sent", action="Reset", message_id="s1")
    (record,) = records(machine)
    assert (record["action"], record["message_id"]) == ("Reset", "s1")


def test_names_that_charge_points_make_up_are_logged_in_short(machine: io.StringIO) -> None:
    token = call_in_hand.set(Hand(Call("i" * MAX_LOGGED, "a" * (MAX_LOGGED + 1), {})))
    structlog.get_logger().info("refused")
    call_in_hand.reset(token)
    (record,) = records(machine)
    assert record["action"] == "a" * (MAX_LOGGED - 1) + "…"
    assert record["message_id"] == "i" * MAX_LOGGED


def test_the_console_shows_the_same_on_one_line(console: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(identity="CP1"):
        structlog.get_logger().warning("odd", quirk="late")
    (line,) = console.getvalue().splitlines()
    assert "[warning  ] odd" in line
    assert "identity='CP1'" in line
    assert "quirk='late'" in line


def both_renderings(
    log_format: Any, theirs: structlog.typing.Processor, said: dict[str, Any]
) -> tuple[object, object]:
    """Return what the configured log makes of a line, and what ``theirs`` makes of it in the last step."""
    logs.configure(log_format, "info", io.StringIO())
    *before, ours = structlog.get_config()["processors"]
    for processor in before:
        said = dict(processor(None, "info", said))
    return ours(None, "info", dict(said)), theirs(None, "info", dict(said))


NAMES = st.one_of(
    st.sampled_from(
        ["event", "logger", "logger_name", "stack", "exception", "exc_info", "password", "a", "Z"]
    ),
    st.text(),
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.builds(ValueError)
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner), st.sets(st.integers())),
    max_leaves=5,
)
SAID = st.dictionaries(NAMES, st.one_of(st.text("a \n\x1b", max_size=40), VALUES))


@given(said=SAID)
def test_a_console_line_without_colours_is_what_structlog_would_write(said: dict[str, Any]) -> None:
    ours, theirs = both_renderings(
        "console", structlog.dev.ConsoleRenderer(colors=False, repr_native_str=True), said
    )
    assert ours == theirs


@given(said=SAID)
def test_a_line_of_json_is_what_structlog_would_write(said: dict[str, Any]) -> None:
    ours, theirs = both_renderings("json", structlog.processors.JSONRenderer(json.dumps, default=repr), said)
    assert ours == theirs


def test_colours_are_for_terminals() -> None:
    for stream, coloured in ((Terminal(), True), (io.StringIO(), False)):
        logs.configure("console", "info", stream)
        structlog.get_logger().info("hello", n=1)
        assert ("\x1b[" in stream.getvalue()) is coloured


def test_lines_below_the_level_are_dropped() -> None:
    stream = io.StringIO()
    logs.configure("json", "warning", stream)
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").info("theirs")
    structlog.get_logger().warning("ours")
    logging.getLogger("theirs").warning("theirs")
    assert [(each["event"], each["level"]) for each in records(stream)] == [
        ("ours", "warning"),
        ("theirs", "warning"),
    ]


def test_a_second_configuration_replaces_the_first_also_for_loggers_in_use(machine: io.StringIO) -> None:
    log = structlog.get_logger()
    log.info("first")
    second = io.StringIO()
    logs.configure("json", "info", second)
    log.info("second")
    logging.getLogger("theirs").info("third")
    assert [each["event"] for each in records(machine)] == ["first"]
    assert [each["event"] for each in records(second)] == ["second", "third"]


def test_libraries_log_the_same_way(machine: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(identity="CP1"):
        logging.getLogger("trio-websocket").warning("peer %s", "gone")
    (record,) = records(machine)
    assert (record["event"], record["logger"], record["identity"]) == ("peer gone", "trio-websocket", "CP1")


def test_libraries_with_secrets_in_their_lines_are_heard_only_when_they_warn() -> None:
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    for name in logs.SILENT:
        logging.getLogger(name).info("POST https://receiver.test/?token=hunter2")
        logging.getLogger(name).warning("odd")
    assert [record["event"] for record in records(stream)] == ["odd"] * len(logs.SILENT)


def test_chatty_libraries_are_heard_only_when_debugging() -> None:
    for level, heard in (("info", []), ("debug", ["step", "detail"])):
        stream = io.StringIO()
        logs.configure("json", level, stream)
        logging.getLogger("alembic").info("step")
        logging.getLogger("pykka").debug("detail")
        assert [each["event"] for each in records(stream)] == heard


def test_warnings_are_logged(machine: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logs.configure("json", "info", machine)
        warnings.warn("careful", stacklevel=1)
    assert "UserWarning: careful" in records(machine)[0]["event"]


HOSTILE = "x\r\n2026-01-01T00:00:00Z [info] forged \x1b[31m\x9b2J \u2028 \u202e \ud800"


def assert_harmless(text: str) -> None:
    for line in text.removesuffix("\n").split("\n"):
        assert line.isprintable(), line
        assert line.startswith(("20", "  | ")), line
    assert text.count("\n") == len(text.splitlines())


@pytest.mark.parametrize(
    "value",
    [HOSTILE, [HOSTILE], {HOSTILE: HOSTILE}, ValueError(HOSTILE), HOSTILE.encode("utf-8", "surrogatepass")],
    ids=["text", "list", "dict", "exception", "bytes"],
)
def test_no_value_forges_a_line_or_drives_the_terminal(console: io.StringIO, value: object) -> None:
    structlog.get_logger().info("frame", payload=value)
    assert_harmless(console.getvalue())
    assert console.getvalue().count("\n") == 1


class Hostile:
    def __repr__(self) -> str:
        return HOSTILE


def test_no_event_name_object_or_library_forges_a_line(console: io.StringIO) -> None:
    structlog.get_logger().info(HOSTILE, **{HOSTILE: Hostile()})
    logging.getLogger("theirs").warning("got %s", HOSTILE)
    assert_harmless(console.getvalue())
    assert console.getvalue().count("\n") == 2


def test_a_traceback_keeps_its_lines_behind_a_bar_and_forges_none(console: io.StringIO) -> None:
    try:
        raise ExceptionGroup(HOSTILE, [ValueError(HOSTILE)])
    except* ValueError:
        structlog.get_logger().exception("failed")
    logging.getLogger("theirs").error("failed", exc_info=ValueError(HOSTILE))
    assert_harmless(console.getvalue())
    first, *rest = console.getvalue().splitlines()
    assert "[error    ] failed" in first
    assert "  |   + Exception Group Traceback (most recent call last):" in rest


def test_a_hostile_line_is_one_json_object(machine: io.StringIO) -> None:
    structlog.get_logger().info(HOSTILE, payload=HOSTILE)
    assert machine.getvalue().count("\n") == 1
    assert records(machine)[0]["payload"] == HOSTILE


@pytest.mark.parametrize("as_what", ["true", "instance", "tuple"])
def test_an_exception_is_text_without_the_values_of_variables(machine: io.StringIO, as_what: str) -> None:
    try:
        hidden = "hunter" + "2"
        raise ValueError(len(hidden))
    except ValueError as error:
        exc_info: object = {"true": True, "instance": error, "tuple": (ValueError, error, None)}[as_what]
        structlog.get_logger().error("failed", exc_info=exc_info)
    (record,) = records(machine)
    assert record["exception"].endswith("ValueError: 7")
    assert "hunter2" not in machine.getvalue()


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_what_is_named_like_a_secret_is_not_written(log_format: Any) -> None:
    stream = io.StringIO()
    logs.configure(log_format, "info", stream)
    structlog.get_logger().info(
        "told",
        password="hunter2",
        headers={"Authorization": "Basic hunter2"},
        several=[{"token": "hunter2"}],
        url="postgresql://me:hunter2@localhost/ocpp",
    )
    logging.getLogger("sqlalchemy").error("cannot connect to postgresql://me:hunter2@localhost/ocpp")
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("postgresql://me:***@localhost/ocpp") == 2
