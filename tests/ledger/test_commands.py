from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, command, later, notes_written

from ocpp_actors.ledger.port import (
    AbandonSentCommands,
    CommandRecord,
    CommandState,
    EndCommand,
    FindCommand,
    FindRepeatedCommand,
    Ledger,
    ListCommands,
    MarkCommandSent,
    NoteCommandEnded,
    Queued,
    RequestFailed,
)


async def test_a_queued_command_waits(ledger: Ledger) -> None:
    command_id = (await ledger.ask(command(payload={"type": "Hard"}))).command_id
    assert await ledger.ask(FindCommand(command_id)) == CommandRecord(
        command_id=command_id,
        identity="CP-1",
        action="Reset",
        payload={"type": "Hard"},
        queued_at=NOON,
        expires_at=later(600),
        state=CommandState.WAITING,
        requested_by="operator",
    )
    assert await ledger.ask(FindCommand(command_id + 1)) is None


async def test_a_command_is_sent_and_answered(ledger: Ledger) -> None:
    command_id = (await ledger.ask(command())).command_id
    assert await ledger.ask(MarkCommandSent(command_id, "m-1", later(1))) is True
    await ledger.ask(EndCommand(command_id, CommandState.ANSWERED, {"status": "Accepted"}, later(2)))
    ended = await ledger.ask(FindCommand(command_id))
    assert ended is not None
    assert (ended.state, ended.message_id, ended.sent_at) == (CommandState.ANSWERED, "m-1", later(1))
    assert (ended.detail, ended.ended_at) == ({"status": "Accepted"}, later(2))


async def test_a_command_is_marked_as_sent_only_once(ledger: Ledger) -> None:
    command_id = (await ledger.ask(command())).command_id
    answers: list[bool] = []

    async def mark(number: int) -> None:
        answers.append(await ledger.ask(MarkCommandSent(command_id, f"m-{number}", NOON)))

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(mark, number)
    assert sorted(answers) == [False] * 9 + [True]


@pytest.mark.parametrize("state", [CommandState.EXPIRED, CommandState.LOST])
async def test_a_command_that_has_an_outcome_keeps_it_and_is_not_sent(
    ledger: Ledger, state: CommandState
) -> None:
    command_id = (await ledger.ask(command())).command_id
    await ledger.ask(EndCommand(command_id, state, None, later(1)))
    await ledger.ask(EndCommand(command_id, CommandState.ANSWERED, {}, later(2)))
    assert await ledger.ask(MarkCommandSent(command_id, "m-1", later(3))) is False
    ended = await ledger.ask(FindCommand(command_id))
    assert ended is not None
    assert (ended.state, ended.detail, ended.ended_at, ended.sent_at) == (state, None, later(1), None)


async def test_an_unknown_command_is_neither_sent_nor_ended(ledger: Ledger) -> None:
    assert await ledger.ask(MarkCommandSent(1, "m-1", NOON)) is False
    await ledger.ask(EndCommand(1, CommandState.LOST, None, NOON))
    assert await ledger.ask(ListCommands()) == []


@pytest.mark.parametrize("state", [CommandState.WAITING, CommandState.SENT])
def test_a_command_does_not_end_in_a_state_that_is_no_outcome(state: CommandState) -> None:
    with pytest.raises(ValueError, match="state"):
        EndCommand(1, state, None, NOON)


async def test_commands_that_were_sent_before_a_crash_have_an_unknown_outcome(ledger: Ledger) -> None:
    waiting, sent, answered = [(await ledger.ask(command())).command_id for _ in range(3)]
    for command_id in (sent, answered):
        await ledger.ask(MarkCommandSent(command_id, "m", NOON))
    await ledger.ask(EndCommand(answered, CommandState.ANSWERED, {}, NOON))
    assert await ledger.ask(AbandonSentCommands(later(5))) == 1
    assert await ledger.ask(AbandonSentCommands(later(6))) == 0
    states = {record.command_id: record.state for record in await ledger.ask(ListCommands())}
    assert states == {
        waiting: CommandState.WAITING,
        sent: CommandState.UNKNOWN,
        answered: CommandState.ANSWERED,
    }
    abandoned = await ledger.ask(FindCommand(sent))
    assert abandoned is not None
    assert abandoned.ended_at == later(5)


