"""The operator's API of an ocpp-actors server, as scenarios need it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx2
import orjson
from attrs import frozen

from ocpp_actors.testbench.failures import Failed

TIMEOUT: Final = 60.0
"""Seconds without a byte after which the API is given up."""

PAGE: Final = 1000
"""Items of a list that are asked for at once."""


@frozen
class ApiAnswer:
    """What the API answered: the HTTP status and the body, None where it is empty."""

    status: int
    body: Any


@frozen
class Operator:
    """Somebody who uses the API. Paths count from ``/api/v1``."""

    _client: httpx2.AsyncClient

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        **params: object,
    ) -> ApiAnswer:
        """Send a request and return what came back, whatever it is.

        Raises Failed: the API cannot be reached, or did not answer.
        """
        own = {} if body is None else {"Content-Type": "application/json"}
        try:
            response = await self._client.request(
                method,
                f"/api/v1{path}",
                content=None if body is None else orjson.dumps(body),
                params={name: _written(value) for name, value in params.items() if value is not None},
                headers=own,
            )
        except httpx2.HTTPError as error:
            raise Failed(f"the operator's API did not answer {method} {path}: {error!r}") from None
        try:
            return ApiAnswer(
                response.status_code, orjson.loads(response.content) if response.content else None
            )
        except orjson.JSONDecodeError:
            return ApiAnswer(response.status_code, response.text)

    async def text(self, path: str) -> str | None:
        """Return the text at a path that counts from the root, such as ``/metrics``; None where there is none."""
        try:
            response = await self._client.get(path)
        except httpx2.HTTPError:
            return None
        return response.text if response.status_code == 200 else None

    async def get(self, path: str, **params: object) -> Any:
        """Return what is at a path. Raises Failed: the API did not give it."""
        return _wanted(await self.ask("GET", path, **params), f"GET {path}")

    async def items(self, path: str, **params: object) -> list[dict[str, Any]]:
        """Return the first page of a list. Raises Failed."""
        found: list[dict[str, Any]] = (await self.get(path, **params))["items"]
        return found

    async def all_items(self, path: str, **params: object) -> AsyncGenerator[dict[str, Any], None]:
        """Return all pages of a list, item by item. Raises Failed."""
        cursor: object = None
        while True:
            page = await self.get(path, limit=PAGE, cursor=cursor, **params)
            for item in page["items"]:
                yield item
            cursor = page["nextCursor"]
            if cursor is None:
                return

    async def put(self, path: str, body: object = None, **params: object) -> Any:
        """Put something at a path. Raises Failed: the API did not take it."""
        return _wanted(await self.ask("PUT", path, body, **params), f"PUT {path}")

    async def post(self, path: str, body: object = None, **params: object) -> Any:
        """Post something to a path. Raises Failed: the API did not take it."""
        return _wanted(await self.ask("POST", path, body, **params), f"POST {path}")

    async def patch(self, path: str, body: object = None, **params: object) -> Any:
        """Change what is at a path. Raises Failed: the API did not take it."""
        return _wanted(await self.ask("PATCH", path, body, **params), f"PATCH {path}")

    async def delete(self, path: str, **params: object) -> Any:
        """Delete what is at a path. Raises Failed: the API did not."""
        return _wanted(await self.ask("DELETE", path, **params), f"DELETE {path}")

    # --- charge points -----------------------------------------------------------------------------------------

    async def call(self, identity: str, action: str, payload: object = None, **params: object) -> ApiAnswer:
        """Send a CALL to a charge point and return what came of it, whatever it is. Raises Failed: no answer."""
        return await self.ask(
            "POST", f"/charge-points/{quote(identity, safe='')}/calls/{action}", payload or {}, **params
        )

    async def result(self, identity: str, action: str, payload: object = None) -> dict[str, Any]:
        """Send a CALL to a charge point and return the payload of its CALLRESULT. Raises Failed: there is none."""
        answer = await self.call(identity, action, payload)
        response: dict[str, Any] = _wanted(answer, f"{action} to {identity}")["response"]
        return response

    async def charge_point(self, identity: str) -> dict[str, Any]:
        """Return what is known of a charge point. Raises Failed."""
        found: dict[str, Any] = await self.get(f"/charge-points/{quote(identity, safe='')}")
        return found

    async def transactions(self, identity: str, **params: object) -> list[dict[str, Any]]:
        """Return the transactions of a charge point, newest first, one page. Raises Failed."""
        return await self.items("/transactions", chargePoint=identity, **params)


@asynccontextmanager
async def open_operator(
    url: str, token: str | None = None, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Operator]:
    """Use the API at a URL, without ``/api/v1``, for the length of the block.

    ``transport`` stands for the network, to reach a server in this process.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, transport=transport, timeout=TIMEOUT, trust_env=False
    ) as client:
        yield Operator(client)


def _wanted(answer: ApiAnswer, what: str) -> Any:
    if answer.status >= 300:
        raise Failed(f"{what} was answered with {answer.status}: {_told(answer.body)}")
    return answer.body


def _told(body: Any) -> str:
    if isinstance(body, dict):
        return str(body.get("detail") or body.get("title") or body)
    return str(body)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
