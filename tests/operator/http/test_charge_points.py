"""Charge points through the API: what is shown, searched, decided and removed."""

from typing import Any

import pytest
import trio
from tests.operator.http.test_guard import slug
from tests.support.central import START
from tests.support.desk import Api, FixedLive, open_api
from tests.support.messages import hears_nothing, serve_command, start, status
from trio.testing import MockClock

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ConfigurationKey,
    FindChargePoint,
    RecordConfiguration,
    RecordSigningRequest,
)

CHARGE_POINTS = "/api/v1/charge-points"


async def identities(api: Api, **query: Any) -> list[str]:
    answer = await api.get(CHARGE_POINTS, params=query)
    assert answer.status_code == 200, answer.text
    return [each["identity"] for each in answer.json()["items"]]


async def admit(api: Api, *names: str) -> None:
    for name in names:
        await api.central.ledger.ask(AdmitChargePoint(name, START))


# --- showing ---------------------------------------------------------------------------------------------------


async def test_a_connected_charge_point_shows_its_newest_facts(autojump_clock: MockClock) -> None:
    live = FixedLive({"CP1": 7400.0})
    async with open_api(desk={"live": live}) as api, api.central.charger() as charger:
        await charger.boot(firmwareVersion="1.2", chargePointSerialNumber="S1", imsi="I1")
        await charger.result("StatusNotification", status(2, status="Charging", info="hot"))
        await charger.result("StatusNotification", status(0))
        await trio.sleep(5)
        shown = (await api.get(f"{CHARGE_POINTS}/cp1")).json()
    assert [each["connectorId"] for each in shown.pop("connectors")] == [0, 2]
    assert shown == {
        "identity": "CP1",
        "online": True,
        "registration": "Accepted",
        "vendor": "Vendor",
        "model": "Model",
        "serialNumber": "S1",
        "chargeBoxSerialNumber": None,
        "firmwareVersion": "1.2",
        "iccid": None,
        "imsi": "I1",
        "meterType": None,
        "meterSerialNumber": None,
        "firstSeen": "2026-03-01T12:00:00.000Z",
        "lastSeen": "2026-03-01T12:00:00.000Z",
        "bootedAt": "2026-03-01T12:00:00.000Z",
        "connectedSince": "2026-03-01T12:00:00.000Z",
        "remote": "test:1",
        "securityProfile": 0,
        "settings": {"lenient": False, "pings": True, "abortOnShutdown": False, "securityProfile": 0},
        "hasKey": False,
        "hasNextKey": False,
        "progress": {},
        "waitingCalls": 0,
        "powerW": 7400.0,
        "misbehaviour": [],
        "version": 1,
    }


