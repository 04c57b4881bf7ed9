"""Each quirk, what the central system does about it, and that it is needed."""

import pytest
import structlog.testing
import trio
from tests.support.listening import PipeListener
from tests.support.simulated import open_street
from tests.testbench.simulated.quirk_cases import connecting, living, saying, speaking
from tests.testbench.simulated.quirk_cases.cases import LONG, Case
from trio.testing import MockClock

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.simulated.quirks import QUIRKS, NoSuchQuirk, personality_of

CASES = [each for part in (connecting, speaking, living, saying) for each in part.case.kept]


async def run(each: Case) -> None:
    with ungrouped(), structlog.testing.capture_logs():
        async with open_street(each.quirk, **each.how) as street:
            with trio.fail_after(5 * LONG):
                await each.check(street)


EACH = pytest.mark.parametrize("each", [pytest.param(each, id=each.quirk) for each in CASES])


@EACH
async def test_quirk(each: Case, autojump_clock: MockClock) -> None:
    await run(each)


@EACH
async def test_quirk_without_its_handling(
    each: Case, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    each.without(monkeypatch)
    with pytest.raises((AssertionError, Failed, trio.TooSlowError)):
        await run(each)


def test_every_quirk_is_tried() -> None:
    assert [each.quirk for each in CASES] == sorted(QUIRKS, key=[each.quirk for each in CASES].index)
    assert len(CASES) == len(QUIRKS)


STRICT = [
    ("numbers-for-strings", "MeterValues", "TypeConstraintViolation"),
    ("unknown-names", "StatusNotification", "PropertyConstraintViolation"),
    ("overlong-strings", "BootNotification", "PropertyConstraintViolation"),
]


@pytest.mark.parametrize(("quirk", "action", "code"), STRICT)
async def test_a_strict_central_system_refuses_what_breaks_the_schemas(
    quirk: str, action: str, code: str, autojump_clock: MockClock
) -> None:
    async with open_street(quirk) as street:
        await street.station.power_on()
        await street.station.plug_in()
        await trio.sleep(5)
        await street.station.tap("TAG")
        assert (await street.said(action)).error.code == code


async def test_a_strict_central_system_closes_without_a_subprotocol(autojump_clock: MockClock) -> None:
    async with open_street("no-subprotocol") as street:
        await street.station.power_on()
        closed = await street.station.wire.change("closed")
        assert (closed.code, closed.reason) == (1002, "no common subprotocol")


def test_quirks_add_up() -> None:
    both = personality_of(["double-slash", "trailing-slash", "no-pong"])
    assert len(both.dialing) == 2
    assert not both.answers_pings


def test_a_quirk_that_there_is_not() -> None:
    with pytest.raises(NoSuchQuirk, match="did you mean half-open"):
        personality_of(["halfopen"])


async def test_it_does_not_return_after_a_proper_close(autojump_clock: MockClock) -> None:
    async with open_street("never-returns") as street, trio.open_nursery() as nursery:
        nursery.start_soon(street.central.server.run, [PipeListener()])
        await street.boot()
        street.central.server.shut_down()
        assert (await street.station.wire.change("closed")).code == 1001
        await trio.sleep(LONG)
        assert len(street.taps) == 1
