"""The connector: every status is reached, and no event makes a step that the table of transitions does not have."""

from collections.abc import Callable

import pytest

from ocpp_actors.protocol.messages import ChargePointErrorCode, ChargePointStatus
from ocpp_actors.testbench.simulated.connector import TRANSITIONS, Connector

S = ChargePointStatus
FAULT = ChargePointErrorCode.GROUND_FAILURE

EVENTS: dict[str, Callable[[Connector], Connector | None]] = {
    "plug in": lambda each: None if each.plugged else each.plugged_in(),
    "unplug": lambda each: each.unplugged() if each.plugged else None,
    "vehicle rests": lambda each: each.drawing(False) if each.charging else None,
    "vehicle draws": lambda each: each.drawing(True) if each.charging else None,
    "withhold": lambda each: each.offering(False) if each.charging else None,
    "offer": lambda each: each.offering(True) if each.charging else None,
    "accept": lambda each: each.accepted() if usable(each) else None,
    "give up": lambda each: each.given_up() if each.status is S.PREPARING else None,
    "start": lambda each: each.started() if each.authorized and each.ready else None,
    "stop": lambda each: each.stopped() if each.charging else None,
    "reserve": lambda each: each.reserve(True) if each.free else None,
    "release": lambda each: each.reserve(False) if each.reserved else None,
    "make inoperative": Connector.made_inoperative,
    "make operative": Connector.made_operative,
    "settle": Connector.settled,
    "fail": lambda each: each.failed(FAULT),
    "repair": lambda each: each.repaired() if each.status is S.FAULTED else None,
}
"""None: the event cannot happen now."""


def usable(each: Connector) -> bool:
    return (
        each.operative
        and not each.leaving
        and not each.charging
        and not each.authorized
        and each.error == "NoError"
    )


def reachable() -> dict[Connector, list[str]]:
    """All states that events lead to, each with a way there."""
    ways: dict[Connector, list[str]] = {Connector(): []}
    waiting = [Connector()]
    while waiting:
        state = waiting.pop(0)
        for name, event in EVENTS.items():
            following = event(state)
            if following is not None and following not in ways:
                ways[following] = [*ways[state], name]
                waiting.append(following)
    return ways


def test_every_status_is_reached() -> None:
    assert {state.status for state in reachable()} == set(S)


def test_every_step_is_in_the_table() -> None:
    wrong = [
        (way, name, state.status, following.status)
        for state, way in reachable().items()
        for name, event in EVENTS.items()
        if (following := event(state)) is not None
        and following.status is not state.status
        and following.status not in TRANSITIONS[state.status]
    ]
    assert wrong == []


def test_no_transaction_without_leave() -> None:
    """A transaction begins only by an idTag that was accepted, at a vehicle, on a connector that works."""
    for state in reachable():
        if EVENTS["start"](state) is not None:
            assert state.authorized
            assert state.plugged
            assert state.operative
            assert state.status is not S.FAULTED


PLUGGED = Connector().plugged_in()
CHARGING = PLUGGED.accepted().started()


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (Connector(), S.AVAILABLE),
        (PLUGGED, S.PREPARING),
        (Connector().accepted(), S.PREPARING),
        (CHARGING, S.CHARGING),
        (CHARGING.drawing(False), S.SUSPENDED_EV),
        (CHARGING.drawing(False).offering(False), S.SUSPENDED_EVSE),
        (CHARGING.unplugged(), S.SUSPENDED_EV),
        (CHARGING.stopped(), S.FINISHING),
        (CHARGING.unplugged().stopped(), S.AVAILABLE),
        (PLUGGED.given_up(), S.FINISHING),
        (PLUGGED.given_up().accepted(), S.PREPARING),
        (Connector().accepted().given_up(), S.AVAILABLE),
        (Connector().reserve(True), S.RESERVED),
        (Connector().reserve(True).plugged_in(), S.RESERVED),
        (Connector().reserve(True).accepted(), S.PREPARING),
        (Connector().made_inoperative(), S.UNAVAILABLE),
        (Connector().made_inoperative().plugged_in(), S.UNAVAILABLE),
        (Connector().made_inoperative().plugged_in().made_operative(), S.PREPARING),
        (CHARGING.made_inoperative(), S.CHARGING),
        (CHARGING.made_inoperative().stopped(), S.FINISHING),
        (CHARGING.made_inoperative().stopped().unplugged(), S.UNAVAILABLE),
        (CHARGING.made_inoperative().made_operative().stopped().unplugged(), S.AVAILABLE),
        (CHARGING.failed(FAULT), S.FAULTED),
        (CHARGING.failed(FAULT).repaired(), S.CHARGING),
        (Connector().reserve(True).failed(FAULT).repaired(), S.AVAILABLE),
    ],
)
def test_status(state: Connector, status: ChargePointStatus) -> None:
    assert state.status is status