async def test_commands_are_listed_in_the_order_of_queueing(ledger: Ledger) -> None:
    ids = [(await ledger.ask(command(identity))).command_id for identity in ("B", "A", "b", "A")]
    await ledger.ask(MarkCommandSent(ids[2], "m", NOON))

    async def listed(request: ListCommands) -> list[int]:
        return [ids.index(record.command_id) for record in await ledger.ask(request)]

    assert ids == sorted(ids)
    assert await listed(ListCommands()) == [0, 1, 2, 3]
    assert await listed(ListCommands(identity="B")) == [0, 2]
    assert await listed(ListCommands(identity="b", state=CommandState.WAITING)) == [0]
    assert await listed(ListCommands(after=ids[0], limit=2)) == [1, 2]


async def test_what_is_no_json_is_refused(ledger: Ledger) -> None:
    with capture_logs(), pytest.raises(RequestFailed):
        await ledger.ask(command(payload={"value": object()}))
    assert await ledger.ask(ListCommands()) == []


KEY = {"key": "AuthorizationKey", "value": "0123456789abcdef"}
MASKED = {"key": "AuthorizationKey", "value": "***"}


async def test_the_key_of_a_command_is_there_until_it_ended(ledger: Ledger) -> None:
    ended, abandoned, waiting = [
        (await ledger.ask(command(action="ChangeConfiguration", payload=KEY))).command_id for _ in range(3)
    ]
    for command_id in (ended, abandoned):
        await ledger.ask(MarkCommandSent(command_id, "m", NOON))
    assert [record.payload for record in await ledger.ask(ListCommands())] == [KEY] * 3
    await ledger.ask(EndCommand(ended, CommandState.ANSWERED, {"status": "Accepted"}, NOON))
    assert await ledger.ask(AbandonSentCommands(NOON)) == 1
    payloads = {record.command_id: record.payload for record in await ledger.ask(ListCommands())}
    assert payloads == {ended: MASKED, abandoned: MASKED, waiting: KEY}


async def test_a_key_in_an_answer_is_masked_and_the_rest_is_kept(ledger: Ledger) -> None:
    command_id = (
        await ledger.ask(command(action="GetConfiguration", payload={"key": ["AuthorizationKey"]}))
    ).command_id
    interval = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
    answer: dict[str, Any] = {"configurationKey": [KEY | {"readonly": False}, interval]}
    await ledger.ask(EndCommand(command_id, CommandState.ANSWERED, answer, NOON))
    ended = await ledger.ask(FindCommand(command_id))
    assert ended is not None
    assert ended.payload == {"key": ["AuthorizationKey"]}
    assert ended.detail == {"configurationKey": [MASKED | {"readonly": False}, interval]}
    assert answer["configurationKey"][0]["value"] == KEY["value"], "what was handed in is left alone"


async def test_a_command_that_expires_is_masked_and_keeps_its_outcome(ledger: Ledger) -> None:
    command_id = (await ledger.ask(command(payload=KEY))).command_id
    await ledger.ask(EndCommand(command_id, CommandState.EXPIRED, None, NOON))
    await ledger.ask(EndCommand(command_id, CommandState.ANSWERED, KEY, NOON))
    ended = await ledger.ask(FindCommand(command_id))
    assert ended is not None
    assert (ended.payload, ended.detail) == (MASKED, None)


