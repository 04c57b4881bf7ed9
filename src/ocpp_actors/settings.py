"""The settings of the server: their names, defaults, limits and words, and how they are read.

A setting has one name in three places: ``OCPP_ACTORS_HEARTBEAT_INTERVAL`` in the environment,
``heartbeat_interval`` in a TOML file and ``--heartbeat-interval`` on the command line. The command line goes
before the environment, the environment before the file, the file before the defaults.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from attrs import Attribute, Factory, field, fields, frozen

PREFIX: Final = "OCPP_ACTORS_"
"""What the name of an environment variable begins with."""

MESSAGE_LOG: Final = "ocpp-actors-messages.db"
"""The file of the message log, where none is given."""

DAY: Final = 86_400
GIB: Final = 1 << 30


class SettingsError(Exception):
    """A setting that cannot be used. The message is one line: which setting, from where, and what to do."""


@frozen
class Kind:
    """What values a setting can take: ``allowed`` in words, ``read`` from text or a TOML value.

    ``read`` raises ValueError where the value is not allowed.
    """

    allowed: str
    read: Callable[[object], Any]


def _whole(minimum: int, maximum: int) -> Kind:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return Kind(f"a whole number from {minimum} to {maximum}", read)


def _number(minimum: float, maximum: float) -> Kind:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not minimum <= number <= maximum:  # nan is not
            raise ValueError
        return number

    return Kind(f"a number from {minimum:.10g} to {maximum:.10g}", read)


def _choice(*values: str) -> Kind:
    def read(value: object) -> str:
        if value not in values:
            raise ValueError
        return str(value)

    return Kind(f"{', '.join(values[:-1])} or {values[-1]}", read)


def _text(allowed: str, pattern: str) -> Kind:
    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return Kind(allowed, read)


def _or_empty(kind: Kind) -> Kind:
    return Kind(f"{kind.allowed}, or empty", lambda value: None if value in ("", None) else kind.read(value))


def _url_path() -> Kind:
    kind = _text(
        "a URL path that begins with a slash, without spaces, '?', '#' and '%'", r"/[!$&-;=@A-Z_a-z~\[\]]*"
    )
    return Kind(kind.allowed, lambda value: kind.read(value or "/").rstrip("/"))


def setting(
    default: object,
    kind: Kind,
    group: str,
    text: str,
    unit: str = "",
    default_text: str | None = None,
    secret: bool = False,
) -> Any:
    """Declare a setting: the documentation and the help of the command line are made from what is said here.

    A ``secret`` is never shown, and can be read from the file that ``NAME_FILE`` names.
    """
    return field(
        default=default,
        repr=_safe_repr if secret or kind is _STORE else repr,
        metadata={
            "kind": kind,
            "group": group,
            "text": text,
            "unit": unit,
            "default_text": default_text,
            "secret": secret,
        },
    )


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)


def _safe_repr(url: object) -> str:
    return repr(without_password(str(url)))


def is_loopback(host: str) -> bool:
    """Tell whether a listener on ``host`` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _open_on_loopback(settings: "Settings") -> str:
    return "open" if is_loopback(settings.host) else ""


def _three_heartbeats(settings: "Settings") -> float:
    return 3.0 * settings.heartbeat_interval


def _beside_the_ledger(settings: "Settings") -> str:
    ledger = _sqlite_file(settings.database)
    return str(ledger.with_name(MESSAGE_LOG)) if ledger else MESSAGE_LOG


def _sqlite_file(database: str) -> Path | None:
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", database)
    return None if match is None or match[1] == ":memory:" else Path(match[1])


_SECONDS: Final = "seconds"
_STORE: Final = _text("a file, a database URL, a directory or off", r"[^\x00-\x1f\x7f]+")

LISTENER: Final = "Listener"
CENTRAL_SYSTEM: Final = "Central system"
STORAGE: Final = "Storage"
TIMES: Final = "Times"
LIMITS: Final = "Limits"
LOGS: Final = "Logs"


