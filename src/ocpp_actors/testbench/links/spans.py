"""When which fault was on which link: what a report shows, and what the stability of connections is measured by."""

from collections.abc import Iterable

from attrs import field, frozen

from ocpp_actors.testbench.links.conditions import LinkConditions


@frozen
class FaultSpan:
    """One fault from its start to its end, in seconds; where they are equal it struck at once and was over.

    ``station``: the identity that it was for; None: all. ``end`` is infinite where it goes on.
    """

    start: float
    end: float
    name: str
    station: str | None = None
    conditions: LinkConditions = field(factory=LinkConditions)

    @property
    def down(self) -> bool:
        """Whether no connection is expected to live and be of use meanwhile."""
        return self.conditions.down

    def concerns(self, station: str) -> bool:
        """Whether it was for this charge point; identities are compared without regard to case."""
        return self.station is None or self.station.casefold() == station.casefold()


def outages(spans: Iterable[FaultSpan], station: str, until: float) -> list[tuple[float, float]]:
    """Return from when to when the link of a charge point was down, up to a time, in order.

    Those that overlap or touch are one. One that only struck has the length 0.
    """
    merged: list[tuple[float, float]] = []
    down = (
        (each.start, min(each.end, until))
        for each in spans
        if each.down and each.concerns(station) and each.start <= until
    )
    for start, end in sorted(down):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
