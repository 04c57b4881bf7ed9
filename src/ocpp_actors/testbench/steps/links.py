"""The link of a charge point is cut at a moment at which nothing is on its way."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.steps.attending import Attended


async def lose_link_in_peace(bench: Bench, charger: Attended) -> None:
    """Cut the link once the charge point has read all that it was answered, as far as that can be known.

    Some charge points wait for minutes, or for ever, for an answer that the link has lost. A CALL of the operator's
    that is answered comes after whatever was answered before it.
    """
    if bench.operator_or_none is not None:
        await charger.ask("GetConfiguration", {"key": ["HeartbeatInterval"]})
    await charger.lose_link()