_NOT_GUESSED: Final = {
    "admission": "ADMISSION=open lets in whoever comes, known only the charge points that the ledger knows",
    "authorization": "AUTHORIZATION=open lets every card charge, known only those that the ledger knows",
}
"""What has to be chosen where others can reach the server."""


@frozen(kw_only=True)
class Settings:
    """Every setting of the server. Durations are in seconds, sizes in bytes, rates per second.

    Raises SettingsError: a value is not allowed, or ``admission`` or ``authorization`` is missing although the
    server would listen beyond this machine.
    """

    host: str = setting(
        "127.0.0.1",
        _text("an address or a host name", r"[0-9A-Za-z.:_%-]+"),
        LISTENER,
        "Address of the plain OCPP listener. `0.0.0.0` or `::` listens on every interface; `ADMISSION` and "
        "`AUTHORIZATION` must then be given.",
    )
    port: int | None = setting(
        9000,
        _or_empty(_whole(0, 65_535)),
        LISTENER,
        "Port of the plain OCPP listener. 0 picks a free one and prints it; empty: no plain listener.",
    )
    path: str = setting(
        "/ocpp",
        _url_path(),
        LISTENER,
        "Prefix of the URL: a charge point connects to `PATH/IDENTITY`. `/` is the root.",
    )

    admission: Literal["open", "known"] = setting(
        Factory(_open_on_loopback, takes_self=True),
        _choice("open", "known"),
        CENTRAL_SYSTEM,
        "`open`: charge points never seen before are admitted and recorded. `known`: they get a 404.",
        default_text="`open` on loopback; must be given otherwise",
    )
    first_boot: Literal["Accepted", "Pending", "Rejected"] = setting(
        "Accepted",
        _choice("Accepted", "Pending", "Rejected"),
        CENTRAL_SYSTEM,
        "Registration that a charge point never seen before gets at its first BootNotification.",
    )
    authorization: Literal["open", "known"] = setting(
        Factory(_open_on_loopback, takes_self=True),
        _choice("open", "known"),
        CENTRAL_SYSTEM,
        "What an idTag that the ledger does not know is answered. `open`: Accepted. `known`: Invalid.",
        default_text="`open` on loopback; must be given otherwise",
    )
    heartbeat_interval: int = setting(
        300,
        _whole(1, 7 * DAY),
        CENTRAL_SYSTEM,
        "Interval of heartbeats that BootNotification.conf asks for; OCPP has whole seconds there.",
        _SECONDS,
    )

    database: str = setting(
        "sqlite:///ocpp-actors.db",
        _text(
            "a database URL such as sqlite:///ocpp-actors.db or postgresql://user:password@host/name",
            r"(sqlite|postgres|postgresql)(\+\w+)?://[^\x00-\x20\x7f]*",
        ),
        STORAGE,
        "SQLAlchemy URL of the ledger: SQLite (a relative path counts from the working directory) or PostgreSQL.",
        secret=True,
    )
    ledger_patience: float = setting(
        10.0,
        _number(0, 3600),
        STORAGE,
        "How long a transaction message waits for a ledger that fails, before its connection is closed unanswered.",
        _SECONDS,
    )
    message_log: str = setting(
        Factory(_beside_the_ledger, takes_self=True),
        _STORE,
        STORAGE,
        "Where every frame in and out is recorded: a file (SQLite), a database URL, a directory for JSON lines (one "
        "that exists, or is written with a slash at its end), or `off`. It must not be the ledger's own.",
        default_text=f"`{MESSAGE_LOG}` beside the ledger",
    )
    message_log_days: float = setting(
        7.0, _number(0.01, 36_500), STORAGE, "Age at which recorded frames are removed.", "days"
    )
    message_log_size: int = setting(
        GIB,
        _whole(1 << 20, 1 << 50),
        STORAGE,
        "Size above which the oldest recorded frames are removed, roughly.",
        "bytes",
    )

    ping_interval: float = setting(
        30.0,
        _number(0, DAY),
        TIMES,
        "Time from one ping to the next; 0 switches pings off.",
        _SECONDS,
    )
    ping_timeout: float = setting(
        30.0,
        _number(0, DAY),
        TIMES,
        "Time for the pong, or any other sign of life. It counts only for a connection that has answered a ping "
        "before. 0: pongs are not waited for.",
        _SECONDS,
    )
    silence_limit: float = setting(
        Factory(_three_heartbeats, takes_self=True),
        _number(0, 30 * DAY),
        TIMES,
        "Time without any traffic after which a connection is given up; 0: never.",
        _SECONDS,
        default_text="3 × `HEARTBEAT_INTERVAL`",
    )
    call_timeout: float = setting(
        30.0, _number(0.1, DAY), TIMES, "Time for a charge point's answer to a CALL of the server.", _SECONDS
    )
    send_timeout: float = setting(
        10.0,
        _number(0.1, 3600),
        TIMES,
        "Time to write one frame; a connection that takes longer is aborted.",
        _SECONDS,
    )
    boot_grace: float = setting(
        10.0,
        _number(0, 3600),
        TIMES,
        "How long the server's CALLs wait on a new connection for a BootNotification that may not come.",
        _SECONDS,
    )
    handshake_timeout: float = setting(
        10.0, _number(0.1, 3600), TIMES, "Time for the WebSocket handshake.", _SECONDS
    )
    shutdown_timeout: float = setting(
        10.0,
        _number(0, 3600),
        TIMES,
        "Time to answer what is in hand, close the connections and flush the ledger after SIGINT or SIGTERM.",
        _SECONDS,
    )

    restart_limit: int = setting(
        5,
        _whole(0, 1000),
        LIMITS,
        "Restarts of one charge point's task tree within `RESTART_WINDOW`; after them its connection is closed.",
    )
    restart_window: float = setting(
        60.0, _number(0.1, DAY), LIMITS, "Time within which `RESTART_LIMIT` restarts are allowed.", _SECONDS
    )
    mailbox_size: int = setting(
        100, _whole(1, 100_000), LIMITS, "Commands that may wait for one charge point; more are refused."
    )
    max_message_size: int = setting(
        1 << 20,
        _whole(1024, GIB),
        LIMITS,
        "Longest message that a charge point may send; above it the connection is closed with 1009.",
        "bytes",
    )
    max_connections: int = setting(
        20_000, _whole(1, 1_000_000), LIMITS, "Open connections; more are refused with a 503."
    )
    max_handshakes: int = setting(
        500, _whole(1, 100_000), LIMITS, "Handshakes in progress at the same time; more have to wait."
    )
    max_connection_rate: float = setting(
        2000.0, _number(0.1, 1_000_000), LIMITS, "Connections accepted; more have to wait.", "per second"
    )
    max_message_rate: float = setting(
        200.0,
        _number(0, 1_000_000),
        LIMITS,
        "Messages of one charge point that are read, on average; above it the server reads more slowly. 0: no limit.",
        "per second",
    )
    max_message_burst: int = setting(
        1000, _whole(1, 1_000_000), LIMITS, "Messages that may exceed `MAX_MESSAGE_RATE` in one go."
    )

    log_format: Literal["console", "json"] = setting(
        "console",
        _choice("console", "json"),
        LOGS,
        "`console` for people, `json` (a line each) for machines.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", _choice("debug", "info", "warning", "error"), LOGS, "The least severe line that is logged."
    )

    def __attrs_post_init__(self) -> None:
        missing = [name for name in _NOT_GUESSED if not getattr(self, name)]
        if missing:
            names = " and ".join(name.upper() for name in missing)
            meanings = "; ".join(_NOT_GUESSED[name] for name in missing)
            raise SettingsError(
                f"{names} must be set because HOST is {self.host}, which others can reach: {meanings}"
            )
        for each in SETTINGS:
            try:
                value = each.kind.read(getattr(self, each.name))
            except ValueError:
                raise _not_allowed(each, each.variable, getattr(self, each.name)) from None
            object.__setattr__(self, each.name, value)
        ledger = _sqlite_file(self.database)
        if ledger and ledger in (Path(self.message_log), _sqlite_file(self.message_log)):
            raise SettingsError(
                f"MESSAGE_LOG and DATABASE are both {ledger}: give the message log its own file"
            )


