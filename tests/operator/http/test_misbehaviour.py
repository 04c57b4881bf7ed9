"""Misbehaviour through the API: only where TESTING allows it, judged, kept with who wanted it, shown."""

from typing import Any

import pytest
from tests.operator.http.test_guard import slug
from tests.support.central import BOOT
from tests.support.desk import open_api
from tests.support.messages import hears_nothing
from trio.testing import MockClock

PATH = "/api/v1/charge-points/CP1/misbehaviour"
DROP = {"kind": "drop", "action": "BootNotification", "times": 1}
CLOSE = {"kind": "close", "closeCode": 1012, "probability": 0.5}


async def test_rules_are_decided_shown_and_ended(autojump_clock: MockClock) -> None:
    async with open_api(testing=True) as api, api.central.charger() as charger:
        assert (await api.get(PATH)).json() == {"rules": []}
        decided = await api.put(PATH, json={"rules": [DROP, CLOSE]}, headers={"X-Operator": "ann"})
        assert decided.status_code == 200, decided.text
        first, second = decided.json()["rules"]
        assert first == {
            "kind": "drop",
            "action": "BootNotification",
            "probability": 1.0,
            "times": 1,
            "seconds": None,
            "errorCode": None,
            "closeCode": None,
            "applied": 0,
        }
        assert (second["action"], second["closeCode"], second["times"]) == (None, 1012, None)

        await charger.send([2, "lost", "BootNotification", BOOT])
        assert await hears_nothing(charger, 5)
        assert (await api.get(PATH)).json()["rules"][0]["applied"] == 1
        shown = (await api.get("/api/v1/charge-points/cp1")).json()
        assert [rule["kind"] for rule in shown["misbehaviour"]] == ["drop", "close"]

        assert (await api.request("DELETE", PATH)).status_code == 204
        assert (await api.get(PATH)).json() == {"rules": []}
        await charger.boot()
        removed, put = (await api.get("/api/v1/changes")).json()["items"]
        assert (put["operator"], put["what"], put["subject"]) == ("ann", "RecordMisbehaviour", "CP1")
        assert put["detail"]["rules"] == [{**DROP, "probability": 1.0}, CLOSE]
        assert removed["detail"]["rules"] == []


async def test_a_charge_point_that_is_offline_can_be_prepared(autojump_clock: MockClock) -> None:
    async with open_api(testing=True) as api:
        assert (await api.put("/api/v1/charge-points/CP1", json={})).status_code == 201
        rule = {"kind": "callError", "errorCode": "GenericError"}
        assert (await api.put(PATH, json={"rules": [rule]})).status_code == 200
        async with api.central.charger() as charger:
            assert (await charger.call("BootNotification", BOOT))[2] == "GenericError"


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({}, "/rules/0"),
        ({"kind": "sulk"}, "/rules/0/kind"),
        ({"kind": "drop", "action": "Reset"}, "/rules/0/action"),
        ({"kind": "drop", "probability": 1.5}, "/rules/0/probability"),
        ({"kind": "drop", "times": 0}, "/rules/0/times"),
        ({"kind": "drop", "seconds": 1}, "/rules/0/seconds"),
        ({"kind": "delay", "seconds": 3601}, "/rules/0/seconds"),
        ({"kind": "delay", "errorCode": "GenericError"}, "/rules/0/errorCode"),
        ({"kind": "callError", "errorCode": "Nonsense"}, "/rules/0/errorCode"),
        ({"kind": "close", "closeCode": 1006}, "/rules/0/closeCode"),
        ({"kind": "close", "closeCode": 5000}, "/rules/0/closeCode"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(
    autojump_clock: MockClock, rule: dict[str, Any], path: str
) -> None:
    async with open_api(testing=True) as api, api.central.charger() as charger:
        await charger.boot()
        assert (await api.put(PATH, json={"rules": [DROP]})).status_code == 200
        answer = await api.put(PATH, json={"rules": [rule]})
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert answer.json()["errors"][0]["path"].startswith(path)
        assert [each["kind"] for each in (await api.get(PATH)).json()["rules"]] == ["drop"]


async def test_there_are_not_too_many_rules(autojump_clock: MockClock) -> None:
    async with open_api(testing=True) as api, api.central.charger():
        for number, status in ((100, 200), (101, 422)):
            answer = await api.put(PATH, json={"rules": [DROP] * number})
            assert answer.status_code == status


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"rules": [DROP]}), ("DELETE", None)])
async def test_it_needs_testing_and_a_charge_point(
    autojump_clock: MockClock, method: str, body: dict[str, Any] | None
) -> None:
    async with open_api(testing=True) as api:
        answer = await api.request(method, PATH, json=body)
        assert (answer.status_code, slug(answer)) == (404, "unknown-charge-point")
    async with open_api() as api, api.central.charger() as charger:
        answer = await api.request(method, PATH, json=body)
        assert (answer.status_code, slug(answer)) == (403, "testing-off")
        await charger.boot()
        assert (await api.get("/api/v1/changes")).json()["items"] == []
