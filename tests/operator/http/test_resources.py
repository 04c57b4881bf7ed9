"""IdTags, charging profiles, local lists, reservations, transactions and what happened, through the API."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import trio
from attrs import define, field
from tests.operator.http.test_guard import slug
from tests.support.central import START, Charger
from tests.support.desk import Api, FixedLive, StillFeed, open_api
from tests.support.known import introduce
from tests.support.messages import hears_nothing, meter_values, serve_command, start, stop
from trio.testing import MockClock

from ocpp_actors.check import check
from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ConfigurationKey,
    LedgerUnavailable,
    Origin,
    RecordConfiguration,
    RecordSecurityEvent,
    RecordStart,
    RequestFailed,
    SecurityEvent,
)
from ocpp_actors.operator.events import Feed
from ocpp_actors.operator.http import examples

TAGS = "/api/v1/id-tags"
PROFILES = "/api/v1/charging-profiles"
CP1 = "/api/v1/charge-points/CP1"
ACCEPTED = {"status": "Accepted"}


@asynccontextmanager
async def with_charger(**how: Any) -> AsyncIterator[tuple[Api, Charger]]:
    async with open_api(**how) as api, api.central.charger() as charger:
        await charger.boot()
        yield api, charger


async def while_it_answers(charger: Charger, *payloads: Any, ask: Any) -> tuple[Any, list[Any]]:
    """Ask the API while the charger answers its calls so; return the answer and the calls."""
    answers: list[Any] = []
    calls: list[Any] = []
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            answers.append(await ask())

        nursery.start_soon(run)
        calls += [await serve_command(charger, payload) for payload in payloads]
    return answers[0], calls


async def all_pages(api: Api, path: str, limit: int) -> list[Any]:
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get(path, params={"limit": limit, "cursor": cursor})).json()
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["nextCursor"]
    return items


# --- idTags ----------------------------------------------------------------------------------------------------


async def test_an_id_tag_is_added_read_replaced_and_removed(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        body = {"status": "Blocked", "expiryDate": "2027-01-01T01:00:00+01:00", "parentIdTag": "P"}
        added = await api.put(f"{TAGS}/Tag%2F1", json=body)
        assert (added.status_code, added.headers["etag"]) == (201, '"1"')
        assert added.headers["location"] == f"{TAGS}/Tag%2F1"
        found = await api.get(f"{TAGS}/TAG%2F1")
        assert found.json() == {
            "idTag": "Tag/1",
            "status": "Blocked",
            "expiryDate": "2027-01-01T00:00:00.000Z",
            "parentIdTag": "P",
            "maxActiveTransactions": None,
            "version": 1,
        }
        replaced = await api.put(f"{TAGS}/Tag%2F1", headers={"If-Match": found.headers["etag"]})
        assert replaced.json() | {"idTag": ""} == {
            "idTag": "",
            "status": "Accepted",
            "expiryDate": None,
            "parentIdTag": None,
            "maxActiveTransactions": None,
            "version": 2,
        }
        assert (await api.delete(f"{TAGS}/tag%2F1", headers={"If-Match": '"1"'})).status_code == 412
        assert (await api.delete(f"{TAGS}/tag%2F1", headers={"If-Match": '"2"'})).status_code == 204
        for method in ("GET", "DELETE"):
            assert slug(await api.request(method, f"{TAGS}/tag%2F1")) == "not-found"


async def test_id_tags_are_listed_and_searched(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        for name in ("b", "A", "d", "C", "e"):
            await api.put(f"{TAGS}/{name}", json={"parentIdTag": f"parent{name}"})
        assert [each["idTag"] for each in await all_pages(api, TAGS, 2)] == ["A", "b", "C", "d", "e"]
        found = (await api.get(TAGS, params={"search": "PARENTc"})).json()["items"]
        assert [each["idTag"] for each in found] == ["C"]


async def test_a_changed_id_tag_counts_at_the_next_authorize(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        await api.put(f"{TAGS}/TAG", json={"status": "Blocked"})
        answer = await charger.result("Authorize", {"idTag": "tag"})
        assert answer["idTagInfo"]["status"] == "Blocked"


async def test_an_id_tag_that_is_too_long_cannot_be_one(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        assert (await api.put(f"{TAGS}/{'x' * 21}", json={})).status_code == 400
        answer = await api.put(f"{TAGS}/x", json={"parentIdTag": "x" * 21, "expiryDate": "soon"})
        assert {error["path"] for error in answer.json()["errors"]} == {"/parentIdTag", "/expiryDate"}


# --- charging profiles -----------------------------------------------------------------------------------------


async def test_a_profile_is_kept_under_its_name(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        added = await api.put(f"{PROFILES}/night%20shift", json=examples.PROFILE)
        assert (added.status_code, added.headers["location"]) == (201, f"{PROFILES}/night%20shift")
        found = await api.get(f"{PROFILES}/night%20shift")
        assert found.json() == {"name": "night shift", "profile": examples.PROFILE, "version": 1}
        stale = await api.put(f"{PROFILES}/night%20shift", json=examples.PROFILE, headers={"If-Match": '"2"'})
        assert slug(stale) == "version-conflict"
        await api.put(f"{PROFILES}/day", json=examples.PROFILE)
        assert [each["name"] for each in await all_pages(api, PROFILES, 1)] == ["day", "night shift"]
        assert (await api.delete(f"{PROFILES}/day")).status_code == 204
        for method in ("GET", "DELETE"):
            assert slug(await api.request(method, f"{PROFILES}/day")) == "not-found"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"stackLevel": "1"}, "/stackLevel"),
        ({"stackLevel": -1}, "/stackLevel"),
        ({"nonsense": 1}, "/nonsense"),
        ({"transactionId": 1}, "/transactionId"),
        ({"chargingProfileKind": "Recurring"}, "/recurrencyKind"),
        (
            {
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 1, "limit": 1}],
                }
            },
            "/chargingSchedule/chargingSchedulePeriod/0/startPeriod",
        ),
    ],
)
async def test_a_profile_that_could_never_be_sent_is_not_kept(
    autojump_clock: MockClock, changes: dict[str, Any], path: str
) -> None:
    async with open_api() as api:
        answer = await api.put(f"{PROFILES}/x", json={**examples.PROFILE, **changes})
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert path in [error["path"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("purpose", ["TxProfile", "ChargePointMaxProfile", "TxDefaultProfile"])
async def test_a_profile_of_every_purpose_can_be_kept(autojump_clock: MockClock, purpose: str) -> None:
    async with open_api() as api:
        answer = await api.put(f"{PROFILES}/x", json={**examples.PROFILE, "chargingProfilePurpose": purpose})
        assert answer.status_code == 201, answer.text


async def test_a_named_profile_is_sent_to_a_transaction(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        await api.put(f"{PROFILES}/boost", json={**examples.PROFILE, "chargingProfilePurpose": "TxProfile"})
        body = {"connectorId": 1, "name": "boost", "transactionId": 7}
        answer, calls = await while_it_answers(
            charger, ACCEPTED, ask=lambda: api.post(f"{CP1}/charging-profiles", json=body)
        )
        assert (answer.status_code, answer.json()["response"]) == (200, ACCEPTED)
        ((action, payload),) = calls
        assert action == "SetChargingProfile"
        assert payload["csChargingProfiles"]["transactionId"] == 7
        installed = (await api.get(f"{CP1}/charging-profiles")).json()["items"]
        assert [(each["connectorId"], each["profile"]["transactionId"]) for each in installed] == [(1, 7)]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"connectorId": 1}, 422, "/name"),
        ({"connectorId": 1, "name": "x", "profile": examples.PROFILE}, 422, "/name"),
        ({"connectorId": 1, "name": "x"}, 404, None),
        ({"name": "x"}, 422, "/connectorId"),
        ({"connectorId": 1, "profile": {**examples.PROFILE, "stackLevel": -1}}, 422, "/profile/stackLevel"),
        ({"connectorId": 1, "profile": {**examples.PROFILE, "stackLevel": 0.5}}, 422, "/profile/stackLevel"),
        (
            {"connectorId": 1, "profile": {**examples.PROFILE, "chargingProfilePurpose": "TxProfile"}},
            422,
            "/profile/transactionId",
        ),
        (
            {
                "connectorId": 1,
                "profile": {**examples.PROFILE, "chargingProfilePurpose": "ChargePointMaxProfile"},
            },
            422,
            "/connectorId",
        ),
    ],
)
async def test_a_profile_that_must_not_be_sent_is_not(
    autojump_clock: MockClock, body: dict[str, Any], code: int, path: str
) -> None:
    async with with_charger() as (api, charger):
        answer = await api.post(f"{CP1}/charging-profiles", json=body)
        assert answer.status_code == code, answer.text
        if path is not None:
            assert path in [error["path"] for error in answer.json()["errors"]]
        assert await hears_nothing(charger, 5)


# --- local lists -----------------------------------------------------------------------------------------------


async def test_a_local_list_is_sent_in_parts_and_then_its_difference(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        for name in ("A", "B", "C"):
            await api.put(f"{TAGS}/{name}")
        unknown = (await api.get(f"{CP1}/local-list")).json()
        assert unknown == {"version": None, "entries": None, "changedAt": None}
        limit = ConfigurationKey(
            "SendLocalListMaxLength", "2", readonly=True, reboot_required=False, seen_at=START
        )
        await api.central.ledger.ask(RecordConfiguration("CP1", (limit,)))
        answer, calls = await while_it_answers(
            charger,
            ACCEPTED,
            ACCEPTED,
            ask=lambda: api.post(f"{CP1}/local-list", json={"updateType": "Full"}),
        )
        assert [payload["updateType"] for _, payload in calls] == ["Full", "Differential"]
        assert (answer.json()["listVersion"], answer.json()["response"]) == (2, ACCEPTED)
        await api.delete(f"{TAGS}/B")
        answer, calls = await while_it_answers(
            charger, ACCEPTED, ask=lambda: api.post(f"{CP1}/local-list", json={"updateType": "Differential"})
        )
        assert calls[0][1]["localAuthorizationList"] == [{"idTag": "B"}]
        shown = (await api.get(f"{CP1}/local-list")).json()
        assert (shown["version"], [each["idTag"] for each in shown["entries"]]) == (3, ["A", "C"])


async def test_a_local_list_ends_with_the_first_part_that_is_not_accepted(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        for name in ("A", "B", "C"):
            await api.put(f"{TAGS}/{name}")
        limit = ConfigurationKey(
            "SendLocalListMaxLength", "1", readonly=True, reboot_required=False, seen_at=START
        )
        await api.central.ledger.ask(RecordConfiguration("CP1", (limit,)))
        answer, _ = await while_it_answers(
            charger,
            ACCEPTED,
            {"status": "Failed"},
            ask=lambda: api.post(f"{CP1}/local-list", json={"updateType": "Full"}),
        )
        assert (answer.json()["listVersion"], answer.json()["response"]) == (2, {"status": "Failed"})
        assert await hears_nothing(charger, 60)


async def test_a_difference_to_an_unknown_list_is_refused(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, _):
        answer = await api.post(f"{CP1}/local-list", json={"updateType": "Differential"})
        assert (answer.status_code, slug(answer)) == (409, "unknown-list")


# --- reservations ----------------------------------------------------------------------------------------------

RESERVE = {"connectorId": 1, "idTag": "TAG", "expiryDate": "2026-03-01T14:00:00Z"}


async def test_a_reservation_is_made_and_cancelled(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        made, calls = await while_it_answers(
            charger, ACCEPTED, ask=lambda: api.post(f"{CP1}/reservations", json=RESERVE)
        )
        assert (made.status_code, made.headers["location"]) == (201, "/api/v1/reservations/1")
        assert calls == [("ReserveNow", {**RESERVE, "reservationId": 1})]
        reservation = made.json()
        assert (reservation["status"], reservation["callId"]) == ("Accepted", 1)
        del reservation["callId"]
        assert (await api.get("/api/v1/reservations/1")).json() == reservation
        refused, _ = await while_it_answers(
            charger, {"status": "Rejected"}, ask=lambda: api.delete("/api/v1/reservations/1")
        )
        assert (refused.status_code, slug(refused)) == (409, "not-allowed")
        cancelled, calls = await while_it_answers(
            charger, ACCEPTED, ask=lambda: api.delete("/api/v1/reservations/1")
        )
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "Cancelled")
        assert calls == [("CancelReservation", {"reservationId": 1})]
        again = await api.delete("/api/v1/reservations/1")
        assert (again.status_code, slug(again)) == (409, "not-allowed")


async def test_a_reservation_is_kept_whatever_the_charge_point_answers(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        made, _ = await while_it_answers(
            charger, {"status": "Occupied"}, ask=lambda: api.post(f"{CP1}/reservations", json=RESERVE)
        )
        assert (made.status_code, made.json()["status"]) == (201, "Occupied")


async def test_reservations_are_listed(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        for answer in ("Accepted", "Rejected", "Accepted"):
            await while_it_answers(
                charger, {"status": answer}, ask=lambda: api.post(f"{CP1}/reservations", json=RESERVE)
            )
        assert [each["id"] for each in await all_pages(api, "/api/v1/reservations", 2)] == [3, 2, 1]
        active = (await api.get("/api/v1/reservations?active=true&chargePoint=cp1")).json()["items"]
        assert [each["id"] for each in active] == [3, 1]
        assert (await api.get("/api/v1/reservations?chargePoint=other")).json()["items"] == []
        assert slug(await api.get("/api/v1/reservations/99")) == "not-found"
        assert slug(await api.delete("/api/v1/reservations/99")) == "not-found"


async def test_a_reservation_in_the_past_is_not_asked_for(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        body = {**RESERVE, "expiryDate": "2026-03-01T11:00:00Z"}
        answer = await api.post(f"{CP1}/reservations", json=body)
        assert [error["path"] for error in answer.json()["errors"]] == ["/expiryDate"]
        assert await hears_nothing(charger, 5)


# --- transactions ----------------------------------------------------------------------------------------------

TRANSACTIONS = "/api/v1/transactions"


async def record_starts(api: Api, number: int, **changes: Any) -> None:
    await api.central.ledger.ask(AdmitChargePoint("CP1", START))
    for count in range(number):
        facts = {
            "identity": "CP1",
            "connector_id": 1,
            "id_tag": f"TAG{count}",
            "meter_start": count,
            "timestamp": START + timedelta(seconds=count),
            "reservation_id": None,
            "received_at": START,
        }
        await api.central.ledger.ask(RecordStart(**{**facts, **changes}))


async def test_a_transaction_is_shown_from_its_start_to_its_end(autojump_clock: MockClock) -> None:
    async with with_charger(desk={"live": FixedLive(transactions={1: 7400.0})}) as (api, charger):
        await charger.result("StartTransaction", start())
        await charger.result("MeterValues", meter_values({"value": "150"}, transactionId=1))
        running = (await api.get(f"{TRANSACTIONS}/1")).json()
        assert running == {
            "id": 1,
            "chargePoint": "CP1",
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 100,
            "meterStop": None,
            "startedAt": "2026-03-01T12:00:00.000Z",
            "stoppedAt": None,
            "stopReason": None,
            "stopIdTag": None,
            "reservationId": None,
            "energyWh": 50.0,
            "powerW": 7400.0,
        }
        await charger.result("StopTransaction", stop(1))
        stopped = (await api.get(f"{TRANSACTIONS}/1")).json()
        assert (stopped["meterStop"], stopped["energyWh"], stopped["powerW"]) == (350, 250, None)
        values = (await api.get(f"{TRANSACTIONS}/1/meter-values")).json()["items"]
        assert [each["energyWh"] for each in values] == [150.0]
        assert values[0]["meterValues"][0]["sampledValue"] == [{"value": "150"}]


async def test_transactions_are_listed_newest_first_and_by_what_is_asked(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await record_starts(api, 5)
        assert [each["id"] for each in await all_pages(api, TRANSACTIONS, 2)] == [5, 4, 3, 2, 1]
        for query, ids in (
            ("idTag=tag3", [4]),
            ("chargePoint=cp1&limit=2", [5, 4]),
            ("chargePoint=other", []),
            ("active=false", []),
            ("active=true", [5, 4, 3, 2, 1]),
        ):
            found = (await api.get(f"{TRANSACTIONS}?{query}")).json()["items"]
            assert [each["id"] for each in found] == ids, query
        for path in ("99", "99/meter-values"):
            assert slug(await api.get(f"{TRANSACTIONS}/{path}")) == "not-found"


async def test_all_transactions_are_exported_as_csv(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await record_starts(api, 1203)
        await record_starts(api, 1, id_tag='=1+1,"x"', meter_start=5)
        answer = await api.get(f"{TRANSACTIONS}?limit=1", headers={"Accept": "text/csv"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="transactions.csv"'
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [int(row["id"]) for row in rows] == list(range(1204, 0, -1))
        assert rows[0]["idTag"] == '\'=1+1,"x"'
        assert (rows[-1]["startedAt"], rows[-1]["meterStop"]) == ("2026-03-01T12:00:00.000Z", "")


async def test_meter_values_are_paged_and_exported(autojump_clock: MockClock) -> None:
    async with with_charger() as (api, charger):
        await charger.result("StartTransaction", start())
        for value in range(5):
            await charger.result("MeterValues", meter_values({"value": f"{value}"}, transactionId=1))
        path = f"{TRANSACTIONS}/1/meter-values"
        assert [each["energyWh"] for each in await all_pages(api, path, 2)] == [0.0, 1.0, 2.0, 3.0, 4.0]
        answer = await api.get(path, headers={"Accept": "text/csv;q=0.9, application/json;q=0.5"})
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["energyWh"] for row in rows] == ["0.0", "1.0", "2.0", "3.0", "4.0"]
        assert orjson.loads(rows[0]["meterValues"])[0]["sampledValue"] == [{"value": "0"}]


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/csv;q=0",
        "text/html",
        "application/json, text/csv",
        "text/csv;q=x",
    ],
)
async def test_json_comes_unless_something_else_is_wanted_more(
    autojump_clock: MockClock, accept: str
) -> None:
    async with open_api() as api:
        answer = await api.get(TRANSACTIONS, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"


# --- messages --------------------------------------------------------------------------------------------------


@define
class ListedMessages:
    """A message log of given entries, whose cursors are numbers."""

    entries: list[MessageEntry]
    asked: list[MessageQuery] = field(factory=list)
    dropped: int = 0
    failing: bool = False

    def record(self, entry: MessageEntry) -> None:
        self.entries.append(entry)

    async def find(self, query: MessageQuery) -> MessagePage:
        await trio.lowlevel.checkpoint()
        self.asked.append(query)
        if self.failing:
            raise LedgerUnavailable("the disk is gone")
        if query.cursor is not None and not query.cursor.isdecimal():
            raise RequestFailed(f"the cursor {query.cursor!r} is none of the message log's")
        begin = int(query.cursor or 0)
        ordered = self.entries[::-1] if query.newest_first else self.entries
        found = ordered[begin : begin + query.limit]
        return MessagePage(found, str(begin + len(found)))


def heartbeats(number: int) -> ListedMessages:
    return ListedMessages(
        [
            MessageEntry(
                at=START + timedelta(seconds=count),
                identity="CP1",
                direction="in",
                text=f'[2,"{count}","Heartbeat",{{}}]',
                message_id=str(count),
                action="Heartbeat",
            )
            for count in range(number)
        ]
    )


async def test_messages_come_newest_first_or_oldest_first(autojump_clock: MockClock) -> None:
    async with open_api(desk={"message_log": heartbeats(5)}) as api:
        newest = await all_pages(api, "/api/v1/messages", 2)
        assert [each["messageId"] for each in newest] == ["4", "3", "2", "1", "0"]
        oldest = (await api.get("/api/v1/messages?order=oldest&limit=1")).json()["items"]
        assert oldest == [
            {
                "at": "2026-03-01T12:00:00.000Z",
                "chargePoint": "CP1",
                "direction": "in",
                "action": "Heartbeat",
                "messageId": "0",
                "frame": '[2,"0","Heartbeat",{}]',
                "verdict": None,
            }
        ]


async def test_what_is_looked_for_reaches_the_message_log(autojump_clock: MockClock) -> None:
    log = heartbeats(0)
    async with open_api(desk={"message_log": log}) as api:
        query = (
            "chargePoint=CP1&direction=out&action=Reset&since=2026-03-01T12:00:00%2B01:00&search=Soft&limit=7"
        )
        assert (await api.get(f"/api/v1/messages?{query}")).status_code == 200
        assert log.asked == [
            MessageQuery(
                identity="CP1",
                direction="out",
                action="Reset",
                since=datetime(2026, 3, 1, 11, tzinfo=UTC),
                search="Soft",
                newest_first=True,
                limit=7,
            )
        ]
        assert slug(await api.get("/api/v1/messages?cursor=nonsense")) == "invalid-parameter"
        assert slug(await api.get("/api/v1/messages?direction=up")) == "invalid-parameter"
        log.failing = True
        answer = await api.get("/api/v1/messages")
        assert (answer.status_code, slug(answer)) == (503, "ledger-unavailable")
        exported = await api.get("/api/v1/messages", headers={"Accept": "application/x-ndjson"})
        assert exported.status_code == 503


async def test_all_messages_are_exported_as_lines_that_check_reads(autojump_clock: MockClock) -> None:
    async with open_api(desk={"message_log": heartbeats(1200)}) as api:
        answer = await api.get("/api/v1/messages?limit=1", headers={"Accept": "application/x-ndjson"})
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = answer.content.splitlines()
        assert len(lines) == 1200
        assert [verdict.verdict for verdict in check(lines)] == ["valid"] * 1200
        assert [orjson.loads(line)["frame"][4:5] for line in lines[:3]] == ["0", "1", "2"]


# --- security events, changes, events --------------------------------------------------------------------------


async def test_security_events_are_listed_newest_first(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await api.central.ledger.ask(AdmitChargePoint("CP1", START))
        for number in range(3):
            event = SecurityEvent("CP1", f"Type{number}", START, None, Origin.CHARGE_POINT, START)
            await api.central.ledger.ask(RecordSecurityEvent(event))
        listed = await all_pages(api, "/api/v1/security-events", 2)
        assert [each["type"] for each in listed] == ["Type2", "Type1", "Type0"]
        assert listed[0]["origin"] == "chargePoint"
        assert (await api.get("/api/v1/security-events?chargePoint=other")).json()["items"] == []


async def test_security_events_are_listed_by_type_and_by_who_noticed_them(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, security_profile=2)
        await api.central.refused()
        await api.central.system.security_log.record("", "InvalidTLSVersion", "too old, from 192.0.2.7:1")
        reported = SecurityEvent("CP1", "InvalidTLSVersion", START, None, Origin.CHARGE_POINT, START)
        await api.central.ledger.ask(RecordSecurityEvent(reported))

        async def listed(**query: str) -> list[tuple[str | None, str]]:
            found = (await api.get("/api/v1/security-events", params=query)).json()["items"]
            return [(each["chargePoint"], each["type"]) for each in found]

        own = [(None, "InvalidTLSVersion"), ("CP1", "SecurityProfileTooLow")]
        assert await listed(origin="centralSystem") == own
        assert await listed(origin="chargePoint") == [("CP1", "InvalidTLSVersion")]
        assert await listed(type="InvalidTLSVersion") == [("CP1", "InvalidTLSVersion"), own[0]]
        assert await listed(type="InvalidTLSVersion", origin="centralSystem") == own[:1]
        assert await listed(type="SecurityProfileTooLow", chargePoint="cp1") == own[1:]
        assert await listed(type="InvalidTLS") == []
        assert (await api.get("/api/v1/security-events?origin=nobody")).status_code == 400


async def test_every_change_is_listed_with_who_made_it(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        for number in range(3):
            await api.put(f"{TAGS}/T{number}", headers={"X-Operator": f"op{number}"})
        listed = await all_pages(api, "/api/v1/changes", 2)
        assert [(each["operator"], each["what"], each["subject"]) for each in listed] == [
            ("op2", "PutIdTag", "T2"),
            ("op1", "PutIdTag", "T1"),
            ("op0", "PutIdTag", "T0"),
        ]
        assert listed[0]["at"] == "2026-03-01T12:00:00.000Z"


async def test_an_event_stream_is_asked_for_with_what_is_wanted_and_ends_with_the_server(
    autojump_clock: MockClock,
) -> None:
    feed = StillFeed()
    async with open_api(desk={"feed": feed}) as api:
        answers = []

        async def follow(path: str, **headers: str) -> None:
            answers.append(await api.get(path, headers=headers))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: follow("/api/v1/events"))
            await trio.sleep(1)
            nursery.start_soon(
                lambda: follow(
                    "/api/v1/events?types=status,message&chargePoint=A", **{"Last-Event-ID": "e-1"}
                )
            )
            await trio.sleep(1)
            nursery.start_soon(lambda: follow("/api/v1/events?lastEventId=e-2"))
            await trio.sleep(1)
            assert feed.open == 3
            api.desk.ending.set()
        assert feed.open == 0
        assert feed.asked == [
            (None, None, None),
            (frozenset({"status", "message"}), "A", "e-1"),
            (None, None, "e-2"),
        ]
        for answer in answers:
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.text == ": hello\n\n"
        refused = await api.get("/api/v1/events?types=status,nonsense")
        assert (refused.status_code, slug(refused)) == (400, "invalid-parameter")


async def test_a_head_of_an_event_stream_ends(autojump_clock: MockClock) -> None:
    feed = StillFeed()
    async with open_api(desk={"feed": feed}) as api:
        answer = await api.head("/api/v1/events")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert feed.open == 0


async def test_as_many_event_clients_as_may_are_told_to_the_next(autojump_clock: MockClock) -> None:
    async with open_api(desk={"feed": Feed("e", max_clients=0)}) as api:
        refused = await api.get("/api/v1/events")
        assert (refused.status_code, slug(refused)) == (503, "too-many-clients")
        assert refused.headers["Retry-After"]
