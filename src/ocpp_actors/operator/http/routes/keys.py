"""Keys of charge points."""

import re
from typing import Any, Final, Literal

from ocpp_actors.central_system.credentials import MIN_KEY
from ocpp_actors.ledger.port import ChargePointRecord, KeyHash, SetKey
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import (
    KeyModel,
    KeyPut,
    RotationModel,
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
from ocpp_actors.operator.http.paging import json_answer
from ocpp_actors.operator.http.routes.calls import CALL_PROBLEMS, answered, attempted
from ocpp_actors.operator.http.routes.common import CHARGE_POINT, NO_CONTENT, known, refresh
from ocpp_actors.protocol.messages import ChangeConfiguration, ConfigurationStatus

TAG: Final = "Keys and certificates"

MAX_KEY: Final = 40
"""Characters of a key, as a charge point's AuthorizationKey has them (A00.FR.205)."""

HEXADECIMAL_KEY: Final = re.compile(r"([0-9a-fA-F]{2}){16,20}")


@operation(
    "PUT",
    "/charge-points/{identity}/key",
    summary="Set the key of a charge point",
    tag=TAG,
    body=body_of(KeyPut, generated={}, text=examples.KEY_TEXT, binary=examples.KEY_HEX),
    replies=[
        Reply(200, "The key that was made: it is not shown again.", (Content(KeyModel, examples.KEY),)),
        Reply(204, "The given key was set."),
    ],
    problems=(*CHARGE_POINT, p.TOO_MANY_KEYS),
    request_headers=("X-Operator",),
)
async def put_key(desk: Desk, asked: Asked[Nothing, KeyPut]) -> Answer:
    """From its next connection on the charge point has to name it. Earlier ones are no longer right, nor is one that it
    was sent and has not used yet.

    Without one in the body a random one is made. Some charge points write a binary key in hexadecimal digits, some as
    it is: both are understood. The charge point is told nothing: see the rotation for that.
    """
    record = await known(desk, asked.path["identity"])
    given = _given_key(asked.body)
    made = desk.keys.generate() if given is None else None
    await _set_key(desk, asked, record, await desk.keys.hash(given or str(made).encode()))
    return Answer(status=204) if made is None else json_answer(KeyModel(key=made))


def _given_key(body: KeyPut) -> bytes | None:
    if body.key is not None and body.key_hex is not None:
        raise p.broken_rule("/keyHex", "key is given too; keep one")
    if body.key is not None:
        if len(body.key) < MIN_KEY or not (body.key.isascii() and body.key.isprintable()):
            raise p.broken_rule("/key", f"it has {MIN_KEY} to {MAX_KEY} printable ASCII characters")
        return body.key.encode()
    if body.key_hex is not None:
        if not HEXADECIMAL_KEY.fullmatch(body.key_hex):
            raise p.broken_rule("/keyHex", "it has 32 to 40 hexadecimal digits, two for each byte")
        return bytes.fromhex(body.key_hex)
    return None


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
    """It may connect without one from then on, if its security profile asks for none."""
    await _set_key(desk, asked, await known(desk, asked.path["identity"]), None)
    return Answer(status=204)


async def _set_key(
    desk: Desk, asked: Asked[Nothing, Any], record: ChargePointRecord, key: KeyHash | None
) -> None:
    await desk.change(SetKey(record.identity, key), asked.who)
    refresh(desk, await known(desk, record.identity))


@operation(
    "POST",
    "/charge-points/{identity}/key/rotation",
    summary="Send a new key to a charge point",
    tag=TAG,
    replies=[Reply(200, "What the charge point answered.", (Content(RotationModel, examples.ROTATION),))],
    problems=CALL_PROBLEMS,
    request_headers=("X-Operator",),
)
async def rotate_key(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """A random key is made and sent with ChangeConfiguration of AuthorizationKey; nobody else is shown it.

    `Accepted`: the old key no longer works. `Rejected`, `NotSupported`: the old one stays. `RebootRequired`, or no
    proper answer: both work until the charge point uses the new one. Where nothing was sent, nothing changes.
    """
    record = await known(desk, asked.path["identity"])
    request = ChangeConfiguration(key="AuthorizationKey", value=desk.keys.generate())
    called = await attempted(desk.calls.call(record.identity, request, requested_by=asked.who))
    pending = bool((await known(desk, record.identity)).next_keys)
    try:
        shown = answered(called)
    except p.Problem as problem:
        which = (
            "the old key and the new one are right until it uses the new one"
            if pending
            else "the old key stays"
        )
        raise p.Problem(
            problem.kind, f"{problem.detail}; {which}", problem.headers, **problem.members
        ) from None
    status = shown["response"]["status"]
    valid: Literal["new", "old", "both"] = "new" if status == ConfigurationStatus.ACCEPTED else "old"
    return json_answer(
        RotationModel(
            call_id=called.command_id,
            status=status,
            valid_keys="both" if pending else valid,
            seconds=shown["seconds"],
        )
    )


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (put_key, delete_key, rotate_key)
