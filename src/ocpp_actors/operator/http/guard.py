"""Who asks, from where, and whether a browser was tricked into asking: looked at before anything else."""

import hmac
import math
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import structlog
import trio
from attrs import define, field, frozen

from ocpp_actors.clock import Clock
from ocpp_actors.homes import home_of
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http import session
from ocpp_actors.pace import TokenBucket
from ocpp_actors.proxies import TrustedProxies

log = structlog.get_logger(__name__)

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})

FAILURES_AT_ONCE: Final = 10.0
FAILURE_RATE: Final = 0.2
"""Wrong tokens of one home that are answered at once, and then so many a second."""

HOMES: Final = 1000
"""Homes whose wrong tokens are counted; the one that was wrong longest ago is forgotten first."""

MAX_NAME: Final = 50

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/?#@\[\]]+)(?::([0-9]{1,5}))?")


@frozen
class Caller:
    """Who asks, and how that is known. ``nobody``: no token is given and none is needed for this."""

    name: str
    via: Literal["local", "token", "cookie", "nobody"]
    remote: str = ""
    secure: bool = False
    """The client speaks HTTPS, to this server or to a proxy before it."""


@define(eq=False)
class Failures:
    """Wrong tokens by address, IPv6 by its /64: after some of them more are not answered for a while."""

    _buckets: "OrderedDict[str, TokenBucket]" = field(factory=OrderedDict, init=False)
    _until: dict[str, float] = field(factory=dict, init=False)

    def add(self, remote: str) -> None:
        """Count a wrong token.

        Raises Problem: there were too many, and this one does not count.
        """
        home, now = home_of(remote), trio.current_time()
        wait = self._until.get(home, 0.0) - now
        if wait > 0:
            raise p.try_later(p.TOO_MANY_ATTEMPTS, "wait before another token is tried", str(math.ceil(wait)))
        bucket = self._buckets.pop(home, None) or TokenBucket(FAILURE_RATE, FAILURES_AT_ONCE, now)
        self._buckets[home] = bucket
        self._until[home] = now + bucket.take(now)
        if len(self._buckets) > HOMES:
            oldest, _ = self._buckets.popitem(last=False)
            del self._until[oldest]


class Guard:
    """Decides about requests by their headers."""

    def __init__(
        self,
        clock: Clock,
        token: str | None,
        allowed_hosts: Sequence[str],
        trusted_proxies: Sequence[str],
    ) -> None:
        self._clock = clock
        self._token = token
        self._hosts = frozenset(host.strip("[]").lower() for host in allowed_hosts)
        self._proxies = TrustedProxies(trusted_proxies)
        self._failures = Failures()

    @property
    def login_required(self) -> bool:
        """Whether there is a token."""
        return self._token is not None

    # --- where from --------------------------------------------------------------------------------------------

    def origin_of(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, bool]:
        """Return the client's address, and whether it speaks HTTPS; proxies that are trusted are believed."""
        client = scope.get("client")
        return self._proxies.origin(
            client[0] if client else "",
            scope.get("scheme") == "https",
            headers.get("x-forwarded-for", ""),
            headers.get("x-forwarded-proto", ""),
        )

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raise Problem where the request is for a host that this server is not (against DNS rebinding)."""
        match = _HOST.fullmatch(headers.get("host", ""))
        if match is None or match[1].strip("[]").lower() not in self._hosts:
            raise p.Problem(
                p.UNKNOWN_HOST,
                f"the Host header is {headers.get('host', '')[:100]!r}, which is none of ALLOWED_HOSTS",
            )

    def check_origin(
        self, method: str, headers: Mapping[str, str], caller: Caller | p.Problem, secure: bool
    ) -> None:
        """Raise Problem where another page than ours made a browser ask for a change.

        Over HTTPS a page of ours came over HTTPS too: anybody on the way could have made another.
        """
        if method in SAFE_METHODS:
            return
        origin = headers.get("origin")
        if origin is not None:
            if not _same(origin, headers.get("host", "")) or (secure and not origin.startswith("https:")):
                raise p.Problem(p.FORBIDDEN_ORIGIN, f"a page of {origin[:100]!r} may change nothing here")
            return
        if isinstance(caller, p.Problem):
            return
        if caller.via == "cookie" or (caller.via == "local" and "sec-fetch-site" in headers):
            raise p.Problem(p.FORBIDDEN_ORIGIN, "a browser that changes something has to send its Origin")

    # --- who ---------------------------------------------------------------------------------------------------

    def caller(self, headers: Mapping[str, str], remote: str, secure: bool) -> Caller | p.Problem:
        """Return who asks, or what is wrong with that.

        Raises Problem: the name in X-Operator cannot be used.
        """
        name = headers.get("x-operator")
        if name is not None:
            name = operator_name(name)
        if self._token is None:
            return Caller(name or "local", "local", remote, secure)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                return _unauthorized("the Authorization header has to be: Bearer TOKEN")
            try:
                right = self.is_token(given.strip(), remote)
            except p.Problem as problem:
                return problem
            return Caller(name or "api", "token", remote, secure) if right else _unauthorized("wrong token")
        login = self._login(headers.get("cookie", ""))
        if login is None:
            return _unauthorized("send the token as Authorization: Bearer TOKEN, or log in")
        return Caller(name or login, "cookie", remote, secure)

    def is_token(self, given: str, remote: str) -> bool:
        """Whether this is the token; compared in constant time. The right one is let in, whoever else guesses there.

        Raises Problem: it is wrong, and so were too many before.
        """
        right = self._token is not None and hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), self._token.encode()
        )
        if not right:
            self._failures.add(remote)
            log.warning("wrong token for the API", remote=remote)
        return right

    def _login(self, cookies: str) -> str | None:
        assert self._token is not None
        for cookie in cookies.split(";"):
            key, _, value = cookie.strip().partition("=")
            if key == session.COOKIE:
                return session.name_in(value, self._token, self._clock.now())
        return None


def operator_name(text: str) -> str:
    """Return the name of an operator as it is kept.

    Raises Problem: it is empty, too long or not printable.
    """
    name = text.strip()
    if not (0 < len(name) <= MAX_NAME and name.isprintable()):
        raise p.bad_parameter("X-Operator", f"a name has 1 to {MAX_NAME} printable characters")
    return name


def _unauthorized(detail: str) -> p.Problem:
    return p.Problem(p.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def _same(origin: str, host: str) -> bool:
    """Whether an Origin is of the host that is asked, the port included."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    match = _HOST.fullmatch(host)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if match is None or default is None or parts.hostname is None:
        return False
    return parts.hostname == match[1].strip("[]").lower() and (port or default) == int(match[2] or default)
