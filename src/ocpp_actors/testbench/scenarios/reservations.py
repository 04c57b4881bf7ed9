"""Connectors are reserved for a card, used, cancelled, and given free again."""

from datetime import timedelta
from typing import Any

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import Attended, attended
from ocpp_actors.testbench.steps.comparing import expect_same
from ocpp_actors.testbench.steps.records import at, eventually, expect_connector, expect_reservation
from ocpp_actors.testbench.steps.scripted import answering, command, status
from ocpp_actors.testbench.steps.transactions import expect_recorded

EXPIRY = 3.0
"""Seconds of a reservation that is to expire."""

LOOKS = 20.0
"""Seconds in which the central system notices that a reservation has expired."""


async def use(bench: Bench, charger: Attended, reservation_id: int, card: str) -> None:
    """Let a driver charge with a card that uses a reservation, and leave."""
    await charger.plug_in()
    await charger.tap(card)
    await used(bench, charger, reservation_id, card)


async def used(bench: Bench, charger: Attended, reservation_id: int, card: str) -> None:
    """Wait until the transaction of a card has used a reservation; let the driver leave."""
    started = await charger.starts(card)
    expect_equal(started.payload.get("reservationId"), reservation_id, "the charge point's reservationId")
    transaction_id = started.result["transactionId"]
    await expect_reservation(bench, reservation_id, "Used", transactionId=transaction_id)
    await charger.tap(card)
    stopped = await charger.stops(started)
    await charger.leaves()
    await expect_recorded(bench, charger.identity, started, stopped)


async def reserved(bench: Bench, client: Client, answer: str) -> int:
    """Let the operator reserve connector 1, which the charge point answers so; return the reservationId."""
    wanted: dict[str, Any] = {
        "connectorId": 1,
        "idTag": await bench.id_tag(),
        "expiryDate": write(bench.clock.now() + timedelta(minutes=10)),
    }
    async with answering(bench, client, "ReserveNow", {"status": answer}) as asked:
        made = await bench.operator.post(at(client.identity, "reservations"), wanted)
    expect_same(asked.payload, {**wanted, "reservationId": made["id"]}, "ReserveNow as it arrived")
    expect_equal(made["status"], answer, "what the operator was told of the reservation")
    await expect_reservation(bench, made["id"], answer)
    reservation_id: int = made["id"]
    return reservation_id


@scenario(
    case="TC_046",
    needs={Need.OPERATOR},
    features={Feature.RESERVATION, Feature.PLUG, Feature.TAP},
)
async def reserved_connector_is_used(bench: Bench) -> None:
    """The operator reserves a connector for a card, and its owner charges there.

    Checks: ReserveNow comes as asked for, with a reservationId; the StatusNotification Reserved is confirmed; the
    StartTransaction with the reservationId is Accepted; the reservation is Used by it on record (OCPP 1.6 §4.8,
    §5.13).

    Not known: whether the original lets another card try first.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        reservation_id = await charger.reserve(card)
        await charger.reports("Reserved")
        await expect_connector(bench, charger.identity, 1, "Reserved")
        await use(bench, charger, reservation_id, card)


@scenario(case="TC_047", needs={Need.OPERATOR}, features={Feature.RESERVATION}, seconds=60)
async def reservation_expires(bench: Bench) -> None:
    """The operator reserves a connector, nobody comes, and it is free again after the expiry date.

    Checks: ReserveNow comes as asked for; the StatusNotifications Reserved and Available are confirmed; the
    reservation is Expired on record (OCPP 1.6 §5.13).

    Not known: how long the reservation of the original is.
    """
    async with attended(bench) as charger:
        reservation_id = await charger.reserve(await bench.id_tag(), seconds=EXPIRY)
        await charger.reports("Reserved")
        await charger.reports("Available", within=EXPIRY + bench.patience)
        await expect_connector(bench, charger.identity, 1, "Available")
        await eventually(lambda: expect_reservation(bench, reservation_id, "Expired"), within=LOOKS)


@scenario(case="TC_048_1", needs={Need.OPERATOR})
async def reserve_a_faulted_connector(bench: Bench) -> None:
    """The operator reserves a connector that is Faulted.

    Checks: ReserveNow comes as asked for; the operator is told Faulted, which is on record (OCPP 1.6 §5.13, §7.40).

    Not known: the error of the original.
    """
    async with bench.client(boot=True) as client:
        await status(bench, client, "Faulted", error_code="GroundFailure")
        await reserved(bench, client, "Faulted")


@scenario(
    case="TC_048_2",
    needs={Need.OPERATOR},
    features={Feature.RESERVATION, Feature.PLUG, Feature.TAP},
)
async def reserve_an_occupied_connector(bench: Bench) -> None:
    """The operator reserves a connector on which somebody charges.

    Checks: ReserveNow comes as asked for; the operator is told Occupied, which is on record; the transaction goes on
    (OCPP 1.6 §5.13, §7.40).

    Not known: whether a transaction runs on the connector of the original.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        reservation_id = await charger.reserve(await bench.id_tag(), status="Occupied")
        await expect_reservation(bench, reservation_id, "Occupied")
        await expect_recorded(bench, charger.identity, started)
        await charger.tap(card)
        await charger.stops(started)
        await charger.leaves()


