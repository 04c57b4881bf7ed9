"""The opening handshake: who is let in, and what the others are told (OCPP-J 1.6 §3.1, §3.2)."""

import base64
from typing import Any

import pytest
import trio
from tests.support.central import Central, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.known import introduce, record_of
from tests.support.listening import PipeListener, charger_on
from tests.support.raw import raw_peer, upgrade
from trio_websocket import ConnectionRejected

from ocpp_actors.ledger.port import AdmitChargePoint, FindChargePoint, ListChargePoints
from ocpp_actors.observer import Connected
from ocpp_actors.server.admission import (
    MAX_IDENTITY,
    Handshake,
    Refused,
    Step,
    basic_credentials,
    identity_of,
)
from ocpp_actors.server.handshakes import Place

GUESS = [(b"Authorization", b"Basic " + base64.b64encode(b"CP1:guess"))]


def header(refusal: ConnectionRejected, name: bytes) -> bytes | None:
    return dict(refusal.headers or ()).get(name)


def connected(central: Central) -> list[str]:
    return [event.identity for event in central.told(Connected)]


# --- path --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "prefix", "identity"),
    [
        ("/ocpp/CP1", "/ocpp", "CP1"),
        ("/ocpp/CP1", "/ocpp/", "CP1"),
        ("/CP1", "", "CP1"),
        ("/CP1", "/", "CP1"),
        ("/a/b/CP1", "/a/b", "CP1"),
        ("/ocpp/CP1/", "/ocpp", "CP1"),
        ("//ocpp///CP1//", "/ocpp", "CP1"),
        ("/ocpp/CP1?token=/x", "/ocpp", "CP1"),
        ("/ocpp/ocpp", "/ocpp", "ocpp"),
        ("/ocpp/RDAM%7C123", "/ocpp", "RDAM|123"),
        ("/ocpp/a%20b+c", "/ocpp", "a b+c"),
        ("/ocpp/100%25", "/ocpp", "100%"),
        ("/ocpp/%252F", "/ocpp", "%2F"),
        ("/ocpp/" + "x" * MAX_IDENTITY, "/ocpp", "x" * MAX_IDENTITY),
        ("/ocpp/" + "%C3%A9" * MAX_IDENTITY, "/ocpp", "é" * MAX_IDENTITY),
    ],
)
def test_the_identity_is_the_segment_after_the_prefix(target: str, prefix: str, identity: str) -> None:
    assert identity_of(target, prefix) == identity


NO_IDENTITY = [
    ("/", 404),
    ("/CP1", 404),
    ("/ocpp2/CP1", 404),
    ("/OCPP/CP1", 404),
    ("/CP1/ocpp", 404),
    ("/ocpp/site/CP1", 404),
    ("/ocpp/CP1/CP1", 404),
    ("/ocpp", 400),
    ("/ocpp/", 400),
    ("/ocpp//", 400),
    ("/ocpp?CP1", 400),
    ("/ocpp/a%2Fb", 400),
    ("/ocpp/%2F", 400),
    ("/ocpp/a%0Ab", 400),
    ("/ocpp/%00", 400),
    ("/ocpp/a%1Bb", 400),
    ("/ocpp/a%7F", 400),
    ("/ocpp/%E2%80%AE", 400),
    ("/ocpp/%C3", 400),
    ("/ocpp/" + "x" * (MAX_IDENTITY + 1), 400),
]


@pytest.mark.parametrize(("path", "status"), NO_IDENTITY, ids=[path[:20] for path, _ in NO_IDENTITY])
async def test_a_path_without_a_proper_identity_is_refused_with_the_reason(
    autojump_clock: trio.abc.Clock, path: str, status: int
) -> None:
    async with open_central() as central:
        refusal = await central.refused(path=path)
        assert refusal.status_code == status
        assert refusal.body
        assert header(refusal, b"content-type") == b"text/plain; charset=utf-8"
        assert connected(central) == []
        assert await central.ledger.ask(ListChargePoints()) == []


