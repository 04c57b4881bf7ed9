"""The meter: watts along a load curve become watt-hours, whatever the steps in which it is read."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors.protocol.messages import Measurand, Phase, ReadingContext, UnitOfMeasure
from ocpp_actors.testbench.simulated.meter import CAR, MAX_WATTS, MEASURANDS, LoadCurve, Meter, samples

HOUR = 3600.0


def meter(curve: LoadCurve = CAR) -> Meter:
    made = Meter()
    made.connect(curve, 0.0)
    return made


def test_the_register_follows_the_curve() -> None:
    made = meter()
    made.advance(HOUR)
    assert made.wh == 11_000
    # 16 kWh at 11 kW, then 7.4 kW
    made.advance(16_000 / 11_000 * HOUR)
    assert made.register_wh == pytest.approx(16_000)
    assert made.power_w == 7_400
    made.advance(10 * HOUR)
    assert made.register_wh == pytest.approx(20_000)
    assert (made.power_w, made.wanted_w, made.changes_in()) == (0.0, 0.0, inf)


def test_an_offer_limits_what_flows() -> None:
    made = meter()
    made.offer(2_000.0, 0.0)
    assert made.changes_in() == 8 * HOUR
    made.advance(HOUR)
    assert (made.wh, made.power_w, made.wanted_w) == (2_000, 2_000, 11_000)
    made.offer(0.0, HOUR)
    made.advance(5 * HOUR)
    assert (made.wh, made.changes_in()) == (2_000, inf)
    made.offer(-5.0, 5 * HOUR)
    assert made.power_w == 0
    made.offer(MAX_WATTS, 5 * HOUR)
    made.advance(6 * HOUR)
    assert made.wh == 13_000


def test_no_energy_without_a_vehicle_or_through_an_open_contactor() -> None:
    made = Meter(register_wh=5.0)
    made.advance(HOUR)
    assert (made.wh, made.power_w, made.state_of_charge) == (5, 0.0, 0.0)
    made.connect(CAR, HOUR)
    made.close(HOUR, closed=False)
    made.advance(2 * HOUR)
    assert made.wh == 5
    made.close(2 * HOUR, closed=True)
    made.disconnect(3 * HOUR)
    made.advance(4 * HOUR)
    assert made.wh == 11_005


@given(st.lists(st.floats(1e-3, 3 * HOUR), max_size=40), st.floats(0, MAX_WATTS))
def test_it_does_not_matter_how_often_it_is_read(pauses: list[float], limit: float) -> None:
    often, once = meter(), meter()
    often.offer(limit, 0.0)
    once.offer(limit, 0.0)
    at, before = 0.0, 0.0
    for pause in pauses:
        at += pause
        often.advance(at)
        assert often.register_wh >= before
        before = often.register_wh
    once.advance(at)
    assert often.register_wh == pytest.approx(once.register_wh, abs=1e-3)
    assert once.register_wh <= 20_000 + 1e-3


def test_time_does_not_go_back() -> None:
    made = meter()
    made.advance(HOUR)
    made.advance(0.0)
    made.advance(HOUR)
    assert made.wh == 11_000


@pytest.mark.parametrize("steps", [(), ((5, 1.0),), ((0, 1.0), (0, 2.0)), ((0, 1.0), (9, 1.0), (5, 2.0))])
def test_a_curve_begins_at_0_and_rises(steps: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="begin at 0"):
        LoadCurve(steps)


def test_all_measurands_can_be_sampled() -> None:
    made = meter()
    made.advance(HOUR)
    for measurand in MEASURANDS:
        values = samples(made, [measurand], ReadingContext.TRIGGER)
        assert {value.measurand for value in values} == {measurand}
        assert all(value.context is ReadingContext.TRIGGER for value in values)
    assert [each.phase for each in samples(made, [Measurand.CURRENT_IMPORT], ReadingContext.TRIGGER)] == [
        Phase.L1,
        Phase.L2,
        Phase.L3,
    ]
    (energy,) = samples(made, [Measurand.ENERGY_ACTIVE_IMPORT_REGISTER], ReadingContext.SAMPLE_PERIODIC)
    assert (energy.value, energy.unit) == ("11000", UnitOfMeasure.WH)
    with pytest.raises(ValueError, match="not measured"):
        samples(made, [Measurand.RPM], ReadingContext.TRIGGER)