@scenario(case="TC_048_3", needs={Need.OPERATOR}, features={Feature.RESERVATION})
async def reserve_an_unavailable_connector(bench: Bench) -> None:
    """The operator makes a connector inoperative, and then reserves it.

    Checks: ChangeAvailability comes as asked for; the StatusNotification Unavailable is confirmed; ReserveNow comes as
    asked for; the operator is told Unavailable, which is on record (OCPP 1.6 §5.2, §5.13, §7.40).

    Not known: whether the original makes the connector or the whole charge point inoperative.
    """
    async with attended(bench) as charger:
        operative = {"connectorId": 1, "type": "Operative"}
        charger.afterwards("ChangeAvailability", operative)
        await charger.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, "Accepted")
        await charger.reports("Unavailable")
        reservation_id = await charger.reserve(await bench.id_tag(), status="Unavailable")
        await expect_reservation(bench, reservation_id, "Unavailable")
        await charger.ask("ChangeAvailability", operative, "Accepted")
        await charger.reports("Available")


@scenario(case="TC_048_4", needs={Need.OPERATOR})
async def reservation_is_rejected(bench: Bench) -> None:
    """The operator reserves a connector of a charge point that takes no reservations.

    Checks: ReserveNow comes as asked for; the operator is told Rejected, which is on record (OCPP 1.6 §5.13, §7.40).

    Not known: nothing of weight.
    """
    async with bench.client(boot=True) as client:
        await reserved(bench, client, "Rejected")


@scenario(
    case="TC_049",
    needs={Need.OPERATOR},
    features={Feature.RESERVATION, Feature.PLUG, Feature.TAP},
)
async def reserved_charge_point_is_used(bench: Bench) -> None:
    """The operator reserves any connector of a charge point for a card, and its owner charges there.

    Checks: ReserveNow comes as asked for, with connectorId 0; the StartTransaction with the reservationId is Accepted;
    the reservation is Used by it on record (OCPP 1.6 §4.8, §5.13). The charge point has to support it
    (ReserveConnectorZeroSupported).

    Not known: how many connectors the charge point of the original has, and whether one is Reserved.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.needs("ReserveConnectorZeroSupported", "true")
        reservation_id = await charger.reserve(card, connector_id=0)
        await use(bench, charger, reservation_id, card)


@scenario(case="TC_051", needs={Need.OPERATOR}, features={Feature.RESERVATION})
async def reservation_is_cancelled(bench: Bench) -> None:
    """The operator cancels a reservation, and the connector is free again.

    Checks: CancelReservation comes with the reservationId; its answer reaches the operator; the StatusNotifications
    Reserved and Available are confirmed; the reservation is Cancelled on record (OCPP 1.6 §5.1, §5.13).

    Not known: nothing of weight.
    """
    async with attended(bench) as charger:
        reservation_id = await charger.reserve(await bench.id_tag())
        await charger.reports("Reserved")
        await charger.ask("CancelReservation", {"reservationId": reservation_id}, "Accepted")
        await charger.reports("Available")
        await expect_reservation(bench, reservation_id, "Cancelled")


@scenario(case="TC_052", needs={Need.OPERATOR})
async def cancelling_a_reservation_is_rejected(bench: Bench) -> None:
    """The operator cancels a reservation, and the charge point refuses.

    Checks: CancelReservation comes with the reservationId; the operator is told Rejected; the reservation is still
    Accepted on record (OCPP 1.6 §5.1, §7.5).

    Not known: whether the original cancels a reservation that there is, as here, or one that there never was.
    """
    async with bench.client(boot=True) as client:
        reservation_id = await reserved(bench, client, "Accepted")
        wanted = {"reservationId": reservation_id}
        await command(bench, client, "CancelReservation", wanted, answer={"status": "Rejected"})
        await expect_reservation(bench, reservation_id, "Accepted")


@scenario(
    case="TC_053",
    needs={Need.OPERATOR},
    features={Feature.RESERVATION, Feature.PLUG, Feature.TAP},
)
async def reserved_connector_is_used_by_another_card_of_its_group(bench: Bench) -> None:
    """The operator reserves a connector for a card and its group, and another card of the group is used there.

    Checks: ReserveNow comes with the parentIdTag; the other card's Authorize is answered with the parentIdTag; the
    StartTransaction with the reservationId is Accepted; the reservation is Used by it on record (OCPP 1.6 §3.10, §4.1,
    §5.13).

    Not known: whether the charge point of the original has to ask for the card.
    """
    group = bench.new_name("G")
    owner, colleague = [await bench.id_tag(parentIdTag=group) for _ in range(2)]
    async with attended(bench) as charger:
        reservation_id = await charger.reserve(owner, parent_id_tag=group)
        await charger.reports("Reserved")
        await charger.plug_in()
        await charger.tap(colleague)
        asked = await charger.authorizes(colleague, "Accepted")
        parent = asked.result["idTagInfo"].get("parentIdTag")
        expect_equal(parent, group, "the parentIdTag in Authorize.conf")
        await used(bench, charger, reservation_id, colleague)
