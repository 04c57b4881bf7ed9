"""A new AuthorizationKey of which nobody knows whether it was taken (security whitepaper A01)."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.central import Central, Charger, open_central
from tests.support.known import introduce
from tests.support.messages import serve_command

from ocpp_actors.central_system.commands import MAX_NEXT_KEYS
from ocpp_actors.central_system.credentials import hash_generated
from ocpp_actors.ledger.port import CommandState, FindChargePoint, SetKey
from ocpp_actors.protocol.messages import ChangeConfiguration
from ocpp_actors.server.fleet import NotAllowed

OLD, SECOND, THIRD = "old-key-of-the-charger", "second-key-of-charger", "third-key-of-the-charger"


def basic(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"Authorization", b"Basic " + base64.b64encode(f"CP1:{key}".encode()))]


def new_key(key: str) -> ChangeConfiguration:
    return ChangeConfiguration(key="AuthorizationKey", value=key)


@asynccontextmanager
async def connected_with_a_key() -> AsyncIterator[tuple[Central, Charger]]:
    async with open_central() as central:
        central.system.keys.in_thread = False
        await introduce(central.ledger, key=OLD.encode())
        async with central.charger(headers=basic(OLD)) as charger:
            await charger.boot()
            yield central, charger


@asynccontextmanager
async def rotated_without_an_answer() -> AsyncIterator[Central]:
    async with connected_with_a_key() as (central, _):
        outcome = await central.fleet.call("CP1", new_key(SECOND))
        assert outcome.state is CommandState.TIMEOUT
        yield central


@pytest.mark.parametrize("used", [OLD, SECOND])
async def test_whichever_key_it_uses_it_is_let_in_and_can_be_given_another(
    autojump_clock: Any, used: str
) -> None:
    async with rotated_without_an_answer() as central:
        async with central.charger(headers=basic(used)) as charger:
            await charger.boot()
            command = central.fleet.submit("CP1", new_key(THIRD))
            await serve_command(charger, {"status": "Accepted"})
            assert (await command.wait()).state is CommandState.ANSWERED
        async with central.charger(headers=basic(THIRD)) as charger:
            await charger.boot()


async def test_a_key_that_waited_behind_as_many_in_doubt_as_are_kept_is_not_sent(autojump_clock: Any) -> None:
    sent = [f"new-key-number-{number}" for number in range(MAX_NEXT_KEYS)]
    async with connected_with_a_key() as (central, _):
        *unanswered, last = [central.fleet.submit("CP1", new_key(key)) for key in (*sent, THIRD)]
        for command in unanswered:
            assert (await command.wait()).state is CommandState.TIMEOUT
        outcome = await last.wait()
        assert outcome.state is CommandState.LOST
        assert "until it has connected with one" in outcome.description
        with pytest.raises(NotAllowed, match="until it has connected with one"):
            central.fleet.submit("CP1", new_key(THIRD))
        async with central.charger(headers=basic(sent[0])) as charger:
            await charger.boot()


async def test_a_key_that_was_refused_leaves_no_doubt(autojump_clock: Any) -> None:
    async with connected_with_a_key() as (central, charger):
        for status in ("Rejected", "NotSupported") * MAX_NEXT_KEYS + ("Accepted",):
            command = central.fleet.submit("CP1", new_key(SECOND))
            await serve_command(charger, {"status": status})
            assert (await command.wait()).state is CommandState.ANSWERED
        central.fleet.submit("CP1", new_key(THIRD))


async def test_an_operator_who_sets_the_key_ends_the_doubt(autojump_clock: Any) -> None:
    async with connected_with_a_key() as (central, _):
        for _ in range(MAX_NEXT_KEYS):
            await central.fleet.call("CP1", new_key(SECOND))
        await central.ledger.ask(SetKey("CP1", hash_generated(OLD.encode(), b"salt")))
        record = await central.ledger.ask(FindChargePoint("CP1"))
        assert record is not None
        central.fleet.entry(record)
        central.fleet.submit("CP1", new_key(THIRD))