@frozen
class Setting:
    """One setting as its readers see it: the documentation, the command line, the loader."""

    name: str
    kind: Kind
    group: str
    text: str
    unit: str
    default: str
    secret: bool

    @property
    def variable(self) -> str:
        """The name in the environment, without the prefix: ``HEARTBEAT_INTERVAL``."""
        return self.name.upper()

    @property
    def option(self) -> str:
        """The option of the command line: ``--heartbeat-interval``."""
        return "--" + self.name.replace("_", "-")


def _describe(attribute: "Attribute[Any]") -> Setting:
    told = dict(attribute.metadata)
    value = attribute.default
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    default = told.pop("default_text") or f"`{shown}`"
    return Setting(attribute.name, default=default, **told)


SETTINGS: Final = tuple(_describe(attribute) for attribute in fields(Settings))
"""All settings, in the order in which they are documented."""

_BY_NAME: Final = {each.name: each for each in SETTINGS}
_KNOWN: Final = {*_BY_NAME, *(f"{each.name}_file" for each in SETTINGS if each.secret)}

Named = Callable[[str], str]
"""How a source calls the setting of a name, to tell the user."""


def load_settings(
    options: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Read the settings from all sources.

    ``options`` are those of the command line by the settings' names; None means not given. Of ``environ`` only the
    variables that begin with ``OCPP_ACTORS_`` count. ``config`` is a TOML file; without it
    ``OCPP_ACTORS_CONFIG`` may name one. A secret can be given as the file that holds it: ``database_file``.

    Raises SettingsError: a name is unknown, a value is not allowed, a file cannot be read, a setting is missing.
    """
    variables = {
        name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)
    }
    named_config = variables.pop("CONFIG", None)
    if config is None and named_config:
        config = Path(named_config)
    values: dict[str, object] = {}
    if config is not None:
        values |= _read_source(
            {name.lower() if name.isupper() else name: value for name, value in _read_toml(config).items()},
            lambda name: f"{name} in {config}",
        )
    for name in variables:
        if name != name.upper():
            raise SettingsError(f"environment variable {PREFIX}{name}: write it as {PREFIX}{name.upper()}")
    values |= _read_source(
        {name.lower(): value for name, value in variables.items()},
        lambda name: f"environment variable {PREFIX}{name.upper()}",
    )
    values |= _read_source(
        {name: value for name, value in options.items() if value is not None},
        lambda name: f"option --{name.replace('_', '-')}",
    )
    return Settings(**values)  # type: ignore[arg-type]  # each was read by its own kind


def _read_toml(config: Path) -> dict[str, object]:
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"the settings file {config} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {config} is not valid TOML: {error}") from None


def _read_source(given: Mapping[str, object], named: Named) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in given.items():
        if name not in _KNOWN:
            raise SettingsError(f"{named(name)}: there is no such setting{_nearest(name, named)}")
        if name in _BY_NAME:
            values[name] = _read_value(_BY_NAME[name], value, named(name))
            continue
        secret = name.removesuffix("_file")
        if secret in given:
            raise SettingsError(f"{named(secret)} and {named(name)} are both given: keep one")
        values[secret] = _read_value(_BY_NAME[secret], _read_secret(value, named(name)), named(name))
    return values


def _read_value(each: Setting, value: object, source: str) -> object:
    try:
        return each.kind.read(value)
    except ValueError:
        raise _not_allowed(each, source, value) from None


def _read_secret(path: object, source: str) -> str:
    try:
        return Path(str(path)).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{source}: the file {path} cannot be read: {reason}") from None


def _not_allowed(each: Setting, source: str, value: object) -> SettingsError:
    what = "the value" if each.secret else repr(value)
    unit = f" ({each.unit})" if each.unit else ""
    return SettingsError(f"{source}: {what} is not allowed, it takes {each.kind.allowed}{unit}")


def _nearest(name: str, named: Named) -> str:
    near: Iterable[str] = difflib.get_close_matches(name.lower().replace("-", "_"), _KNOWN, n=1)
    return "".join(f"; did you mean {named(each).removeprefix('environment variable ')}?" for each in near)
