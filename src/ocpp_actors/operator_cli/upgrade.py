"""``ocpp-actors charge-points upgrade``: a charge point moves to a higher security profile."""

from typing import TYPE_CHECKING, BinaryIO

import rich_click as click

from ocpp_actors.operator_cli.charge_points import path_of
from ocpp_actors.operator_cli.failures import MISTAKE, ApiFailure, Problem
from ocpp_actors.operator_cli.options import as_json, with_api
from ocpp_actors.operator_cli.output import print_items, print_json, tell

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api


@click.command()
@click.argument("identity")
@click.option("--to", "profile", type=click.IntRange(1, 3), required=True, help="The security profile.")
@click.option(
    "--root",
    type=click.File("rb"),
    metavar="FILE",
    help="A root certificate (PEM) that it is given, where it does not know it yet: of the server's certificate, or "
    "with --to 3 of CERTIFICATE_AUTHORITY. Otherwise one that is new to TLS is given that of TLS_ROOT, if set.",
)
@click.option(
    "--patience",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help="How long it may take to come back, and to get a certificate. Default: 300.",
)
@as_json
@with_api
def upgrade(
    api: "Api", identity: str, profile: int, root: BinaryIO | None, patience: int | None, as_json: bool
) -> None:
    """Move a connected charge point to a higher security profile: 1 with a key, 2 over TLS, 3 with a certificate.

    It is given what the profile needs and it lacks; the profile is set; it comes back; and from then on it may use no
    lower one. Where a step fails, it can go on as before, and the command can be given again.

    \b
    Examples:
      ocpp-actors charge-points upgrade CP1 --to 2 --root root.pem
      ocpp-actors charge-points upgrade CP1 --to 3 --root authority/root.pem
    """  # noqa: D301
    given = {
        "profile": profile,
        "rootCertificate": None if root is None else _pem(root),
        "patience": patience,
    }
    body = {name: value for name, value in given.items() if value is not None}
    try:
        answer, _ = api.send("POST", f"{path_of(identity)}/security-profile", body, patient=True)
    except Problem as problem:
        for step in problem.document.get("steps") or ():
            tell(f"{step.get('step')}: {step.get('detail')}")
        raise
    if as_json:
        print_json(answer)
        return
    print_items(answer["steps"], {"STEP": "step", "DETAIL": "detail"}, as_json=False)


def _pem(file: BinaryIO) -> str:
    try:
        return file.read().decode("ascii")
    except UnicodeDecodeError:
        raise ApiFailure(f"there is no certificate in PEM in {file.name}", MISTAKE) from None
