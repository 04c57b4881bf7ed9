"""Who is let in: token, cookie, origin, host, proxies, and how often a wrong token may be tried."""

from datetime import timedelta
from typing import Any

import pytest
import trio
from tests.support.central import START
from tests.support.desk import Api, open_api
from trio.testing import MockClock

from ocpp_actors.clock import SystemClock
from ocpp_actors.operator.http import session
from ocpp_actors.operator.http.guard import Guard
from ocpp_actors.operator.http.problems import TOO_MANY_ATTEMPTS, UNAUTHORIZED, Problem

TOKEN = "a-token-of-sixteen-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HERE = {"Origin": "http://localhost"}
THERE = {"Origin": "http://evil.example"}
OVERVIEW = "/api/v1/overview"
TAG = "/api/v1/id-tags/TAG"


def slug(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    return str(document["type"]).removeprefix("urn:ocpp-actors:problem:")


async def log_in(api: Api, **body: Any) -> dict[str, str]:
    answer = await api.post("/api/v1/session", json={"token": TOKEN, **body})
    assert answer.status_code == 204, answer.text
    api.client.cookies.clear()
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


async def who_changed_last(api: Api) -> str:
    changes = (await api.get("/api/v1/changes", headers=BEARER)).json()["items"]
    return str(changes[0]["operator"])


# --- token -----------------------------------------------------------------------------------------------------


async def test_without_a_token_set_everybody_is_local(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        assert (await api.get(OVERVIEW)).status_code == 200
        assert (await api.put(TAG, json={})).status_code == 201
        assert await who_changed_last(api) == "local"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Cookie": "ocpp_actors_session=nonsense"},
        {"Cookie": "ocpp_actors_session="},
    ],
)
async def test_a_missing_or_wrong_token_is_401(autojump_clock: MockClock, headers: dict[str, str]) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        for path in (OVERVIEW, "/metrics", "/api/v1/schema", "/api/v1/events", "/api/v1/charge-points/x"):
            answer = await api.get(path, headers=headers)
            assert (answer.status_code, slug(answer)) == (401, "unauthorized"), path
            assert answer.headers["www-authenticate"] == "Bearer"
        reset = await api.post("/api/v1/charge-points/CP1/calls/Reset", headers=headers)
        assert reset.status_code == 401
        assert (
            await api.post("/api/v1/charge-points/CP1/calls/Nonsense", headers=headers)
        ).status_code == 401