async def test_a_command_is_queued_once_for_its_idempotency_key(ledger: Ledger) -> None:
    first = await ledger.ask(command(idempotency_key="k"))
    assert first.repeated is False
    assert await ledger.ask(command("cp-1", "ClearCache", idempotency_key="k")) == Queued(
        first.command_id, repeated=True
    )
    others = [
        await ledger.ask(command("CP-2", idempotency_key="k")),
        await ledger.ask(command(idempotency_key="K")),
        await ledger.ask(command()),
        await ledger.ask(command()),
    ]
    assert not any(queued.repeated for queued in others)
    await ledger.ask(EndCommand(first.command_id, CommandState.ANSWERED, {}, NOON))
    assert (await ledger.ask(command(idempotency_key="k"))).repeated, "it outlives the command"
    listed = await ledger.ask(ListCommands())
    assert [record.command_id for record in listed] == [first.command_id, *(q.command_id for q in others)]
    assert [(record.idempotency_key, record.action) for record in listed[:2]] == [("k", "Reset")] * 2


async def test_the_command_of_an_idempotency_key_is_found(ledger: Ledger) -> None:
    kept = await ledger.ask(command(idempotency_key="k"))
    found = await ledger.ask(FindRepeatedCommand("cp-1", "k"))
    assert found == await ledger.ask(FindCommand(kept.command_id))
    assert await ledger.ask(FindRepeatedCommand("CP-1", "K")) is None
    assert await ledger.ask(FindRepeatedCommand("CP-2", "k")) is None


async def test_commands_that_are_queued_at_once_with_one_key_are_one(ledger: Ledger) -> None:
    answers: list[Queued] = []

    async def queue() -> None:
        answers.append(await ledger.ask(command(idempotency_key="k")))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(queue)
    assert len({queued.command_id for queued in answers}) == 1
    assert sorted(queued.repeated for queued in answers) == [False] + [True] * 9


async def test_commands_that_are_not_durable_are_lost_with_the_server(ledger: Ledger) -> None:
    waiting, sent, ended = [
        (await ledger.ask(command(payload=KEY, durable=False))).command_id for _ in range(3)
    ]
    durable = (await ledger.ask(command())).command_id
    await ledger.ask(MarkCommandSent(sent, "m", NOON))
    await ledger.ask(EndCommand(ended, CommandState.EXPIRED, None, NOON))
    assert await ledger.ask(AbandonSentCommands(later(5))) == 1
    found = {record.command_id: record for record in await ledger.ask(ListCommands())}
    assert {number: record.state for number, record in found.items()} == {
        waiting: CommandState.LOST,
        sent: CommandState.UNKNOWN,
        ended: CommandState.EXPIRED,
        durable: CommandState.WAITING,
    }
    lost = found[waiting]
    assert (lost.ended_at, lost.payload, lost.durable) == (later(5), MASKED, False)
    assert lost.detail == {"reason": "the server was stopped before it was sent"}
    assert found[durable].durable


async def test_the_end_of_a_command_may_be_written_behind(ledger: Ledger) -> None:
    command_id = (await ledger.ask(command(payload=KEY, durable=False))).command_id
    detail = {"reason": "the connection was lost"}
    ledger.note(NoteCommandEnded("CP-1", command_id, CommandState.LOST, detail, later(1)))
    await notes_written(ledger)
    await ledger.ask(EndCommand(command_id, CommandState.ANSWERED, {}, later(2)))
    ended = await ledger.ask(FindCommand(command_id))
    assert ended is not None
    assert (ended.state, ended.detail, ended.ended_at) == (CommandState.LOST, detail, later(1))
    assert ended.payload == MASKED


async def test_commands_are_listed_newest_first_in_pages(ledger: Ledger) -> None:
    ids = [(await ledger.ask(command(identity))).command_id for identity in ("B", "A", "b", "A")]

    async def listed(request: ListCommands) -> list[int]:
        return [ids.index(record.command_id) for record in await ledger.ask(request)]

    assert await listed(ListCommands(newest_first=True, limit=3)) == [3, 2, 1]
    assert await listed(ListCommands(newest_first=True, before=ids[1])) == [0]
    assert await listed(ListCommands(newest_first=True, identity="b", before=ids[3])) == [2, 0]
    assert await listed(ListCommands(before=ids[2], after=ids[0])) == [1]
