"""Cards are looked up, remembered, and turned away."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.scripted import status, told
from ocpp_actors.testbench.steps.transactions import expect_no_transaction, expect_recorded, start, stop


@scenario(case="TC_007")
async def charge_with_a_cached_card(bench: Bench) -> None:
    """A card that the charge point has in its authorization cache starts a transaction without an Authorize.

    Checks: after a first transaction has brought the card into the cache, a StartTransaction that no Authorize came
    before is Accepted, with a transactionId of its own, and on record (OCPP 1.6 §3.5.1, §4.8).

    Not known: how the original fills the cache.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        answer = await told(bench, client, "Authorize", {"idTag": card})
        expect_equal(answer["idTagInfo"]["status"], "Accepted", "the status in Authorize.conf")
        first = await start(bench, client, card)
        await stop(bench, client, first, idTag=card)
        await status(bench, client, "Preparing")
        second = await start(bench, client, card, meterStart=1500)
        await status(bench, client, "Charging")
        stopped = await stop(bench, client, second, idTag=card)
        await expect_recorded(bench, client.identity, second, stopped)


async def turned_away(bench: Bench, standing: str) -> None:
    """Let a driver present a card that must not charge: nothing begins."""
    card = await bench.id_tag(standing)
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        await charger.tap(card)
        await charger.authorizes(card, standing)
        await charger.leaves()
        await charger.says_nothing_of("StartTransaction")
        await expect_no_transaction(bench, charger.identity, card)


@scenario(case="TC_023_1", features={Feature.PLUG, Feature.TAP})
async def invalid_card_is_turned_away(bench: Bench) -> None:
    """A driver presents a card that is Invalid: nothing begins.

    Checks: Authorize is answered with Invalid; there is no transaction on record (OCPP 1.6 §4.1, §7.2).

    Not known: whether the card of the original is unknown, or known to be Invalid, as it is here.
    """
    await turned_away(bench, "Invalid")


@scenario(case="TC_023_2", features={Feature.PLUG, Feature.TAP})
async def expired_card_is_turned_away(bench: Bench) -> None:
    """A driver presents a card whose expiry date has passed: nothing begins.

    Checks: Authorize is answered with Expired; there is no transaction on record (OCPP 1.6 §4.1, §7.2, §7.27).

    Not known: whether the original wants the expiry date in the answer.
    """
    await turned_away(bench, "Expired")


@scenario(case="TC_023_3", features={Feature.PLUG, Feature.TAP})
async def blocked_card_is_turned_away(bench: Bench) -> None:
    """A driver presents a card that is Blocked: nothing begins.

    Checks: Authorize is answered with Blocked; there is no transaction on record (OCPP 1.6 §4.1, §7.2).

    Not known: nothing of weight.
    """
    await turned_away(bench, "Blocked")


@scenario(case="TC_061", needs={Need.OPERATOR, Need.STATION})
async def clear_the_authorization_cache(bench: Bench) -> None:
    """The operator has the authorization cache of a charge point cleared.

    Checks: ClearCache comes, and its answer reaches the operator (OCPP 1.6 §5.4).

    Not known: whether the original then shows that a card which was cached is asked about again.
    """
    async with attended(bench) as charger:
        await charger.ask("ClearCache", status="Accepted")
