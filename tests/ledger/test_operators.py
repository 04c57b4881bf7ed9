from typing import Any

import pytest
from attrs import evolve
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, POISON, command, later, start

from ocpp_actors.ledger.actor import Job
from ocpp_actors.ledger.database import parse_url
from ocpp_actors.ledger.group_commit import LedgerStore
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ByOperator,
    ChargePointSettings,
    EndCommand,
    FindIdTag,
    IdTag,
    KeyHash,
    Ledger,
    ListIdTags,
    ListOperatorWrites,
    ListTransactions,
    OperatorWrite,
    PutChargePoint,
    PutIdTag,
    PutNamedProfile,
    RemoveChargePoint,
    RemoveIdTag,
    Request,
    RequestFailed,
    ReservationState,
    SetKey,
    SetReservationState,
    VersionConflict,
)
from ocpp_actors.ledger.port import CommandState as State
from ocpp_actors.protocol.messages import AuthorizationStatus, RegistrationStatus

TAG = IdTag("TAG", AuthorizationStatus.ACCEPTED, NOON, max_active_transactions=2)


def by(request: Request[Any], operator: str = "ann", seconds: float = 0) -> ByOperator[Any]:
    return ByOperator(request, operator, later(seconds))


async def written(ledger: Ledger, request: Request[Any]) -> OperatorWrite:
    await ledger.ask(by(request))
    return (await ledger.ask(ListOperatorWrites(limit=1)))[0]


async def test_an_operators_request_is_carried_out_and_kept(ledger: Ledger) -> None:
    assert await ledger.ask(by(PutIdTag(TAG))) == TAG
    assert await ledger.ask(FindIdTag("tag")) == TAG
    (write,) = await ledger.ask(ListOperatorWrites())
    assert evolve(write, write_id=0) == OperatorWrite(
        write_id=0,
        at=NOON,
        operator="ann",
        what="PutIdTag",
        subject="TAG",
        detail={
            "idTag": {
                "idTag": "TAG",
                "status": "Accepted",
                "expiryDate": "2024-05-01T12:00:00.123Z",
                "parentIdTag": None,
                "maxActiveTransactions": 2,
                "version": 1,
            },
            "expectedVersion": None,
        },
    )


@pytest.mark.parametrize(
    ("request_", "subject", "detail"),
    [
        (
            PutChargePoint("CP-1", RegistrationStatus.REJECTED, ChargePointSettings(pings=False), NOON),
            "CP-1",
            {
                "registration": "Rejected",
                "settings": {
                    "lenient": False,
                    "pings": False,
                    "abortOnShutdown": False,
                    "securityProfile": 0,
                },
            },
        ),
        (RemoveChargePoint("Cp-1", NOON), "Cp-1", {"expectedVersion": None}),
        (RemoveIdTag("TAG"), "TAG", {"idTag": "TAG"}),
        (PutNamedProfile("night", {"stackLevel": 1}), "night", {"profile": {"stackLevel": 1}}),
        (
            SetReservationState("CP-1", 7, ReservationState.CANCELLED, NOON),
            "CP-1",
            {"reservationId": 7, "state": "Cancelled"},
        ),
        (EndCommand(7, State.LOST, None, NOON), "7", {"state": "lost"}),
        (ListIdTags(), "", {"limit": 100}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Request) else "",
)
async def test_what_is_kept_names_whom_it_is_about_and_the_fields(
    ledger: Ledger, request_: Request[Any], subject: str, detail: dict[str, Any]
) -> None:
    write = await written(ledger, request_)
    assert (write.what, write.subject) == (type(request_).__name__, subject)
    assert write.detail | detail == write.detail


async def test_of_a_key_is_kept_only_that_it_was_set_or_removed(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    key = await written(ledger, SetKey("CP-1", KeyHash("$sha256$salt$digest")))
    assert (key.subject, key.detail) == ("CP-1", {"identity": "CP-1", "key": "set"})
    removed = await written(ledger, SetKey("CP-1", None))
    assert removed.detail == {"identity": "CP-1", "key": "removed"}


async def test_secrets_are_masked_in_what_is_kept(ledger: Ledger) -> None:
    key = {"key": "AuthorizationKey", "value": "0123456789abcdef"}
    write = await written(ledger, command(action="ChangeConfiguration", payload=key))
    assert write.detail["payload"] == {"key": "AuthorizationKey", "value": "***"}


async def test_a_request_that_fails_is_not_kept(ledger: Ledger) -> None:
    with pytest.raises(RequestFailed, match="unknown"):
        await ledger.ask(by(SetKey("CP-1", None)))
    with pytest.raises(VersionConflict) as conflict:
        await ledger.ask(by(PutIdTag(TAG, expected_version=3)))
    assert conflict.value.version == 0
    with capture_logs(), pytest.raises(RequestFailed):
        await ledger.ask(by(command(payload={"value": object()})))
    assert await ledger.ask(ListOperatorWrites()) == []


def test_in_one_commit_with_others_only_the_one_that_fails_leaves_nothing(database_url: str) -> None:
    store = LedgerStore(parse_url(database_url))
    store.open()
    conflict = by(PutIdTag(TAG, expected_version=3))
    jobs = [Job(by(PutIdTag(TAG))), Job(conflict), Job(by(POISON)), Job(by(start(), "bob"))]
    with capture_logs():
        store.carry_out(jobs)
    listed = [Job(ListOperatorWrites()), Job(ListTransactions())]
    store.carry_out(listed)
    store.close()
    assert [type(job.error) for job in jobs] == [type(None), VersionConflict, RequestFailed, type(None)]
    writes, transactions = [job.answer for job in listed]
    assert [(write.operator, write.what) for write in writes] == [("bob", "RecordStart"), ("ann", "PutIdTag")]
    assert len(transactions) == 1


async def test_operators_writes_are_listed_newest_first_in_pages(ledger: Ledger) -> None:
    for number in range(4):
        await ledger.ask(by(PutIdTag(evolve(TAG, id_tag=str(number))), f"op {number}", number))
    newest, *_ = first = await ledger.ask(ListOperatorWrites(limit=3))
    assert [write.subject for write in first] == ["3", "2", "1"]
    assert (newest.operator, newest.at) == ("op 3", later(3))
    rest = await ledger.ask(ListOperatorWrites(before=first[-1].write_id))
    assert [write.subject for write in rest] == ["0"]
