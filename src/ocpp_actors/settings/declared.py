"""Every setting: its name, default, limits and words."""

import ipaddress
import re
from pathlib import Path
from typing import Any, Final, Literal

from attrs import Attribute, Factory, field, fields, frozen

from ocpp_actors.settings.kinds import (
    Kind,
    choice,
    files,
    hosts,
    networks,
    number,
    or_empty,
    switch,
    text,
    url_path,
    whole,
)

PREFIX: Final = "OCPP_ACTORS_"
"""What the name of an environment variable begins with."""

MESSAGE_LOG: Final = "ocpp-actors-messages.db"
"""The file of the message log, where none is given."""

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
"""The names under which the API may be asked for, where none are given."""

DAY: Final = 86_400
GIB: Final = 1 << 30


class SettingsError(Exception):
    """A setting that cannot be used. The message is one line: which setting, from where, and what to do."""


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
        repr=_hidden if kind is _SECRET else _safe_repr if secret or kind is _STORE else repr,
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


def _hidden(secret: object) -> str:
    return "None" if secret is None else "'***'"


def is_loopback(host: str) -> bool:
    """Tell whether a listener on ``host`` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _open_on_loopback(settings: "Settings") -> str:
    return "open" if is_loopback(settings.host) else ""


def _loopback_names(settings: "Settings") -> tuple[str, ...]:
    own = () if settings.api_host in ("0.0.0.0", "::", *LOOPBACK_NAMES) else (settings.api_host,)  # noqa: S104
    return (*LOOPBACK_NAMES, *own)


def _three_heartbeats(settings: "Settings") -> float:
    return 3.0 * settings.heartbeat_interval


def _beside_the_ledger(settings: "Settings") -> str:
    ledger = _sqlite_file(settings.database)
    return str(ledger.with_name(MESSAGE_LOG)) if ledger else MESSAGE_LOG


def _sqlite_file(database: str) -> Path | None:
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", database)
    return None if match is None or match[1] == ":memory:" else Path(match[1])


_SECONDS: Final = "seconds"
_STORE: Final = text("a file, a database URL, a directory or off", r"[^\x00-\x1f\x7f]+")

_FILE: Final = or_empty(text("a file", r"[^\x00-\x1f\x7f]+"))
_ADDRESS: Final = text("an address or a host name", r"[0-9A-Za-z.:_%-]+")
_SECRET: Final = or_empty(text("printable characters without spaces, 16 at least", r"[\x21-\x7e]{16,}"))
_WEBHOOK: Final = or_empty(text("a URL that begins with http:// or https://", r"https?://[^\x00-\x20\x7f]+"))

LISTENER: Final = "Listener"
SECURITY: Final = "Security"
OPERATOR: Final = "Operator"
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
        _ADDRESS,
        LISTENER,
        "Address of the plain OCPP listener. `0.0.0.0` or `::` listens on every interface; `ADMISSION` and "
        "`AUTHORIZATION` must then be given.",
    )
    port: int | None = setting(
        9000,
        or_empty(whole(0, 65_535)),
        LISTENER,
        "Port of the plain OCPP listener. 0 picks a free one and prints it; empty: no plain listener.",
    )
    path: str = setting(
        "/ocpp",
        url_path(),
        LISTENER,
        "Prefix of the URL: a charge point connects to `PATH/IDENTITY`. `/` is the root.",
    )

    tls_port: int | None = setting(
        None,
        or_empty(whole(0, 65_535)),
        SECURITY,
        "Port of the TLS listener, beside the plain one and at the same address. 0 picks a free one and prints it; "
        "empty: none.",
        default_text="none",
    )
    tls_certificate: tuple[str, ...] = setting(
        (),
        files(),
        SECURITY,
        "The server's certificate with its chain (PEM); two of them, separated by a comma, where charge points want "
        "RSA and others ECDSA. Read again when a file changes.",
        default_text="none; required with `TLS_PORT`",
    )
    tls_key: tuple[str, ...] = setting(
        (),
        files(),
        SECURITY,
        "The private keys of `TLS_CERTIFICATE` (PEM), as many, in the same order.",
        default_text="in the files of `TLS_CERTIFICATE`",
    )
    tls_root: str | None = setting(
        None,
        _FILE,
        SECURITY,
        "The root certificate (PEM) of `TLS_CERTIFICATE`. Charge points are given it before they move to TLS.",
        default_text="none",
    )
    tls_client_ca: str | None = setting(
        None,
        _FILE,
        SECURITY,
        "Certificates (PEM) of the authorities that sign those of charge points. Given, charge points are asked for "
        "one, and one that is not valid is not let in.",
        default_text="none",
    )
    tls_client_organization: str | None = setting(
        None,
        or_empty(text("printable text", r"[^\x00-\x1f\x7f]{1,64}")),
        SECURITY,
        "The operator's name, which the O of a charge point's certificate has to be (A00.FR.404). Empty: any, for an "
        "authority that signs for this operator only.",
        default_text="none",
    )
    security_profile: int = setting(
        0,
        whole(0, 3),
        SECURITY,
        "The lowest security profile that any charge point may use: 1 with a key, 2 over TLS with a key, 3 over TLS "
        "with a certificate. For each it can be raised.",
    )
    certificate_authority: str | None = setting(
        None,
        or_empty(text("a command line, a URL or builtin:DIRECTORY", r"[^\x00-\x1f\x7f]+")),
        SECURITY,
        "Who signs certificates of charge points. A command line: it gets the request (PEM) on stdin and writes the "
        "chain (PEM) to stdout. A URL (http, https): the request is posted there, the chain is the answer. "
        "`builtin:DIRECTORY`: a small authority for trying things out, made there at the first start; its `root.pem` "
        "is for `TLS_CLIENT_CA`. Empty: requests are rejected.",
        default_text="none",
        secret=True,
    )
    certificate_authority_timeout: float = setting(
        30.0, number(1, 3600), SECURITY, "How long `CERTIFICATE_AUTHORITY` may take for a request.", _SECONDS
    )
    certificate_renewal: int = setting(
        30,
        whole(0, 365),
        SECURITY,
        "How long before its certificate ends a charge point is asked to have a new one signed, once a day. 0: never.",
        "days",
    )

    admission: Literal["open", "known"] = setting(
        Factory(_open_on_loopback, takes_self=True),
        choice("open", "known"),
        CENTRAL_SYSTEM,
        "`open`: charge points never seen before are admitted and recorded. `known`: they get a 404.",
        default_text="`open` on loopback; must be given otherwise",
    )
    first_boot: Literal["Accepted", "Pending", "Rejected"] = setting(
        "Accepted",
        choice("Accepted", "Pending", "Rejected"),
        CENTRAL_SYSTEM,
        "Registration that a charge point never seen before gets at its first BootNotification.",
    )
    authorization: Literal["open", "known"] = setting(
        Factory(_open_on_loopback, takes_self=True),
        choice("open", "known"),
        CENTRAL_SYSTEM,
        "What an idTag that the ledger does not know is answered. `open`: Accepted. `known`: Invalid.",
        default_text="`open` on loopback; must be given otherwise",
    )
    heartbeat_interval: int = setting(
        300,
        whole(1, 7 * DAY),
        CENTRAL_SYSTEM,
        "Interval of heartbeats that BootNotification.conf asks for; OCPP has whole seconds there.",
        _SECONDS,
    )

    database: str = setting(
        "sqlite:///ocpp-actors.db",
        text(
            "a database URL such as sqlite:///ocpp-actors.db or postgresql://user:password@host/name",
            r"(sqlite|postgres|postgresql)(\+\w+)?://[^\x00-\x20\x7f]*",
        ),
        STORAGE,
        "SQLAlchemy URL of the ledger: SQLite (a relative path counts from the working directory) or PostgreSQL.",
        secret=True,
    )
    ledger_patience: float = setting(
        10.0,
        number(0, 3600),
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
        7.0, number(0.01, 36_500), STORAGE, "Age at which recorded frames are removed.", "days"
    )
    message_log_size: int = setting(
        GIB,
        whole(1 << 20, 1 << 50),
        STORAGE,
        "Size above which the oldest recorded frames are removed, roughly.",
        "bytes",
    )

    ping_interval: float = setting(
        30.0,
        number(0, DAY),
        TIMES,
        "Time from one ping to the next; 0 switches pings off.",
        _SECONDS,
    )
    ping_timeout: float = setting(
        30.0,
        number(0, DAY),
        TIMES,
        "Time for the pong, or any other sign of life. It counts only for a connection that has answered a ping "
        "before. 0: pongs are not waited for.",
        _SECONDS,
    )
    silence_limit: float = setting(
        Factory(_three_heartbeats, takes_self=True),
        number(0, 30 * DAY),
        TIMES,
        "Time without any traffic after which a connection is given up; 0: never.",
        _SECONDS,
        default_text="3 × `HEARTBEAT_INTERVAL`",
    )
    call_timeout: float = setting(
        30.0, number(0.1, DAY), TIMES, "Time for a charge point's answer to a CALL of the server.", _SECONDS
    )
    send_timeout: float = setting(
        10.0,
        number(0.1, 3600),
        TIMES,
        "Time to write one frame; a connection that takes longer is aborted.",
        _SECONDS,
    )
    boot_grace: float = setting(
        10.0,
        number(0, 3600),
        TIMES,
        "How long the server's CALLs wait on a new connection for a BootNotification that may not come.",
        _SECONDS,
    )
    handshake_timeout: float = setting(
        10.0,
        number(0.1, 3600),
        TIMES,
        "Time for the handshake, from the connection on: TLS and WebSocket.",
        _SECONDS,
    )
    shutdown_timeout: float = setting(
        10.0,
        number(0, 3600),
        TIMES,
        "Time to answer what is in hand, close the connections and flush the ledger after SIGINT or SIGTERM.",
        _SECONDS,
    )

    restart_limit: int = setting(
        5,
        whole(0, 1000),
        LIMITS,
        "Restarts of one charge point's task tree within `RESTART_WINDOW`; after them its connection is closed.",
    )
    restart_window: float = setting(
        60.0, number(0.1, DAY), LIMITS, "Time within which `RESTART_LIMIT` restarts are allowed.", _SECONDS
    )
    mailbox_size: int = setting(
        100, whole(1, 100_000), LIMITS, "Commands that may wait for one charge point; more are refused."
    )
    max_message_size: int = setting(
        1 << 20,
        whole(1024, GIB),
        LIMITS,
        "Longest message that a charge point may send; above it the connection is closed with 1009.",
        "bytes",
    )
    max_connections: int = setting(
        20_000, whole(1, 1_000_000), LIMITS, "Open connections; more are refused with a 503."
    )
    max_handshakes: int = setting(
        500,
        whole(1, 100_000),
        LIMITS,
        "Handshakes in progress at the same time; more have to wait. Who has said nothing yet does not count.",
    )
    max_connection_rate: float = setting(
        2000.0, number(0.1, 1_000_000), LIMITS, "Connections accepted; more have to wait.", "per second"
    )
    max_message_rate: float = setting(
        200.0,
        number(0, 1_000_000),
        LIMITS,
        "Messages of one charge point that are read, on average; above it the server reads more slowly. One of many "
        "kilobytes counts as several (4 KiB each); pings and fragments are counted likewise. 0: no limit.",
        "per second",
    )
    max_message_burst: int = setting(
        1000, whole(1, 1_000_000), LIMITS, "Messages that may exceed `MAX_MESSAGE_RATE` in one go."
    )

    hot_path: bool = setting(
        True,
        switch(),
        LIMITS,
        "Opening handshakes, text messages that come whole and alone, pongs, and TCP sockets take a short way around "
        "the WebSocket library. Off: all of it takes the long way, which is slower and does the same.",
        default_text="`on`",
    )

    log_format: Literal["console", "json"] = setting(
        "console",
        choice("console", "json"),
        LOGS,
        "`console` for people, `json` (a line each) for machines.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", choice("debug", "info", "warning", "error"), LOGS, "The least severe line that is logged."
    )

    api_host: str = setting(
        "127.0.0.1",
        _ADDRESS,
        OPERATOR,
        "Address of the API and the dashboard. Off loopback `API_TOKEN` must be given.",
    )
    api_port: int | None = setting(
        8080,
        or_empty(whole(0, 65_535)),
        OPERATOR,
        "Port of the API and the dashboard. 0 picks a free one and prints it; empty: neither.",
    )
    api_token: str | None = setting(
        None,
        _SECRET,
        OPERATOR,
        "Bearer token of the API, and the password of the dashboard. Without one everybody on this machine may use "
        "both.",
        default_text="none",
        secret=True,
    )
    allowed_hosts: tuple[str, ...] = setting(
        Factory(_loopback_names, takes_self=True),
        hosts(),
        OPERATOR,
        "Names under which the API may be asked for: what stands in the address bar, without the port. Others are "
        "refused, so that no web page can reach it by a name of its own (DNS rebinding).",
        default_text="`localhost,127.0.0.1,::1`, and `API_HOST` where it is one address",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        networks(),
        OPERATOR,
        "Addresses or networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, at the "
        "API and where charge points connect.",
        default_text="none",
    )
    webhook_url: str | None = setting(
        None,
        _WEBHOOK,
        OPERATOR,
        "Where events are posted as CloudEvents. Empty: nowhere.",
        default_text="none",
        secret=True,
    )
    webhook_secret: str | None = setting(
        None,
        _SECRET,
        OPERATOR,
        "Key with which events are signed (HMAC-SHA256). Required with `WEBHOOK_URL`.",
        default_text="none",
        secret=True,
    )
    testing: bool = setting(
        False,
        switch(),
        OPERATOR,
        "`on` allows deliberate misbehaviour towards charge points, for tests. It is shown in the log, in the health "
        "answers and on the dashboard.",
        default_text="`off`",
    )

    secret_files: tuple[str, ...] = field(default=(), eq=False)
    """The files that secrets were read from. No setting."""

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
                raise not_allowed(each, each.variable, getattr(self, each.name)) from None
            object.__setattr__(self, each.name, value)
        self._check_security()
        if self.api_port is not None and self.api_token is None and not is_loopback(self.api_host):
            raise SettingsError(
                f"API_TOKEN must be set because API_HOST is {self.api_host}, which others can reach: a secret of at "
                "least 16 characters that whoever uses the API or the dashboard has to know"
            )
        if self.webhook_url is not None and self.webhook_secret is None:
            raise SettingsError("WEBHOOK_SECRET must be set where WEBHOOK_URL is: events are signed with it")
        ledger = _sqlite_file(self.database)
        if ledger and ledger in (Path(self.message_log), _sqlite_file(self.message_log)):
            raise SettingsError(
                f"MESSAGE_LOG and DATABASE are both {ledger}: give the message log its own file"
            )

    def _check_security(self) -> None:
        if self.tls_port is not None and not self.tls_certificate:
            raise SettingsError(
                "TLS_CERTIFICATE must be set where TLS_PORT is: a file with the server's certificate"
            )
        if self.tls_key and len(self.tls_key) != len(self.tls_certificate):
            raise SettingsError(
                f"TLS_KEY names {len(self.tls_key)} files and TLS_CERTIFICATE {len(self.tls_certificate)}: "
                "each certificate has one key"
            )
        if self.security_profile >= 2 and self.tls_port is None and not self.trusted_proxies:
            raise SettingsError(
                f"SECURITY_PROFILE is {self.security_profile}, which needs TLS: set TLS_PORT and TLS_CERTIFICATE, or "
                "TRUSTED_PROXIES where a proxy sees to it"
            )
        if self.security_profile == 3 and (self.tls_port is None or self.tls_client_ca is None):
            raise SettingsError(
                "SECURITY_PROFILE is 3, which needs certificates of charge points: set TLS_PORT and TLS_CLIENT_CA"
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


def not_allowed(each: Setting, source: str, value: object) -> SettingsError:
    """Say that a setting from this source does not take this value; a secret is not shown."""
    what = "the value" if each.secret else repr(value)
    unit = f" ({each.unit})" if each.unit else ""
    return SettingsError(f"{source}: {what} is not allowed, it takes {each.kind.allowed}{unit}")


def _describe(attribute: "Attribute[Any]") -> Setting:
    told = dict(attribute.metadata)
    value = attribute.default
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    default = told.pop("default_text") or f"`{shown}`"
    return Setting(attribute.name, default=default, **told)


SETTINGS: Final = tuple(_describe(attribute) for attribute in fields(Settings) if attribute.metadata)
"""All settings, in the order in which they are documented."""
