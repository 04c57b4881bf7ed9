"""A charge point moves to a higher security profile."""

from typing import Annotated, Any, Final

from attrs import frozen

from ocpp_actors.certificates.chains import UnusableChain, read_chain
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
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
from ocpp_actors.operator.http.routes.calls import attempted
from ocpp_actors.operator.http.wire import Maximum, Told
from ocpp_actors.operator.upgrade import UpgradeInProgress
from ocpp_actors.operator.upgrade_steps import Done, UpgradeFailed
from ocpp_actors.protocol.types import MaxLength, Minimum

TAG: Final = "Credentials"

EXAMPLE: Final = {
    "securityProfile": 2,
    "steps": [
        {"step": "key", "detail": "it has one"},
        {"step": "rootCertificate", "detail": "it was installed"},
        {"step": "profile", "detail": "it was set"},
        {"step": "reconnection", "detail": "it came back with profile 2"},
        {"step": "minimum", "detail": "from now on it needs profile 2"},
    ],
}


@frozen(kw_only=True)
class UpgradeRequest:
    """To which security profile a charge point is to move."""

    profile: Annotated[int, Minimum(1), Maximum(3)]
    root_certificate: (
        Annotated[
            str,
            MaxLength(5500),
            Told("In PEM: installed before TLS is used, in place of the one that TLS_ROOT names."),
        ]
        | None
    ) = None
    patience: Annotated[
        int,
        Minimum(1),
        Maximum(3600),
        Told("Seconds for it to come back, and as many for it to get a certificate."),
    ] = 300


@frozen(kw_only=True)
class StepModel:
    """A step that is done, or was not needed."""

    step: Annotated[
        str, Told("`key`, `rootCertificate`, `certificate`, `profile`, `reconnection` or `minimum`.")
    ]
    detail: str


@frozen(kw_only=True)
class UpgradeModel:
    """What a charge point uses now, and how it came there."""

    security_profile: int
    steps: list[StepModel]


@operation(
    "POST",
    "/charge-points/{identity}/security-profile",
    summary="Move a charge point to a higher security profile",
    tag=TAG,
    body=body_of(UpgradeRequest, profile_2={"profile": 2}),
    replies=[
        Reply(
            200, "It uses the profile, and may use no lower one any more.", (Content(UpgradeModel, EXAMPLE),)
        )
    ],
    problems=(
        p.UNKNOWN_CHARGE_POINT,
        p.NOT_CONNECTED,
        p.NOT_ALLOWED,
        p.UPGRADE_IN_PROGRESS,
        p.UPGRADE_FAILED,
        p.INVALID_REQUEST,
        p.MAILBOX_FULL,
    ),
    request_headers=("X-Operator",),
)
async def post_security_profile(desk: Desk, asked: Asked[Nothing, UpgradeRequest]) -> Answer:
    """Gives it a key, a root certificate and a certificate of its own, as far as the profile needs them and it lacks
    them; sets the profile; waits until it is back with it; and lets it use no lower one from then on.

    If a step fails, the charge point is required nothing more than before. The answer may take minutes.
    """
    identity, body = asked.path["identity"], asked.body
    if body.root_certificate is not None:
        _check_root(body.root_certificate)
    try:
        done = await attempted(
            desk.upgrades.upgrade(
                identity,
                body.profile,
                requested_by=asked.who,
                root=body.root_certificate,
                patience=body.patience,
            )
        )
    except UpgradeInProgress as error:
        raise p.Problem(p.UPGRADE_IN_PROGRESS, str(error)) from None
    except UpgradeFailed as error:
        steps = [{"step": each.step.value, "detail": each.detail} for each in error.done]
        raise p.Problem(
            p.UPGRADE_FAILED, f"{error.step}: {error}", step=error.step.value, steps=steps
        ) from None
    return json_answer(UpgradeModel(security_profile=body.profile, steps=list(map(_shown, done))))


def _check_root(pem: str) -> None:
    try:
        read_chain(pem)
    except UnusableChain:
        raise p.broken_rule("/rootCertificate", "there is no certificate in PEM in it") from None


def _shown(done: Done) -> StepModel:
    return StepModel(step=done.step.value, detail=done.detail)


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (post_security_profile,)