async def test_the_token_opens_everything(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        assert (await api.get(OVERVIEW, headers=BEARER)).status_code == 200
        assert (await api.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"})).status_code == 200
        assert (await api.put(TAG, json={}, headers=BEARER)).status_code == 201
        assert await who_changed_last(api) == "api"


async def test_health_pages_and_the_session_need_no_token(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        for path in ("/health/live", "/health/ready", "/"):
            assert (await api.get(path)).status_code == 200, path
        state = (await api.get("/api/v1/session")).json()
        assert state == {"loginRequired": True, "loggedIn": False, "name": None, "testing": False}


async def test_an_operator_can_give_a_name(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        await api.put(TAG, json={}, headers={**BEARER, "X-Operator": "alice"})
        assert await who_changed_last(api) == "alice"
        for name in ("x" * 51, " ", "a\tb"):
            answer = await api.put(TAG, json={}, headers={**BEARER, "X-Operator": name})
            assert (answer.status_code, slug(answer)) == (400, "invalid-parameter"), name


async def test_wrong_tokens_have_to_wait_and_the_right_one_has_not(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        cookie = await log_in(api)
        wrong = {"Authorization": "Bearer wrong"}
        answers = [(await api.get(OVERVIEW, headers=wrong)).status_code for _ in range(15)]
        assert answers == [401] * 11 + [429] * 4
        refused = await api.post("/api/v1/session", json={"token": "wrong"})
        assert slug(refused) == "too-many-attempts"
        assert (await api.get(OVERVIEW, headers=BEARER)).status_code == 200
        assert (await api.get(OVERVIEW, headers=cookie)).status_code == 200
        await log_in(api)
        assert (await api.get(OVERVIEW, headers=wrong)).status_code == 429
        await trio.sleep(int(refused.headers["retry-after"]))
        assert (await api.get(OVERVIEW, headers=wrong)).status_code == 401


@pytest.mark.parametrize(
    ("addresses", "answered"),
    [
        ([f"2001:db8::{number:x}" for number in range(30)], 11),
        ([f"2001:db8:0:{number:x}::1" for number in range(30)], 30),
        ([f"192.0.2.{number}" for number in range(30)], 30),
    ],
    ids=["one /64", "many /64", "IPv4"],
)
async def test_wrong_tokens_count_by_address_and_of_ipv6_by_its_64(
    autojump_clock: MockClock, addresses: list[str], answered: int
) -> None:
    guard = Guard(SystemClock(), TOKEN, ["localhost"], [])
    callers = [guard.caller({"authorization": "Bearer wrong"}, address, False) for address in addresses]
    kinds = [caller.kind for caller in callers if isinstance(caller, Problem)]
    assert kinds == [UNAUTHORIZED] * answered + [TOO_MANY_ATTEMPTS] * (len(addresses) - answered)


# --- login -----------------------------------------------------------------------------------------------------


async def test_a_login_gives_a_cookie_that_no_script_reads(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        answer = await api.post("/api/v1/session", json={"token": TOKEN, "name": "alice"})
        attributes = answer.headers["set-cookie"].split("; ")
        assert attributes[0].startswith("ocpp_actors_session=")
        assert attributes[1:] == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
        assert TOKEN not in answer.headers["set-cookie"]


async def test_a_wrong_token_logs_nobody_in(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        answer = await api.post("/api/v1/session", json={"token": "wrong"})
        assert (answer.status_code, slug(answer)) == (401, "unauthorized")
        assert "set-cookie" not in answer.headers


async def test_a_cookie_reads_and_with_an_origin_of_ours_it_writes(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        cookie = await log_in(api, name="alice")
        assert (await api.get(OVERVIEW, headers=cookie)).status_code == 200
        state = (await api.get("/api/v1/session", headers=cookie)).json()
        assert (state["loggedIn"], state["name"]) == (True, "alice")
        assert (await api.put(TAG, json={}, headers={**cookie, **HERE})).status_code == 201
        assert await who_changed_last(api) == "alice"
        for origin in ({}, THERE, {"Origin": "null"}):
            answer = await api.put(TAG, json={}, headers={**cookie, **origin})
            assert (answer.status_code, slug(answer)) == (403, "forbidden-origin"), origin


async def test_a_cookie_ends_after_twelve_hours(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        cookie = await log_in(api)
        await trio.sleep(12 * 3600 - 60)
        assert (await api.get(OVERVIEW, headers=cookie)).status_code == 200
        await trio.sleep(61)
        assert (await api.get(OVERVIEW, headers=cookie)).status_code == 401


def test_a_cookie_is_good_for_its_token_alone_and_cannot_be_changed() -> None:
    value = session.issue(TOKEN, "alice", START)
    assert session.name_in(value, TOKEN, START) == "alice"
    assert session.name_in(value, TOKEN + "x", START) is None
    payload, _, signature = value.partition(".")
    other = session.issue(TOKEN, "mallory", START + timedelta(days=300)).partition(".")[0]
    for forged in (f"{other}.{signature}", payload, f"{payload}.", f".{signature}", f"{payload}.é", "☃"):
        assert session.name_in(forged, TOKEN, START) is None, forged


async def test_a_logout_takes_the_cookie_back(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        cookie = await log_in(api)
        answer = await api.delete("/api/v1/session", headers={**cookie, **HERE})
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_without_a_token_a_login_is_not_needed(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        assert (await api.post("/api/v1/session", json={"token": "any"})).status_code == 204
        assert (await api.get("/api/v1/session")).json()["loginRequired"] is False


# --- origin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost", "localhost", True),
        ("http://localhost:80", "localhost", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://LOCALHOST", "localhost", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("https://localhost", "localhost", True),
        ("http://localhost:8081", "localhost:8080", False),
        ("http://127.0.0.1", "localhost", False),
        ("http://localhost.evil.example", "localhost", False),
        ("null", "localhost", False),
        ("file://", "localhost", False),
        ("http://localhost:99999", "localhost", False),
        ("", "localhost", False),
    ],
)
async def test_a_page_of_another_origin_changes_nothing(
    autojump_clock: MockClock, origin: str, host: str, allowed: bool
) -> None:
    async with open_api() as api:
        answer = await api.put(TAG, json={}, headers={"Origin": origin, "Host": host})
        assert answer.status_code == (201 if allowed else 403)
        read = await api.get(OVERVIEW, headers={"Origin": origin, "Host": host})
        assert read.status_code == 200
        assert not [name for name in read.headers if name.startswith("access-control")]


async def test_over_https_a_page_that_came_without_it_changes_nothing(autojump_clock: MockClock) -> None:
    async with open_api(desk={"trusted_proxies": ("127.0.0.1",)}) as api:
        for proto, origin, code in (
            ("https", "http://localhost:443", 403),
            ("https", "http://localhost", 403),
            ("https", "https://localhost", 201),
            ("http", "http://localhost", 200),
        ):
            headers = {"X-Forwarded-Proto": proto, "Origin": origin}
            assert (await api.put(TAG, json={}, headers=headers)).status_code == code, (proto, origin)


async def test_without_a_token_a_browser_has_to_tell_its_origin(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        browser = {"Sec-Fetch-Site": "cross-site"}
        assert (await api.put(TAG, json={}, headers=browser)).status_code == 403
        assert (await api.put(TAG, json={}, headers={**browser, **HERE})).status_code == 201


async def test_a_foreign_page_cannot_log_in_or_ask_what_is_allowed(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN}) as api:
        assert (await api.post("/api/v1/session", json={"token": TOKEN}, headers=THERE)).status_code == 403
        assert (await api.options(OVERVIEW, headers=THERE)).status_code == 403
        assert (await api.put(TAG, json={}, headers={**BEARER, **THERE})).status_code == 403


# --- host and proxies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example:80@localhost", 421),
        ("", 421),
    ],
)
async def test_only_hosts_that_are_ours_are_answered(
    autojump_clock: MockClock, host: str, status: Any
) -> None:
    async with open_api() as api:
        for path in (OVERVIEW, "/", "/metrics", "/nothing"):
            answer = await api.get(path, headers={"Host": host})
            assert (answer.status_code == 421) is (status == 421), (path, answer.text)
        assert (await api.get("/health/live", headers={"Host": host})).status_code == 200


async def test_hosts_can_be_allowed(autojump_clock: MockClock) -> None:
    async with open_api(desk={"allowed_hosts": ("central.example",)}) as api:
        assert (await api.get(OVERVIEW, headers={"Host": "central.example"})).status_code == 200
        answer = await api.get(OVERVIEW)
        assert (answer.status_code, slug(answer)) == (421, "unknown-host")


async def test_a_trusted_proxy_is_believed_about_https_and_others_are_not(autojump_clock: MockClock) -> None:
    forwarded = {"X-Forwarded-Proto": "https"}
    for proxies, secure in ((("127.0.0.0/8",), True), (("10.0.0.0/8",), False), ((), False)):
        async with open_api(desk={"api_token": TOKEN, "trusted_proxies": proxies}) as api:
            answer = await api.post("/api/v1/session", json={"token": TOKEN}, headers=forwarded)
            assert ("; Secure" in answer.headers["set-cookie"]) is secure, proxies


async def test_behind_a_proxy_each_client_has_its_own_wrong_tokens(autojump_clock: MockClock) -> None:
    async with open_api(desk={"api_token": TOKEN, "trusted_proxies": ("127.0.0.1", "10.1.0.0/16")}) as api:

        async def ask(forwarded: str, token: str) -> int:
            headers = {"X-Forwarded-For": forwarded, "Authorization": f"Bearer {token}"}
            return int((await api.get(OVERVIEW, headers=headers)).status_code)

        for _ in range(12):
            await ask("1.2.3.4, 192.0.2.1, 10.1.2.3", "wrong")
        assert await ask("192.0.2.1", "wrong") == 429
        assert await ask("192.0.2.1:5000, 10.1.2.3", "wrong") == 429
        assert await ask("1.2.3.4", "wrong") == 401
        assert await ask("192.0.2.2", "wrong") == 401
        assert await ask("nonsense, 10.1.9.9", "wrong") == 401
