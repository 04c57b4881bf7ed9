"""The log: one line an event, on a console or as JSON, ours and the libraries' alike.

Much of what is logged was sent by strangers. No control character of theirs reaches a console, so that a message
can neither forge a line nor drive a terminal; nothing that is named like a secret is written.
"""

import json
import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ocpp_actors.call_in_hand import add_call_in_hand

SECRETS: Final = frozenset({"authorization", "authorization_key", "password", "secret", "token"})
"""Names of values that are never written."""

CHATTY: Final = ("alembic", "pykka")
"""Libraries whose lines below a warning are of interest only to who debugs."""

SILENT: Final = ("httpcore", "httpcore2", "httpx2", "sqlalchemy", "trio-websocket")
"""Libraries whose lines below a warning have frames, parameters, URLs and headers with secrets in them."""

_PASSWORD: Final = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*@")


def configure(log_format: Literal["console", "json"], level: str, stream: TextIO) -> None:
    """Send every line of ``level`` and above to ``stream``; a second call replaces the first.

    What ``structlog.contextvars`` holds in a task is on each of its lines, as identity, and so are action and
    message_id of the CALL in hand.
    Lines of the standard library's logging, and warnings, go the same way.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        add_call_in_hand,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _format_exception,
        _mask_secrets,
    ]
    coloured = structlog.dev.ConsoleRenderer(colors=True, repr_native_str=True)
    last: list[Processor] = (
        [_json] if log_format == "json" else [_escape, coloured if stream.isatty() else _plain]
    )
    logger = structlog.WriteLogger(stream)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_name: logger,
        cache_logger_on_first_use=False,  # modules got their loggers before this call
    )
    _route_standard_logging(shared, last, threshold, stream)


def _route_standard_logging(
    shared: list[Processor], last: list[Processor], threshold: int, stream: TextIO
) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in CHATTY:
        logging.getLogger(name).setLevel(threshold if threshold <= logging.DEBUG else logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _format_exception(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Write a traceback as text: never with the values of variables, which may be secrets."""
    exc_info = event_dict.pop("exc_info", None)
    if exc_info is True:
        text = traceback.format_exc()
    elif isinstance(exc_info, BaseException):
        text = "".join(traceback.format_exception(exc_info))
    elif isinstance(exc_info, tuple):
        text = "".join(traceback.format_exception(*exc_info))
    else:
        return event_dict
    event_dict["exception"] = text.rstrip("\n")
    return event_dict


def _mask_secrets(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    for name, value in event_dict.items():
        masked = _masked(name, value)
        if masked is not value:
            event_dict[name] = masked
    return event_dict


def _masked(name: object, value: object) -> object:
    if isinstance(name, str) and name.lower() in SECRETS:
        return "***"
    if isinstance(value, str):
        return _PASSWORD.sub(r"\1:***@", value) if "://" in value else value
    if isinstance(value, Mapping):
        return {inner: _masked(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, each) for each in value]
    return value


class _Shown(str):
    """What a value looks like on the console."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _escape(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Leave no character that is not printable; a traceback keeps its lines, each behind a bar."""
    escaped: dict[str, Any] = {}
    for name, value in event_dict.items():
        if name in ("exception", "stack"):
            escaped[name] = "\n".join(f"  | {printable(line)}" for line in str(value).split("\n"))
        elif name in ("event", "level", "logger", "timestamp"):
            escaped[name] = printable(str(value).rstrip())
        else:
            escaped[printable(name)] = _Shown(printable(repr(value)))
    return escaped


_COLUMNS: Final = (
    ("", "={}".format),
    ("timestamp", "{}".format),
    ("level", "[{:9}]".format),
    ("event", "{:30}".format),
    ("logger", "[{}]".format),
    ("logger_name", "[{}]".format),
)
_RULE: Final = f"\n\n{'=' * 79}\n\n"


def _plain(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    """Write the line that structlog's ConsoleRenderer writes without colours, and cheaper."""
    below = [event_dict.pop(name) for name in ("stack", "exception") if name in event_dict]
    line = [show(event_dict.pop(name)) for name, show in _COLUMNS if name in event_dict]
    line += [f"{name}={event_dict[name]}" for name in sorted(event_dict)]
    text = " ".join(line).rstrip(" ")
    return f"{text}\n{_RULE.join(below)}" if below else text


_encode: Final = json.JSONEncoder(default=repr).encode


def _json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    return _encode(event_dict)


def printable(text: str) -> str:
    """Write every character that cannot be printed as its Python escape."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
