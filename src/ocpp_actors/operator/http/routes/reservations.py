"""Reservations: made, looked at, cancelled."""

from typing import Any, Final

from ocpp_actors.ledger.port import FindReservation, ListReservations, Reservation, ReservationState
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import (
    ReservationMade,
    ReservationModel,
    ReservationPost,
    ReservationsQuery,
    reservation_model,
)
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    body_of,
    operation,
)
from ocpp_actors.operator.http.paging import json_answer, number_in, page_of, page_reply
from ocpp_actors.operator.http.routes.calls import CALL_PROBLEMS, answered, attempted
from ocpp_actors.operator.http.routes.common import location, not_found
from ocpp_actors.operator.http.wire import write
from ocpp_actors.protocol.messages import CancelReservation

TAG: Final = "Reservations"

ACTIVE: Final = (ReservationState.REQUESTED, ReservationState.ACCEPTED, ReservationState.UNKNOWN)

ONE: Final = Reply(200, "The reservation.", (Content(ReservationModel, examples.RESERVATION),))


@operation(
    "POST",
    "/charge-points/{identity}/reservations",
    summary="Reserve a connector",
    tag=TAG,
    body=body_of(ReservationPost, connector=examples.RESERVATION_POST),
    replies=[
        Reply(
            201,
            "What became of it; see `status`.",
            (Content(ReservationMade, {**examples.RESERVATION, "callId": 17}),),
            ("Location",),
        )
    ],
    problems=CALL_PROBLEMS,
    request_headers=("X-Operator",),
)
async def post_reservation(desk: Desk, asked: Asked[Nothing, ReservationPost]) -> Answer:
    """Gives it an id and sends ReserveNow. It is kept, whatever the charge point answers."""
    body = asked.body
    if body.expiry_date <= desk.clock.now():
        raise p.broken_rule("/expiryDate", "it has passed")
    reservation, record = await attempted(
        desk.calls.reserve(
            asked.path["identity"],
            connector_id=body.connector_id,
            id_tag=body.id_tag,
            parent_id_tag=body.parent_id_tag,
            expiry_date=body.expiry_date,
            requested_by=asked.who,
        )
    )
    answered(record)
    made = {**write(reservation_model(reservation)), "callId": record.command_id}
    return json_answer(made, 201, Location=location("reservations", reservation.reservation_id))


@operation(
    "GET",
    "/reservations",
    summary="List reservations",
    tag=TAG,
    query=ReservationsQuery,
    replies=[page_reply(ReservationModel, "Reservations, newest first.", examples.RESERVATION)],
)
async def list_reservations(desk: Desk, asked: Asked[ReservationsQuery, Nothing]) -> Answer:
    """With `active=true` those that are Requested or Accepted, with `active=false` the others."""
    query = asked.query
    records = await desk.ask(
        ListReservations(
            identity=query.charge_point,
            active=query.active,
            limit=query.limit + 1,
            before=number_in(query.cursor),
        )
    )
    return await page_of(records, query.limit, reservation_model, lambda record: record.reservation_id)


@operation(
    "GET",
    "/reservations/{id}",
    summary="Look at a reservation",
    tag=TAG,
    replies=[ONE],
    problems=(p.NOT_FOUND,),
)
async def get_reservation(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What became of it."""
    return json_answer(reservation_model(await _known(desk, asked.path["id"])))


@operation(
    "DELETE",
    "/reservations/{id}",
    summary="Cancel a reservation",
    tag=TAG,
    replies=[ONE],
    problems=(p.NOT_FOUND, *CALL_PROBLEMS),
    request_headers=("X-Operator",),
)
async def delete_reservation(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Sends CancelReservation."""
    reservation = await _known(desk, asked.path["id"])
    if reservation.state not in ACTIVE:
        raise p.Problem(p.NOT_ALLOWED, f"reservation {reservation.reservation_id} is {reservation.state}")
    record = await attempted(
        desk.calls.call(
            reservation.identity,
            CancelReservation(reservation_id=reservation.reservation_id),
            requested_by=asked.who,
        )
    )
    shown = answered(record)
    if shown["response"].get("status") != "Accepted":
        raise p.Problem(
            p.NOT_ALLOWED,
            "the charge point does not cancel it",
            callId=record.command_id,
            messageId=record.message_id,
        )
    return json_answer(reservation_model(await _known(desk, reservation.reservation_id)))


async def _known(desk: Desk, reservation_id: int) -> Reservation:
    reservation = await desk.ask(FindReservation(reservation_id))
    if reservation is None:
        raise not_found("reservation", reservation_id)
    return reservation


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    post_reservation,
    list_reservations,
    get_reservation,
    delete_reservation,
)
