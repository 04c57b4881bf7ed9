"""The HTTP API of a running server: requests, pages and streams, and its problems as exceptions."""

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
import orjson
from attrs import frozen

from ocpp_actors import __version__
from ocpp_actors.operator_cli.failures import MISTAKE, ApiFailure, Problem, Unreachable
from ocpp_actors.settings import is_loopback

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 60.0
"""Seconds without a byte after which a server is given up. A call to a charge point has no such limit: the server has
its own (``CALL_TIMEOUT``), and answers when it is over."""

PAGE: Final = 1000
"""Items of one page: as many as the API gives."""

LONGEST_NAME: Final = 50
"""Characters of an operator's name that the API keeps."""

Item = dict[str, Any]


@frozen
class Api:
    """One server's API. ``path`` arguments count from ``/api/v1``."""

    _client: httpx2.Client

    def get(self, path: str, **params: object) -> Any:
        """Return what is at ``path``. Raises ApiFailure."""
        return self.send("GET", path, params=params)[0]

    def items(self, path: str, limit: int | None = None, **params: object) -> Iterator[Item]:
        """Return the items of all pages of a list, at most ``limit``. Raises ApiFailure."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(left, PAGE)
            page = self.get(path, limit=size, cursor=cursor, **params)
            if not isinstance(page, dict) or "items" not in page:
                raise _not_the_api(self._client.base_url, "no list")
            yield from page["items"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = False,
    ) -> tuple[Any, str | None]:
        """Send a request and return the body of its answer, None where it is empty, and its ETag.

        ``body`` is sent as JSON; None: none is. ``patient``: wait for as long as the server takes.

        Raises ApiFailure.
        """
        timeout = httpx2.Timeout(None if patient else READ_TIMEOUT, connect=CONNECT_TIMEOUT)
        content = None if body is None else orjson.dumps(body)
        own = {} if content is None else {"Content-Type": "application/json"}
        with self._translated():
            response = self._client.request(
                method,
                path,
                content=content,
                params=_given(params or {}),
                headers={**own, **(headers or {})},
                timeout=timeout,
            )
        self._check(response)
        return (self._read(response) if response.content else None), response.headers.get("ETag")

    @contextmanager
    def stream(
        self,
        path: str,
        accept: str,
        *,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """Open an answer that comes in pieces, of the media type ``accept``.

        Raises ApiFailure, here or while the pieces are read.
        """
        accepted = {"Accept": accept, **(headers or {})}
        with (
            self._translated(),
            self._client.stream("GET", path, params=_given(params or {}), headers=accepted) as response,
        ):
            if not response.is_success:
                response.read()
            self._check(response)
            if response.headers.get("Content-Type", "").partition(";")[0] != accept:
                raise _not_the_api(response.url, _kind(response))
            yield response.iter_bytes()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Tell a fault of the connection in words."""
        url = self._client.base_url.copy_with(path="/")
        try:
            yield
        except httpx2.ConnectError as error:
            raise Unreachable(
                f"no server answers at {url} ({error}): start it with ocpp-actors serve, or say with --api-url where "
                "it is"
            ) from None
        except httpx2.TimeoutException:
            raise Unreachable(f"the server at {url} does not answer in time") from None
        except httpx2.TransportError as error:
            raise Unreachable(f"the connection to {url} broke ({error})") from None

    def _check(self, response: httpx2.Response) -> None:
        if response.is_success:
            return
        if "problem+json" in response.headers.get("Content-Type", ""):
            raise Problem(response.status_code, self._read(response))
        raise _not_the_api(response.url, _kind(response))

    def _read(self, response: httpx2.Response) -> Any:
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise _not_the_api(response.url, _kind(response)) from None


def _not_the_api(url: httpx2.URL, answer: str) -> ApiFailure:
    where = url.copy_with(query=None)
    return ApiFailure(
        f"what answers at {where} is not the API of ocpp-actors ({answer}): see --api-url", MISTAKE
    )


def _kind(response: httpx2.Response) -> str:
    return f"status {response.status_code}, {response.headers.get('Content-Type', 'no content type')}"


def segment(text: str) -> str:
    """Write any text as one segment of a path."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


@contextmanager
def open_api(url: str, token: str | None) -> Iterator[Api]:
    """Open the API of the server at ``url``.

    Raises ApiFailure: the URL is none.
    """
    try:
        parts = urlsplit(url)
        base = httpx2.URL(f"{url.rstrip('/')}/api/v1")
    except (httpx2.InvalidURL, ValueError):
        raise _no_url(url) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _no_url(url)
    headers = {"User-Agent": f"ocpp-actors/{__version__}", "X-Operator": _operator()}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    with httpx2.Client(
        base_url=base,
        headers=headers,
        timeout=httpx2.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
        trust_env=not is_loopback(parts.hostname),  # a proxy would be shown the token
    ) as client:
        yield Api(client)


def _no_url(url: str) -> ApiFailure:
    return ApiFailure(f"--api-url: {url} is no URL such as http://127.0.0.1:8080", MISTAKE)


def _operator() -> str:
    """Return who the API is to write down as the one who did it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "cli"
    shown = "".join(each if each.isascii() and each.isprintable() else "?" for each in name)
    return shown.strip()[:LONGEST_NAME] or "cli"


def _given(params: Mapping[str, object]) -> dict[str, str]:
    """Leave out what was not given; a flag is written as JSON does."""
    told = {name: value for name, value in params.items() if value is not None}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in told.items()
    }