async def test_an_offline_charge_point_shows_what_the_ledger_knows(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        async with api.central.charger() as charger:
            await charger.boot()
        await trio.sleep(1)
        shown = (await api.get(f"{CHARGE_POINTS}/CP1")).json()
    assert (shown["online"], shown["remote"], shown["connectedSince"]) == (False, None, None)
    assert shown["vendor"] == "Vendor"


async def test_an_unknown_charge_point_is_404_everywhere(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        for method, path in (
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("PUT", "/key"),
            ("DELETE", "/key"),
            ("POST", "/key/rotation"),
            ("GET", "/certificates"),
            ("POST", "/certificates/1/revocation"),
            ("GET", "/configuration"),
            ("GET", "/charging-profiles"),
            ("GET", "/local-list"),
            ("POST", "/calls/ClearCache"),
            ("POST", "/calls/ClearCache?wait=queue"),
        ):
            answer = await api.request(method, f"{CHARGE_POINTS}/nobody{path}")
            assert (answer.status_code, slug(answer)) == (404, "unknown-charge-point"), (method, path)


async def test_identities_with_odd_characters_are_found(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        for name, path in (("a/b", "a%2Fb"), ("ü 1%", "%C3%BC%201%25"), ("a+b?", "a%2Bb%3F")):
            await admit(api, name)
            assert (await api.get(f"{CHARGE_POINTS}/{path}")).json()["identity"] == name
        for path in ("%FF", "a%00b", "x" * 256):
            answer = await api.put(f"{CHARGE_POINTS}/{path}", json={})
            assert (answer.status_code, slug(answer)) == (400, "invalid-parameter"), path


# --- listing ---------------------------------------------------------------------------------------------------


async def test_a_list_is_read_page_by_page_without_gaps(autojump_clock: MockClock) -> None:
    names = [f"CP{number:02}" for number in range(25)]
    async with open_api() as api:
        await admit(api, *reversed(names))
        seen: list[list[str]] = []
        cursor: Any = ""
        while cursor is not None:
            page = (await api.get(CHARGE_POINTS, params={"limit": 10, "cursor": cursor})).json()
            seen.append([each["identity"] for each in page["items"]])
            cursor = page["nextCursor"]
        assert [len(each) for each in seen] == [10, 10, 5]
        assert [each for page in seen for each in page] == names


async def test_a_list_that_ends_with_a_full_page_has_no_next_one(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await admit(api, "A", "B")
        assert (await api.get(CHARGE_POINTS, params={"limit": 2})).json()["nextCursor"] is None


async def test_charge_points_are_found_by_whether_they_are_online(autojump_clock: MockClock) -> None:
    async with open_api() as api, api.central.charger("b2") as charger, api.central.charger("D4") as other:
        await charger.boot(firmwareVersion="9.9")
        await other.boot()
        await admit(api, "A1", "C3", "E5")
        assert await identities(api) == ["A1", "b2", "C3", "D4", "E5"]
        assert await identities(api, online="true") == ["b2", "D4"]
        assert await identities(api, online="false") == ["A1", "C3", "E5"]
        assert await identities(api, online="true", search="9.9") == ["b2"]
        assert await identities(api, search="9.9") == ["b2"]
        assert await identities(api, online="true", registration="Pending") == []
        assert await identities(api, online="true", registration="Accepted", search="vend") == ["b2", "D4"]


async def test_charge_points_are_found_by_whether_they_report_a_fault(autojump_clock: MockClock) -> None:
    async with open_api() as api, api.central.charger("b2") as charger, api.central.charger("D4") as other:
        for each in (charger, other):
            await each.boot()
            await each.result("StatusNotification", status(1))
        await charger.result("StatusNotification", status(0, errorCode="WeakSignal"))
        async with api.central.charger("C3") as leaving:
            await leaving.boot()
            await leaving.result("StatusNotification", status(1, status="Faulted"))
        await admit(api, "A1")
        await trio.sleep(1)
        assert await identities(api, faulted="true") == ["b2", "C3"]
        assert await identities(api, faulted="false") == ["A1", "D4"]
        assert await identities(api, faulted="true", online="true") == ["b2"]
        assert await identities(api, faulted="false", online="true") == ["D4"]
        assert await identities(api, faulted="true", online="false") == ["C3"]
        assert await identities(api, faulted="false", online="false") == ["A1"]
        assert await identities(api, faulted="true", online="true", registration="Pending") == []


@pytest.mark.parametrize("online", ["true", "false"])
async def test_pages_of_those_online_or_offline_have_no_gaps(autojump_clock: MockClock, online: str) -> None:
    async with open_api() as api, trio.open_nursery() as nursery:

        async def connect(name: str) -> None:
            async with api.central.charger(name) as charger:
                await charger.boot()
                await trio.sleep_forever()

        for number in range(7):
            nursery.start_soon(connect, f"ON{number}")
        await admit(api, *(f"OFF{number}" for number in range(7)))
        await trio.sleep(1)
        seen: list[str] = []
        cursor: Any = ""
        while cursor is not None:
            query = {"limit": 3, "online": online, "cursor": cursor}
            page = (await api.get(CHARGE_POINTS, params=query)).json()
            seen += [each["identity"] for each in page["items"]]
            cursor = page["nextCursor"]
        prefix = "ON" if online == "true" else "OFF"
        assert seen == [f"{prefix}{number}" for number in range(7)]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("query", "name", "rule"),
    [
        ("limit=0", "/limit", "minimum"),
        ("limit=1001", "/limit", "maximum"),
        ("limit=ten", "/limit", "type"),
        ("limit=1.5", "/limit", "type"),
        ("limit=99999999999999999999", "/limit", "type"),
        ("online=yes", "/online", "type"),
        ("online=1", "/online", "type"),
        ("faulted=Faulted", "/faulted", "type"),
        ("registration=accepted", "/registration", "enum"),
        ("nonsense=1", "/nonsense", "additionalProperties"),
        ("limit=1&limit=2", "/limit", "maxItems"),
        ("search=" + "x" * 101, "/search", "maxLength"),
        ("cursor=%21", "/cursor", "rule"),
        ("cursor=MTI", "/cursor", "rule"),
        ("cursor=bnVsbA", "/cursor", "rule"),
        ("search=%FF", "", "type"),
    ],
)
async def test_a_parameter_that_cannot_be_used_is_400(
    autojump_clock: MockClock, query: str, name: str, rule: str
) -> None:
    async with open_api() as api:
        answer = await api.get(f"{CHARGE_POINTS}?{query}")
        assert (answer.status_code, slug(answer)) == (400, "invalid-parameter")
        (error,) = answer.json()["errors"]
        assert (error["path"], error["rule"]) == (name, rule), error


async def test_an_empty_parameter_is_none(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await admit(api, "A1")
        query = dict.fromkeys(("search", "online", "registration", "faulted", "limit", "cursor"), "")
        assert await identities(api, **query) == ["A1"]


# --- deciding --------------------------------------------------------------------------------------------------


async def test_a_charge_point_is_added_once_and_then_changed(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        added = await api.put(f"{CHARGE_POINTS}/New%201", json={"registration": "Pending"})
        assert (added.status_code, added.headers["etag"]) == (201, '"1"')
        assert added.headers["location"] == "/api/v1/charge-points/New%201"
        changed = await api.put(f"{CHARGE_POINTS}/new%201", json={"settings": {"lenient": True}})
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        shown = changed.json()
        assert (shown["identity"], shown["registration"]) == ("New 1", "Pending")
        assert shown["settings"] == {
            "lenient": True,
            "pings": True,
            "abortOnShutdown": False,
            "securityProfile": 0,
        }


async def test_a_patch_changes_what_is_given_alone(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await api.put(
            f"{CHARGE_POINTS}/A",
            json={"registration": "Pending", "settings": {"lenient": True, "pings": False}},
        )
        shown = (await api.patch(f"{CHARGE_POINTS}/A", json={"settings": {"pings": True}})).json()
        assert shown["registration"] == "Pending"
        assert shown["settings"] == {
            "lenient": True,
            "pings": True,
            "abortOnShutdown": False,
            "securityProfile": 0,
        }
        shown = (await api.patch(f"{CHARGE_POINTS}/A", json={"registration": "Rejected"})).json()
        assert (shown["registration"], shown["settings"]["lenient"]) == ("Rejected", True)


async def test_a_decision_counts_at_once_for_who_is_connected(autojump_clock: MockClock) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        await api.patch(f"{CHARGE_POINTS}/cp1", json={"settings": {"lenient": True}})
        entry = api.central.fleet.find("CP1")
        assert entry is not None
        assert entry.charge_point.lenient
        shown = (await api.get(CHARGE_POINTS, params={"online": "true"})).json()["items"]
        assert [each["version"] for each in shown] == [2]


async def test_a_raised_security_profile_counts_from_the_next_connection_on(
    autojump_clock: MockClock,
) -> None:
    async with open_api() as api:
        async with api.central.charger() as charger:
            await charger.boot()
            answer = await api.patch(f"{CHARGE_POINTS}/CP1", json={"settings": {"securityProfile": 2}})
            assert answer.json()["settings"]["securityProfile"] == 2
            await charger.result("Heartbeat", {})
        assert (await api.central.refused()).status_code == 403
        await api.patch(f"{CHARGE_POINTS}/CP1", json={"settings": {"lenient": True}})
        assert (await api.central.refused()).status_code == 403
        await api.patch(f"{CHARGE_POINTS}/CP1", json={"settings": {"securityProfile": 0}})
        async with api.central.charger() as charger:
            await charger.result("Heartbeat", {})


@pytest.mark.parametrize("profile", [-1, 4, 1.5, "1", True])
async def test_there_are_security_profiles_0_to_3(autojump_clock: MockClock, profile: object) -> None:
    async with open_api() as api:
        for method in ("PUT", "PATCH"):
            answer = await api.request(
                method, f"{CHARGE_POINTS}/CP1", json={"settings": {"securityProfile": profile}}
            )
            assert answer.status_code == 422
            assert [error["path"] for error in answer.json()["errors"]] == ["/settings/securityProfile"]


async def test_what_waits_for_a_charge_point_is_sent_once_an_operator_lets_it_in_again(
    autojump_clock: MockClock,
) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        await api.patch(f"{CHARGE_POINTS}/CP1", json={"registration": "Rejected"})
        await api.post(f"{CHARGE_POINTS}/CP1/calls/ClearCache", params={"wait": "queue"})
        assert await hears_nothing(charger, 60)
        await api.patch(f"{CHARGE_POINTS}/CP1", json={"registration": "Accepted"})
        with trio.fail_after(1):
            assert await serve_command(charger, {"status": "Accepted"}) == ("ClearCache", {})


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_version_that_was_changed_meanwhile_is_412(autojump_clock: MockClock, method: str) -> None:
    async with open_api() as api:
        await api.put(f"{CHARGE_POINTS}/A", json={})
        await api.put(f"{CHARGE_POINTS}/A", json={})

        async def change(version: str) -> Any:
            body: dict[str, Any] = {} if method == "DELETE" else {"json": {}}
            return await api.request(method, f"{CHARGE_POINTS}/A", headers={"If-Match": version}, **body)

        stale = await change('"1"')
        assert (stale.status_code, slug(stale), stale.json()["version"]) == (412, "version-conflict", 2)
        for nonsense in ("2", "*", 'W/"2"', '"2", "3"', '"0"', ""):
            assert (await change(nonsense)).status_code == 400, nonsense
        assert (await change('"2"')).status_code in (200, 204)


async def test_what_exists_is_not_added_again(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        only_new = {"If-None-Match": "*"}
        assert (await api.put(f"{CHARGE_POINTS}/A", json={}, headers=only_new)).status_code == 201
        answer = await api.put(f"{CHARGE_POINTS}/A", json={}, headers=only_new)
        assert (answer.status_code, slug(answer)) == (412, "version-conflict")
        for headers in ({"If-None-Match": '"1"'}, {**only_new, "If-Match": '"1"'}):
            assert (await api.put(f"{CHARGE_POINTS}/A", json={}, headers=headers)).status_code == 400


async def test_every_fault_of_a_body_is_told(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        answer = await api.put(
            f"{CHARGE_POINTS}/A",
            json={"registration": 1, "settings": {"lenient": None, "other": 1}, "x/y": 2},
        )
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert {(error["path"], error["rule"]) for error in answer.json()["errors"]} == {
            ("/x~1y", "additionalProperties"),
            ("/settings/other", "additionalProperties"),
            ("/registration", "type"),
            ("/settings/lenient", "type"),
        }


async def test_a_removed_charge_point_is_gone_and_its_connection_closed(autojump_clock: MockClock) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        assert (await api.delete(f"{CHARGE_POINTS}/cp1")).status_code == 204
        assert (await charger.closed())[0] == 1008
        assert (await api.get(f"{CHARGE_POINTS}/CP1")).status_code == 404
        assert (await api.delete(f"{CHARGE_POINTS}/CP1")).status_code == 404


# --- keys, certificates, configuration -------------------------------------------------------------------------


async def test_a_key_is_made_shown_once_and_asked_for_from_then_on(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await admit(api, "CP1")
        answer = await api.put(f"{CHARGE_POINTS}/CP1/key")
        key = answer.json()["key"]
        assert len(bytes.fromhex(key)) == 20
        assert (await api.get(f"{CHARGE_POINTS}/CP1")).json()["hasKey"] is True
        assert (await api.central.refused()).status_code == 401
        assert key not in (await api.get("/api/v1/changes")).text
        assert (await api.delete(f"{CHARGE_POINTS}/CP1/key")).status_code == 204
        async with api.central.charger() as charger:
            await charger.boot()


async def test_a_key_of_a_connected_charge_point_counts_at_its_next_connection(
    autojump_clock: MockClock,
) -> None:
    async with open_api() as api:
        async with api.central.charger() as charger:
            await charger.boot()
            await api.put(f"{CHARGE_POINTS}/CP1/key")
            record = await api.central.ledger.ask(FindChargePoint("CP1"))
            assert record is not None
            assert record.key is not None
        assert (await api.central.refused()).status_code == 401


async def test_signing_requests_and_configuration_are_shown(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await admit(api, "CP1")
        await api.central.ledger.ask(RecordSigningRequest("CP1", "PEM", START))
        key = ConfigurationKey(
            "HeartbeatInterval", "300", readonly=False, reboot_required=True, seen_at=START
        )
        await api.central.ledger.ask(RecordConfiguration("CP1", (key,)))
        found = (await api.get(f"{CHARGE_POINTS}/CP1/certificates")).json()["signingRequests"]
        assert [each["csr"] for each in found] == ["PEM"]
        assert (await api.get(f"{CHARGE_POINTS}/CP1/configuration")).json()["items"] == [
            {
                "key": "HeartbeatInterval",
                "value": "300",
                "readonly": False,
                "rebootRequired": True,
                "seenAt": "2026-03-01T12:00:00.000Z",
            }
        ]


async def test_the_overview_counts(autojump_clock: MockClock) -> None:
    async with open_api(desk={"live": FixedLive({"CP1": 7400.0}), "testing": True}) as api:
        await admit(api, "A")
        async with api.central.charger() as charger:
            await charger.boot()
            await charger.result("StatusNotification", status(1, status="Faulted", errorCode="GroundFailure"))
            shown = (await api.get("/api/v1/overview")).json()
    assert (shown["chargePoints"], shown["online"], shown["faulted"]) == (2, 1, 1)
    assert (shown["powerW"], shown["chargingNow"], shown["testing"]) == (7400.0, 0, True)
    assert shown["connectors"] == {"Faulted": 1}
    assert shown["startedAt"] == "2026-03-01T12:00:00.000Z"
    assert shown["chargePointUrls"] == ["ws://127.0.0.1:9000/ocpp"]


async def test_only_who_is_online_is_charging_now(autojump_clock: MockClock) -> None:
    async with open_api() as api:

        async def charging_now() -> int:
            return int((await api.get("/api/v1/overview")).json()["chargingNow"])

        async with api.central.charger() as charger:
            await charger.boot()
            await charger.result("StartTransaction", start())
            assert await charging_now() == 1
        await trio.sleep(1)
        assert await charging_now() == 0
