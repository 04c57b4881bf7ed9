"""The mailbox: order, bound, expiry, and an outcome for each command."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from ocpp_actors.charge_point.mailbox import Command, Mailbox, MailboxFull, Outcome
from ocpp_actors.ledger.port import CommandState

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def command(action: str = "Reset", **more: Any) -> Command:
    return Command(action, {}, **more)


async def test_the_head_stays_until_it_is_removed() -> None:
    mailbox, first, second = Mailbox(5), command(), command()
    mailbox.put(first)
    mailbox.put(second)
    assert await mailbox.head() is first
    assert await mailbox.head() is first
    mailbox.remove(first)
    assert await mailbox.head() is second
    assert len(mailbox) == 1


async def test_the_head_is_waited_for(autojump_clock: Any) -> None:
    mailbox, first = Mailbox(5), command()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def later() -> None:
            await trio.sleep(1)
            mailbox.put(first)

        assert await mailbox.head() is first
        assert trio.current_time() == 1


async def test_whoever_waits_again_after_the_mailbox_was_emptied_is_woken(autojump_clock: Any) -> None:
    mailbox, first, second = Mailbox(5), command(), command()
    mailbox.put(first)
    mailbox.remove(first)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def later() -> None:
            await trio.sleep(1)
            mailbox.put(first)
            mailbox.remove(first)
            await trio.sleep(1)
            mailbox.put(second)

        assert await mailbox.head() is second
        assert trio.current_time() == 2


def test_there_is_room_for_so_many() -> None:
    mailbox = Mailbox(2)
    mailbox.put(command())
    mailbox.put(command())
    with pytest.raises(MailboxFull, match="2 commands are waiting"):
        mailbox.put(command())
    mailbox.put(command(), bounded=False)
    assert len(mailbox) == 3


def test_a_reserved_place_counts_as_taken_until_it_is_given_back() -> None:
    mailbox = Mailbox(1)
    unused = [mailbox.unused]
    with mailbox.reserved_place():
        unused.append(mailbox.unused)
        with pytest.raises(MailboxFull):
            mailbox.put(command())
    unused.append(mailbox.unused)
    mailbox.put(command())
    unused.append(mailbox.unused)
    assert unused == [True, False, True, False]
    with pytest.raises(MailboxFull), mailbox.reserved_place():
        pass


def test_removing_what_is_not_there_does_nothing() -> None:
    mailbox, kept = Mailbox(2), command()
    mailbox.put(kept)
    mailbox.remove(command())
    assert len(mailbox) == 1


def test_commands_expire_at_their_time_unless_they_are_being_sent() -> None:
    mailbox = Mailbox(5)
    due = command(expires_at=NOW)
    claimed = command(expires_at=NOW)
    claimed.claimed = True
    for each in (command(), due, claimed, command(expires_at=NOW + timedelta(seconds=1))):
        mailbox.put(each)
    assert mailbox.expired(NOW) == [due]
    assert len(mailbox) == 4


async def test_the_fleeting_commands_can_be_taken_out() -> None:
    mailbox = Mailbox(5)
    fleeting = [command(), command()]
    durable = command(record_id=1, durable=True)
    for each in (fleeting[0], durable, fleeting[1]):
        mailbox.put(each)
    assert mailbox.take_fleeting() == fleeting
    assert await mailbox.head() is durable
    assert len(mailbox) == 1


async def test_only_the_first_outcome_counts(autojump_clock: Any) -> None:
    ended = command()
    ended.end(Outcome(CommandState.TIMEOUT))
    ended.end(Outcome(CommandState.ANSWERED))
    assert (await ended.wait()).state is CommandState.TIMEOUT