async def test_the_prefix_is_a_setting(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(path="/a/b") as central:
        async with central.charger(path="/a/b/CP1") as charger:
            await charger.boot()
        refusal = await central.refused(path="/ocpp/CP1")
        assert refusal.status_code == 404
        assert b"/a/b" in (refusal.body or b"")


# --- identity ----------------------------------------------------------------------------------------------------


async def test_an_unknown_charger_is_recorded_where_admission_is_open(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(admission="open") as central, central.charger("new") as charger:
        await charger.boot()
        assert (await record_of(central, "new")).identity == "new"


async def test_whoever_is_turned_away_is_not_recorded(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(admission="open", security_profile=1) as central:
        assert (await central.refused(identity="stranger")).status_code == 401
        assert (await central.refused(identity="stranger", headers=GUESS)).status_code == 401
        assert await central.ledger.ask(ListChargePoints()) == []

    async def refuse(handshake: Handshake) -> None:
        raise Refused(403, "not today")

    async with open_central(change_steps=lambda steps: [*steps[:-2], refuse, *steps[-2:]]) as central:
        assert (await central.refused(identity="stranger")).status_code == 403
        assert await central.ledger.ask(ListChargePoints()) == []


async def test_two_devices_of_one_unknown_identity_become_one_charger(autojump_clock: trio.abc.Clock) -> None:
    ledger = FailingLedger()
    ledger.is_slow(FindChargePoint, seconds=5, times=1)
    async with open_central(ledger=ledger) as central, trio.open_nursery() as nursery:

        async def first() -> None:
            async with central.charger("New") as charger:
                await charger.boot()
                assert connected(central) == ["NEW", "NEW"]
                entry = central.fleet.find("New")
                assert entry is not None
                assert entry.charge_point.record.version == 1

        nursery.start_soon(first)
        await trio.sleep(1)
        async with central.charger("NEW") as charger:
            await charger.boot()
            assert connected(central) == ["NEW"]
            assert (await charger.closed())[0] == 1008
        assert ledger.count(AdmitChargePoint) == 2


@pytest.mark.parametrize("added", [{"key": b"0123456789abcdef"}, {"security_profile": 1}])
async def test_a_charger_that_is_added_while_it_comes_for_the_first_time_has_to_come_again(
    autojump_clock: trio.abc.Clock, added: dict[str, Any]
) -> None:
    ledger = FailingLedger()

    async def meanwhile(handshake: Handshake) -> None:
        if not await ledger.inner.ask(ListChargePoints()):
            await introduce(ledger.inner, **added)

    async with open_central(
        ledger=ledger, change_steps=lambda steps: [*steps[:-2], meanwhile, *steps[-2:]]
    ) as central:
        refusal = await central.refused()
        assert (refusal.status_code, header(refusal, b"retry-after")) == (503, b"30")
        assert (await central.refused()).status_code == 401


async def test_an_unknown_charger_gets_a_404_where_only_known_ones_are_admitted(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_central(admission="known") as central:
        await introduce(central.ledger, "known")
        assert (await central.refused(identity="unknown")).status_code == 404
        assert await central.ledger.ask(FindChargePoint("unknown")) is None
        async with central.charger("KNOWN") as charger:
            await charger.boot()
            assert connected(central) == ["known"]


async def test_identities_keep_the_letters_first_sent_and_are_found_in_any(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_central() as central:
        for spelling in ("Straße-1", "STRASSE-1", "strasse-1"):
            async with central.charger(path=f"/ocpp/{spelling.replace('ß', '%C3%9F')}") as charger:
                await charger.boot()
            entry = central.fleet.find(spelling)
            assert entry is not None
            assert entry.charge_point.identity == "Straße-1"
        assert set(connected(central)) == {"Straße-1"}
        assert len(await central.ledger.ask(ListChargePoints())) == 1


async def test_a_ledger_that_cannot_tell_is_a_503(autojump_clock: trio.abc.Clock) -> None:
    for admission in ("open", "known"):
        ledger = FailingLedger()
        ledger.unavailable(AdmitChargePoint, FindChargePoint)
        async with open_central(ledger=ledger, admission=admission) as central:
            refusal = await central.refused()
            assert refusal.status_code == 503
            assert header(refusal, b"retry-after") == b"30"
            ledger.recovers()
            await introduce(ledger)
            async with central.charger() as charger:
                await charger.boot()


# --- credentials -------------------------------------------------------------------------------------------------


async def test_wrong_or_missing_credentials_get_a_401_that_says_how(autojump_clock: trio.abc.Clock) -> None:
    async with open_central() as central:
        await introduce(central.ledger, key=b"0123456789abcdef")
        for wrong in ([], GUESS):
            refusal = await central.refused(headers=wrong)
            assert refusal.status_code == 401
            assert header(refusal, b"www-authenticate") == b'Basic realm="OCPP"'
            assert b"0123456789abcdef" not in (refusal.body or b"")
        right = [(b"Authorization", b"Basic " + base64.b64encode(b"CP1:0123456789abcdef"))]
        async with central.charger(headers=right) as charger:
            await charger.boot()


async def test_the_example_of_the_specification_lets_in(autojump_clock: trio.abc.Clock) -> None:
    """OCPP-J 1.6 §6.2.2."""
    async with open_central() as central:
        await introduce(
            central.ledger, "AL1000", key=bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")
        )
        authorization = [(b"Authorization", b"Basic QUwxMDAwOgABAgMEBQYH////////////////")]
        async with central.charger("AL1000", headers=authorization) as charger:
            await charger.boot()


async def test_credentials_that_nobody_asked_for_do_no_harm(autojump_clock: trio.abc.Clock) -> None:
    async with open_central() as central, central.charger(headers=[(b"Authorization", b"???")]) as charger:
        await charger.boot()


def test_basic_credentials_are_read_as_rfc_7617_writes_them() -> None:
    for written in (b"Basic dTpwOnE=", b"basic dTpwOnE=", b" BASIC  dTpwOnE= "):
        credentials = basic_credentials(written)
        assert credentials is not None
        assert (credentials.user, credentials.password) == (b"u", b"p:q")
    for other in (None, b"", b"Basic", b"Basic dQ==", b"Basic dTpw OnE=", b"Digest dTpwOnE="):
        assert basic_credentials(other) is None


# --- subprotocol -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "offered", ["ocpp1.6", "ocpp2.0.1, ocpp1.6", "ocpp1.6,ocpp2.0.1", "ocpp1.5, ocpp1.6, ocpp1.2"]
)
async def test_ocpp_1_6_is_agreed_on_wherever_it_stands(autojump_clock: trio.abc.Clock, offered: str) -> None:
    async with open_central() as central, raw_peer(central) as peer:
        await peer.send(upgrade("/ocpp/CP1", subprotocol=offered))
        answer = await peer.answer()
        assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "ocpp1.6")
        await peer.call("1", "Heartbeat", {})
        assert (await peer.text())[:2] == [3, "1"]


@pytest.mark.parametrize("offered", [None, "ocpp2.0.1", "ocpp1.5, soap", "ocpp1.60", "OCPP1.6"])
async def test_without_agreement_the_handshake_is_completed_without_a_protocol_and_closed_at_once(
    autojump_clock: trio.abc.Clock, offered: str | None
) -> None:
    """OCPP-J 1.6 §3.2."""
    async with open_central() as central, raw_peer(central) as peer:
        await peer.send(upgrade("/ocpp/CP1", subprotocol=offered))
        answer = await peer.answer()
        assert answer.status == 101
        assert "sec-websocket-protocol" not in answer.headers
        assert trio.current_time() == 0
        assert await peer.close_code() == 1002
        assert trio.current_time() == 0
        assert await peer.everything() == b""
        assert connected(central) == []


async def test_a_charger_without_agreement_does_not_replace_the_one_that_is_connected(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        async with central.charger(subprotocols=("ocpp2.0.1",)) as other:
            await other.closed()
        await charger.result("Heartbeat", {})


# --- browsers ----------------------------------------------------------------------------------------------------

ORIGIN = (b"Origin", b"https://page.example")
BROWSER = [ORIGIN, (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]


async def test_a_web_page_is_not_let_in_whatever_its_origin(autojump_clock: trio.abc.Clock) -> None:
    async with open_central() as central:
        for origin in (b"https://page.example", b"http://central.test", b"null", b"file://"):
            refusal = await central.refused(headers=[(b"Origin", origin), BROWSER[1]])
            assert refusal.status_code == 403
        assert await central.ledger.ask(ListChargePoints()) == []


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Origin", b"http://central.test")],
        [(b"Origin", b"file://"), (b"User-Agent", b"charger/1.0")],
        [(b"User-Agent", b"Mozilla/5.0")],
    ],
)
async def test_a_charger_whose_library_names_an_origin_is_no_browser(
    autojump_clock: trio.abc.Clock, headers: list[tuple[bytes, bytes]]
) -> None:
    async with open_central() as central, central.charger(headers=headers) as charger:
        await charger.boot()


# --- limits ------------------------------------------------------------------------------------------------------


async def test_above_max_connections_there_is_a_503_with_retry_after(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(max_connections=2) as central, central.charger("A"):
        async with central.charger("B") as charger:
            await charger.boot()
            refusal = await central.refused(identity="C")
            assert refusal.status_code == 503
            assert header(refusal, b"retry-after") == b"30"
        await trio.testing.wait_all_tasks_blocked()
        async with central.charger("C") as charger:
            await charger.boot()


async def test_at_the_limit_ones_own_place_can_be_taken_over(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(max_connections=1) as central, central.charger("CP1") as old:
        await old.boot()
        async with central.charger("cp1") as charger:
            assert await old.closed() == (1008, "replaced")
            await charger.boot()
            assert (await central.refused(identity="CP2")).status_code == 503


async def test_a_stranger_without_a_place_is_not_recorded(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(max_connections=1) as central, central.charger() as charger:
        await charger.boot()
        assert (await central.refused(identity="stranger")).status_code == 503
        assert await central.ledger.ask(FindChargePoint("stranger")) is None
    async with open_central() as central, raw_peer(central) as late:
        central.server.shut_down()
        await late.send(upgrade("/ocpp/stranger"))
        assert (await late.answer()).status == 503
        assert await central.ledger.ask(FindChargePoint("stranger")) is None


async def test_handshakes_in_progress_take_places_too(autojump_clock: trio.abc.Clock) -> None:
    ledger = FailingLedger()
    ledger.is_slow(AdmitChargePoint, seconds=3)
    answers = []
    async with open_central(ledger=ledger, max_connections=2) as central:

        async def connect(identity: str) -> None:
            async with raw_peer(central) as peer:
                await peer.send(upgrade(f"/ocpp/{identity}"))
                answers.append((identity, (await peer.answer()).status))
                await trio.sleep(10)

        async with trio.open_nursery() as nursery:
            for identity in ("A", "B", "a", "C", "D"):
                nursery.start_soon(connect, identity)
                await trio.sleep(0.1)
        assert sorted(answers) == [("A", 101), ("B", 101), ("C", 503), ("D", 503), ("a", 101)]
        # All places are given back.
        async with central.charger("C") as charger, central.charger("D"):
            await charger.boot()


async def test_a_refused_peer_gives_its_place_back(autojump_clock: trio.abc.Clock) -> None:
    async with open_central(admission="known", max_connections=1) as central:
        for _ in range(3):
            assert (await central.refused(identity="unknown")).status_code == 404
            await trio.testing.wait_all_tasks_blocked()


async def test_during_shutdown_there_is_a_503_with_retry_after(autojump_clock: trio.abc.Clock) -> None:
    async with open_central() as central, raw_peer(central) as late:
        central.server.shut_down()
        await late.send(upgrade("/ocpp/CP1"))
        answer = await late.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")


async def test_a_handshake_that_takes_too_long_is_dropped(autojump_clock: trio.abc.Clock) -> None:
    for begun in (b"", upgrade("/ocpp/CP1")[:-1]):
        async with open_central(handshake_timeout=7) as central, raw_peer(central) as peer:
            begun_at = trio.current_time()
            await peer.send(begun)
            assert await peer.everything() == b""
            assert trio.current_time() - begun_at == pytest.approx(7)


async def test_admission_counts_as_part_of_the_handshake(autojump_clock: trio.abc.Clock) -> None:
    async def dawdle(handshake: Handshake) -> None:
        await trio.sleep(3600)

    def slow(steps: list[Step]) -> list[Step]:
        return [*steps, dawdle]

    async with open_central(handshake_timeout=7, change_steps=slow) as central, raw_peer(central) as peer:
        await peer.send(upgrade("/ocpp/CP1"))
        assert await peer.everything() == b""
        assert trio.current_time() == pytest.approx(7)
        assert connected(central) == []


@pytest.mark.parametrize(("begun", "blamed"), [(b"", 1), (upgrade("/ocpp/CP1"), 0)], ids=["peer", "us"])
async def test_only_who_kept_us_waiting_is_blamed_for_the_time(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch, begun: bytes, blamed: int
) -> None:
    failed: list[Place] = []

    def failure(place: Place) -> None:
        failed.append(place)

    monkeypatch.setattr(Place, "failed", failure)

    async def dawdle(handshake: Handshake) -> None:
        await trio.sleep(3600)

    async with open_central(change_steps=lambda steps: [*steps, dawdle]) as central:
        async with raw_peer(central) as peer:
            await peer.send(begun)
            assert await peer.everything() == b""
        assert len(failed) == blamed


async def test_above_max_handshakes_newcomers_wait_but_sessions_do_not_count(
    autojump_clock: trio.abc.Clock,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, max_handshakes=1, handshake_timeout=7) as central:
        listener = PipeListener()
        central.nursery.start_soon(central.server.run, [listener])
        async with charger_on(listener.connect(central), "CP1") as charger:
            await charger.boot()
            ledger.is_slow(AdmitChargePoint, seconds=60)
            slow = listener.connect(central)
            await slow.send_all(upgrade("/ocpp/slow"))
            await trio.sleep(1)
            ledger.recovers()
            async with charger_on(listener.connect(central), "CP2") as other:
                assert trio.current_time() == pytest.approx(7, abs=0.1)
                await other.boot()


# --- what is no WebSocket handshake ------------------------------------------------------------------------------

GET = b"GET /ocpp/CP1 HTTP/1.1\r\nHost: central.test\r\n\r\n"

NO_WEBSOCKET = {
    "plain GET": GET,
    "another upgrade": upgrade("/ocpp/CP1").replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no key": upgrade("/ocpp/CP1").replace(b"Sec-WebSocket-Key", b"X-Key"),
    "no version": upgrade("/ocpp/CP1").replace(b"Sec-WebSocket-Version", b"X-Version"),
    "POST": upgrade("/ocpp/CP1").replace(b"GET", b"POST"),
    "no host": upgrade("/ocpp/CP1").replace(b"Host", b"X-Host"),
}


@pytest.mark.parametrize("request_text", NO_WEBSOCKET.values(), ids=NO_WEBSOCKET.keys())
async def test_what_is_no_websocket_request_gets_a_400(
    autojump_clock: trio.abc.Clock, request_text: bytes
) -> None:
    async with open_central() as central, raw_peer(central) as peer:
        await peer.send(request_text)
        assert (await peer.answer()).status == 400
        await peer.everything()
        assert connected(central) == []


# --- a user's own steps ------------------------------------------------------------------------------------------


async def test_a_step_of_the_users_own_sees_what_was_found_out_and_can_refuse(
    autojump_clock: trio.abc.Clock,
) -> None:
    seen: list[tuple[str | None, str, str]] = []

    async def only_the_depot(handshake: Handshake) -> None:
        seen.append((handshake.identity, handshake.known.identity, handshake.remote))
        if not handshake.remote.startswith("10."):
            raise Refused(403, "only from the depot", [("X-Depot", "10.0.0.0/8")])

    def with_mine(steps: list[Step]) -> list[Step]:
        return [*steps[:-2], only_the_depot, *steps[-2:]]

    async with open_central(change_steps=with_mine) as central:
        await introduce(central.ledger, "CP1")
        refusal = await central.refused(identity="cp1")
        assert (refusal.status_code, refusal.body) == (403, b"only from the depot\n")
        assert header(refusal, b"x-depot") == b"10.0.0.0/8"
        assert seen == [("cp1", "CP1", "test:1")]
        ours, theirs = central.pipe()
        central.accept(theirs, "10.1.2.3:4")
        async with charger_on(ours) as charger:
            await charger.boot()


async def test_the_steps_are_path_browsers_limits_identity_credentials_keeping_subprotocol(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Each refuses before the next is asked, whatever else is wrong."""
    async with open_central(admission="known", max_connections=1) as central:
        for identity in ("here", "CP1"):
            await introduce(central.ledger, identity, key=b"key" if identity == "CP1" else None)
        async with central.charger("here") as charger:
            await charger.boot()
            browser = {"headers": BROWSER, "subprotocols": ()}
            assert (await central.refused(path="/", **browser)).status_code == 404
            assert (await central.refused(identity="unknown", **browser)).status_code == 403
            assert (await central.refused(identity="unknown", subprotocols=())).status_code == 503
        await trio.testing.wait_all_tasks_blocked()
        assert (await central.refused(identity="unknown", subprotocols=())).status_code == 404
        assert (await central.refused(identity="CP1", subprotocols=())).status_code == 401


async def test_a_step_that_crashes_refuses_its_own_peer_alone(autojump_clock: trio.abc.Clock) -> None:
    async def crash(handshake: Handshake) -> None:
        if handshake.identity == "bad luck":
            raise RuntimeError("a bug in a user's step")

    def with_mine(steps: list[Step]) -> list[Step]:
        return [*steps, crash]

    async with open_central(change_steps=with_mine) as central, central.charger() as charger:
        async with raw_peer(central) as peer:
            await peer.send(upgrade("/ocpp/bad%20luck"))
            assert (await peer.everything()).startswith(b"HTTP/1.1 500")
        await charger.boot()
        assert connected(central) == ["CP1"]
