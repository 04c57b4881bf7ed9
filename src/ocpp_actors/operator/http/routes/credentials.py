"""Keys and certificates of charge points."""

from typing import Any, Final

from ocpp_actors.central_system.credentials import MIN_KEY
from ocpp_actors.ledger.port import KeyHash, ListSigningRequests, SetKey
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import CertificatesModel, KeyModel, KeyPut, SigningRequestModel
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
from ocpp_actors.operator.http.paging import json_answer
from ocpp_actors.operator.http.routes.common import CHARGE_POINT, NO_CONTENT, known, refresh

TAG: Final = "Credentials"


@operation(
    "PUT",
    "/charge-points/{identity}/key",
    summary="Set the key of a charge point",
    tag=TAG,
    body=body_of(KeyPut, generated={}, given=examples.KEY),
    replies=[Reply(200, "The key: it is not shown again.", (Content(KeyModel, examples.KEY),))],
    problems=CHARGE_POINT,
    request_headers=("X-Operator",),
)
async def put_key(desk: Desk, asked: Asked[Nothing, KeyPut]) -> Answer:
    """With a key, a charge point has to name it when it connects. Without one in the body a random one is made.

    The charge point is told nothing: see ChangeConfiguration of AuthorizationKey for that.
    """
    key = asked.body.key
    if key is None:
        key = desk.keys.generate()
    elif len(key) < MIN_KEY or not (key.isascii() and key.isprintable()):
        raise p.broken_rule("/key", f"it has {MIN_KEY} to 40 printable ASCII characters")
    await _set_key(desk, asked, await desk.keys.hash(key.encode()))
    return json_answer(KeyModel(key=key))


@operation(
    "DELETE",
    "/charge-points/{identity}/key",
    summary="Remove the key of a charge point",
    tag=TAG,
    replies=[NO_CONTENT],
    problems=CHARGE_POINT,
    request_headers=("X-Operator",),
)
async def delete_key(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """It may connect without one from then on."""
    await _set_key(desk, asked, None)
    return Answer(status=204)


async def _set_key(
    desk: Desk, asked: Asked[Nothing, KeyPut] | Asked[Nothing, Nothing], key: KeyHash | None
) -> None:
    record = await known(desk, asked.path["identity"])
    await desk.change(SetKey(record.identity, key), asked.who)
    refresh(desk, await known(desk, record.identity))


@operation(
    "GET",
    "/charge-points/{identity}/certificates",
    summary="List the certificate signing requests of a charge point",
    tag=TAG,
    replies=[Reply(200, "Newest first.", (Content(CertificatesModel, examples.CERTIFICATES),))],
    problems=CHARGE_POINT,
)
async def get_certificates(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What it sent with SignCertificate; CertificateSigned brings the answer."""
    record = await known(desk, asked.path["identity"])
    requests = await desk.ask(ListSigningRequests(record.identity))
    shown = [
        SigningRequestModel(request_id=each.request_id, csr=each.csr, received_at=each.received_at)
        for each in requests
    ]
    return json_answer(CertificatesModel(signing_requests=shown))


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (put_key, delete_key, get_certificates)
