"""When which fault was on which link: what a report shows."""

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

    def concerns(self, station: str) -> bool:
        """Whether it was for this charge point; identities are compared without regard to case."""
        return self.station is None or self.station.casefold() == station.casefold()
