"""Faults that come and go: at set times, or at random from a seed."""

import heapq
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import trio
from attrs import field, frozen

from ocpp_actors.testbench.links.conditions import (
    DAY,
    FAULTS,
    BadFault,
    LinkConditions,
    conditions_from,
    name_of,
)
from ocpp_actors.testbench.links.network import Network
from ocpp_actors.testbench.links.spans import FaultSpan

LONGEST: Final = 30 * DAY
"""Seconds that a schedule may name."""


@frozen
class Step:
    """A fault that begins ``at`` so many seconds and lasts so long; 0: it strikes what is connected then.

    ``stations``: the identities that it is for; none: all.
    """

    at: float
    lasts: float
    name: str
    conditions: LinkConditions
    stations: tuple[str, ...] = ()


@frozen
class RandomFaults:
    """Faults at random times: ``every`` so many seconds on average one begins, after the last is over.

    Each lasts between ``shortest`` and ``longest`` seconds. ``together``: they are for all at once, instead of for
    each charge point by itself.
    """

    every: float
    shortest: float
    longest: float
    faults: tuple[tuple[str, LinkConditions], ...]
    together: bool = False


@frozen
class Schedule:
    """The faults of a session: those that are always on, those at set times, those at random."""

    always: LinkConditions = field(factory=LinkConditions)
    steps: tuple[Step, ...] = ()
    random: RandomFaults | None = None


def timeline(
    schedule: Schedule, chance: random.Random, stations: Sequence[str] = (), seconds: float = math.inf
) -> Iterator[FaultSpan]:
    """Return the faults that begin within so many seconds, in order, from 0.

    Without ``stations`` those at random are for all at once. They have no end where ``seconds`` is infinite.
    """
    sources = [_steps(schedule.steps)]
    if schedule.random is not None:
        together = schedule.random.together or not stations
        for station in [None] if together else stations:
            own = random.Random(chance.getrandbits(64))  # noqa: S311
            sources.append(_random(schedule.random, own, station))
    for span in heapq.merge(*sources, key=lambda each: each.start):
        if span.start > seconds:
            return
        yield span


def _steps(steps: Iterable[Step]) -> Iterator[FaultSpan]:
    for step in sorted(steps, key=lambda each: each.at):
        for station in step.stations or (None,):
            yield FaultSpan(step.at, step.at + step.lasts, step.name, station, step.conditions)


def _random(faults: RandomFaults, chance: random.Random, station: str | None) -> Iterator[FaultSpan]:
    now = 0.0
    while True:
        start = now + chance.expovariate(1 / faults.every)
        now = start + chance.uniform(faults.shortest, faults.longest)
        name, conditions = chance.choice(faults.faults)
        yield FaultSpan(start, now, name, station, conditions)


async def run_timeline(network: Network, spans: Iterable[FaultSpan]) -> None:
    """Put the faults on the network at their times, 0 being now, until all are over."""
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for span in spans:
            await trio.sleep_until(began + span.start)
            nursery.start_soon(_hold, network, span, began + span.end)


async def _hold(network: Network, span: FaultSpan, until: float) -> None:
    with network.fault(span.name, span.conditions, span.station):
        await trio.sleep_until(until)


# --- from a file -----------------------------------------------------------------------------------------------


def schedule_from(mapping: Mapping[str, Any]) -> Schedule:
    """Make a schedule of what a profile says.

    ``always`` is a table as conditions_from() reads it. ``steps`` are tables of the same kind with ``at``, ``for``
    (0 where it is missing) and ``stations`` (all where it is missing). ``random`` is a table with ``every``, ``for``
    (shortest and longest), ``faults`` (names, or tables) and ``together``.

    Raises BadFault: a key is unknown, missing, or its value is none that it may have.
    """
    _check_keys(mapping, ("always", "steps", "random"), "")
    steps = mapping.get("steps", [])
    if not isinstance(steps, list):
        raise BadFault(f"steps is {steps!r}: it may be an array of tables")
    random_faults = mapping.get("random")
    return Schedule(
        always=_conditions(mapping.get("always", {}), "always"),
        steps=tuple(_step(each, f"steps[{number}]") for number, each in enumerate(steps)),
        random=None if random_faults is None else _random_faults(random_faults),
    )


def _step(mapping: Any, place: str) -> Step:
    table = _table(mapping, place)
    fault = {key: value for key, value in table.items() if key not in ("at", "for", "stations")}
    if not fault:
        raise BadFault(f"{place} names no fault: give it a fault, or conditions")
    conditions = _conditions(fault, place)
    lasts = _seconds(table.get("for", 0), f"{place}.for")
    strikes = {conditions.inbound.half_open_after, conditions.outbound.half_open_after} | {
        conditions.inbound.reset_after,
        conditions.outbound.reset_after,
    }
    if lasts == 0 and 0 not in strikes:
        raise BadFault(f"{place}.for is missing or 0, but {name_of(fault)} takes time: give it seconds")
    stations = table.get("stations", [])
    if not isinstance(stations, list) or not all(isinstance(each, str) for each in stations):
        raise BadFault(f"{place}.stations is {stations!r}: it may be an array of identities")
    if "at" not in table:
        raise BadFault(f"{place}.at is missing: seconds from the start")
    return Step(_seconds(table["at"], f"{place}.at"), lasts, name_of(fault), conditions, tuple(stations))


def _random_faults(mapping: Any) -> RandomFaults:
    table = _table(mapping, "random")
    _check_keys(table, ("every", "for", "faults", "together"), "random.")
    for key in ("every", "for", "faults"):
        if key not in table:
            raise BadFault(f"random.{key} is missing")
    every = _seconds(table["every"], "random.every")
    if every == 0:
        raise BadFault("random.every is 0: it may be more than 0 seconds")
    span = table["for"]
    if not isinstance(span, list) or len(span) != 2:
        raise BadFault(f"random.for is {span!r}: it may be the shortest and the longest time, [1, 10]")
    shortest, longest = (_seconds(each, "random.for") for each in span)
    if not 0 < shortest <= longest:
        raise BadFault(f"random.for is {span!r}: the shortest is more than 0, and not above the longest")
    names = table["faults"]
    if not isinstance(names, list) or not names:
        raise BadFault(f"random.faults is {names!r}: it may be an array of {', '.join(FAULTS)}, or of tables")
    tables = [{"fault": each} if isinstance(each, str) else each for each in names]
    faults = tuple(
        (name_of(_table(each, place)), _conditions(each, place))
        for number, each in enumerate(tables)
        for place in (f"random.faults[{number}]",)
    )
    together = table.get("together", False)
    if not isinstance(together, bool):
        raise BadFault(f"random.together is {together!r}: it may be true or false")
    return RandomFaults(every, shortest, longest, faults, together)


def _conditions(mapping: Any, place: str) -> LinkConditions:
    try:
        return conditions_from(_table(mapping, place))
    except BadFault as error:
        raise BadFault(f"{place}: {error}") from None


def _table(mapping: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(mapping, Mapping):
        raise BadFault(f"{place} is {mapping!r}: it may be a table")
    return mapping


def _seconds(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise BadFault(f"{place} is {value!r}: it may be 0 to {LONGEST:g} seconds")
    return float(value)


def _check_keys(mapping: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in mapping:
        if key not in known:
            raise BadFault(f"{place}{key} is not known here: there are {', '.join(known)}")
