"""``ocpp-actors charge-points``."""

from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO

import rich_click as click

from ocpp_actors.logs import printable
from ocpp_actors.operator_cli.failures import MISTAKE, NOT_NOW, ApiFailure, Problem, Unreachable
from ocpp_actors.operator_cli.options import Command, Listing, as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_csv, print_item, print_items, print_json, tell

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

REGISTRATIONS: Final = ("Accepted", "Pending", "Rejected")

SETTINGS: Final = {
    "lenient": "lenient",
    "pings": "pings",
    "abort_on_shutdown": "abortOnShutdown",
    "security_profile": "securityProfile",
}
"""The options about how a charge point is treated, and the API's names for them."""


@click.group("charge-points", cls=Listing)
def charge_points() -> None:
    """List charge points, and say how they are treated. Without a command: list.

    \b
    Examples:
      ocpp-actors charge-points
      ocpp-actors charge-points --search wallbox --online
      ocpp-actors charge-points show CP1
      ocpp-actors charge-points add CP1 --lenient
      ocpp-actors charge-points set CP1 --registration Accepted
      ocpp-actors charge-points set-key CP1
      ocpp-actors charge-points make-keys --missing
      ocpp-actors charge-points rotate-key CP1
      ocpp-actors charge-points misbehave CP1 --drop StartTransaction
      ocpp-actors charge-points upgrade CP1 --to 2
    """  # noqa: D301


@charge_points.command("list")
@click.option(
    "--search",
    metavar="TEXT",
    help="Only those with this in identity, vendor, model, serial number or firmware.",
)
@click.option("--online/--offline", default=None, help="Only those that are connected, or are not.")
@click.option("--registration", type=click.Choice(REGISTRATIONS), help="Only those registered so.")
@click.option(
    "--faulted",
    is_flag=True,
    default=None,
    help="Only those with a connector, or connector 0, that is Faulted or reports an error code.",
)
@limit
@as_json
@with_api
def list_all(api: "Api", as_json: bool, limit: int | None, **filters: object) -> None:
    """List charge points in the order of their identities.

    \b
    Examples:
      ocpp-actors charge-points list --offline
      ocpp-actors charge-points list --faulted
      ocpp-actors charge-points list --json | jq -r .identity
    """  # noqa: D301
    print_items(
        api.items("/charge-points", limit, **filters),
        {
            "IDENTITY": "identity",
            "ONLINE": "online",
            "REGISTRATION": "registration",
            "VENDOR": "vendor",
            "MODEL": "model",
            "FIRMWARE": "firmwareVersion",
            "CONNECTORS": _connectors,
            "POWER W": "powerW",
            "LAST SEEN": "lastSeen",
        },
        as_json=as_json,
    )


def _connectors(item: dict[str, Any]) -> str:
    return ", ".join(f"{each['connectorId']} {each['status']}" for each in item.get("connectors") or ())


@charge_points.command()
@click.argument("identity")
@as_json
@with_api
def show(api: "Api", identity: str, as_json: bool) -> None:
    """Show all that is known of one charge point.

    \b
    Examples:
      ocpp-actors charge-points show CP1
      ocpp-actors charge-points show CP1 --json
    """  # noqa: D301
    print_item(api.get(path_of(identity)), as_json=as_json)


def path_of(identity: str) -> str:
    """Return where the API keeps a charge point."""
    from ocpp_actors.operator_cli.api import segment

    return f"/charge-points/{segment(identity)}"


def _treatment(command: Command) -> Command:
    for option in (
        click.option(
            "--security-profile",
            type=click.IntRange(0, 3),
            metavar="N",
            help="The lowest security profile that it may connect with, 0 to 3, where it is above the server's own.",
        ),
        click.option(
            "--abort-on-shutdown/--close-on-shutdown",
            default=None,
            help="What ends its connection at shutdown: some never reconnect after a close.",
        ),
        click.option("--pings/--no-pings", default=None, help="Whether WebSocket pings are sent to it."),
        click.option(
            "--lenient/--strict",
            default=None,
            help="Put up with what breaks the schemas but has a clear meaning, or not.",
        ),
        click.option(
            "--registration",
            type=click.Choice(REGISTRATIONS),
            help="What its boots are answered with; not given to a new one, its first boot decides.",
        ),
    ):
        command = option(command)
    return command


def _decision(registration: str | None, treatment: dict[str, int | None]) -> dict[str, Any]:
    settings = {SETTINGS[name]: value for name, value in treatment.items() if value is not None}
    return ({"registration": registration} if registration else {}) | (
        {"settings": settings} if settings else {}
    )


@charge_points.command()
@click.argument("identity")
@_treatment
@as_json
@with_api
def add(api: "Api", identity: str, registration: str | None, as_json: bool, **treatment: int | None) -> None:
    """Add a charge point, so that it may connect where only known ones may (ADMISSION=known).

    Shows its settings and the address to configure in it, as the server listens; --json shows all of it instead.

    \b
    Examples:
      ocpp-actors charge-points add CP1
      ocpp-actors charge-points add CP1 --registration Pending --no-pings
      ocpp-actors charge-points add CP1 --security-profile 2
    """  # noqa: D301
    try:
        added, _ = api.send(
            "PUT", path_of(identity), _decision(registration, treatment), headers={"If-None-Match": "*"}
        )
    except Problem as problem:
        if problem.kind != "version-conflict":
            raise
        raise ApiFailure(
            f"there is a charge point {identity} already: change it with ocpp-actors charge-points set"
        ) from None
    if as_json:
        print_json(added)
    else:
        print_item(_summary(api, added), as_json=False)


def _summary(api: "Api", added: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be known of a charge point that was added: of one that never connected the rest is empty."""
    from ocpp_actors.operator_cli.api import segment

    try:
        urls = api.get("/overview")["chargePointUrls"]
    except ApiFailure:  # it was added all the same
        urls = []
    known = {
        name: added[name]
        for name in ("identity", "registration", "settings", "hasKey")
        if added.get(name) is not None
    }
    return known | {"address": ", ".join(f"{url}/{segment(added['identity'])}" for url in urls)}


@charge_points.command("set")
@click.argument("identity")
@_treatment
@as_json
@with_api
def change(
    api: "Api", identity: str, registration: str | None, as_json: bool, **treatment: int | None
) -> None:
    """Change how a charge point is treated; what is not given stays as it is.

    \b
    Examples:
      ocpp-actors charge-points set CP1 --lenient
      ocpp-actors charge-points set CP1 --registration Accepted
    """  # noqa: D301
    decision = _decision(registration, treatment)
    if not decision:
        raise click.UsageError(
            "Nothing to change: give --registration, --lenient, --pings or another of its options."
        )
    print_item(api.send("PATCH", path_of(identity), decision)[0], as_json=as_json)


@charge_points.command()
@click.argument("identity")
@with_api
def remove(api: "Api", identity: str) -> None:
    """Forget a charge point and close its connection. Its transactions stay.

    \b
    Example:
      ocpp-actors charge-points remove CP1
    """  # noqa: D301
    api.send("DELETE", path_of(identity))


@charge_points.command("set-key")
@click.argument("identity")
@click.option(
    "--key-file",
    type=click.File("rb"),
    metavar="FILE",
    help="The file that holds the key; - reads the standard input.",
)
@click.option(
    "--hex", "in_digits", is_flag=True, help="The key is binary, and FILE has its hexadecimal digits."
)
@click.option("--remove", is_flag=True, help="Take its key away, so that it connects without one.")
@with_api
def set_key(api: "Api", identity: str, key_file: BinaryIO | None, in_digits: bool, remove: bool) -> None:
    """Give a charge point the key of its HTTP Basic authentication.

    Without --key-file a key is made and printed, once: only its hash is kept. It is the server's side alone;
    rotate-key gives a new one to the charge point, too. make-keys does the same for many.

    \b
    Examples:
      ocpp-actors charge-points set-key CP1
      ocpp-actors charge-points set-key CP1 --key-file key.txt
      pass show cp1 | ocpp-actors charge-points set-key CP1 --key-file -
      ocpp-actors charge-points set-key CP1 --key-file digits.txt --hex
      ocpp-actors charge-points set-key CP1 --remove
    """  # noqa: D301
    if remove:
        if key_file is not None:
            raise click.UsageError("--remove and --key-file do not go together.")
        api.send("DELETE", f"{path_of(identity)}/key")
        return
    if in_digits and key_file is None:
        raise click.UsageError("--hex goes with --key-file.")
    body = {} if key_file is None else {"keyHex" if in_digits else "key": _read_key(key_file)}
    answer, _ = api.send("PUT", f"{path_of(identity)}/key", body)
    if key_file is None:
        tell(f"the key of {identity}; it is not shown again")
        click.echo(answer["key"])


TAKEN: Final = ("Accepted", "RebootRequired")
"""Answers of a charge point that has taken a new key."""


def _read_key(file: BinaryIO) -> str:
    try:
        key = file.read().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ApiFailure(
            f"the key in {file.name} is not text: give its hexadecimal digits, with --hex", MISTAKE
        ) from None
    if not key:
        raise ApiFailure(f"there is no key in {file.name}", MISTAKE)
    return key


@charge_points.command("make-keys")
@click.argument("identities", metavar="[IDENTITY]...", nargs=-1)
@click.option(
    "--file",
    type=click.File("r", encoding="utf-8-sig"),
    metavar="FILE",
    help="The file that has an identity a line; - reads the standard input.",
)
@click.option("--missing", is_flag=True, help="All that have no key, and were sent none.")
@with_api
def make_keys(api: "Api", identities: tuple[str, ...], file: TextIO | None, missing: bool) -> int:
    """Make a key for each of many charge points, and print them, once, as CSV.

    It is the server's side alone: from its next connection on each has to name its key, and one that it had before is
    no longer right. A charge point that the server refuses is told, the others get their keys; then it ends with 1.

    \b
    Examples:
      ocpp-actors charge-points make-keys --missing > keys.csv
      ocpp-actors charge-points make-keys --file identities.txt > keys.csv
      ocpp-actors charge-points make-keys CP1 CP2
    """  # noqa: D301
    if not (identities or file or missing):
        raise click.UsageError("Name charge points, or give --file or --missing.")
    wanted = [*identities, *_read_identities(file)]
    if missing:
        wanted += [
            each["identity"]
            for each in api.items("/charge-points")
            if not (each["hasKey"] or each["hasNextKey"])
        ]
    print_csv(("identity", "key"))
    refused = 0
    for identity in {each.casefold(): each for each in wanted}.values():
        try:
            answer, _ = api.send("PUT", f"{path_of(identity)}/key", {})
        except Problem as problem:
            tell(f"{identity}: {problem.format_message()}")
            refused += 1
        except Unreachable as error:
            raise ApiFailure(
                f"{identity}: {error.format_message()}; the keys of this one and those after it were not shown"
            ) from None
        else:
            print_csv((identity, answer["key"]))
    return NOT_NOW if refused else 0


def _read_identities(file: TextIO | None) -> list[str]:
    if file is None:
        return []
    try:
        return [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError:
        raise ApiFailure(f"{file.name} is not text in UTF-8", MISTAKE) from None


OUTCOMES: Final = {
    "new": "it uses the new key, and the old one no longer works",
    "old": "the old key stays",
    "both": "both keys work until it uses the new one, after its next reboot at the latest",
}
"""What the rotation of a key came to, by the keys that are right."""


@charge_points.command("rotate-key")
@click.argument("identity")
@as_json
@with_api
def rotate_key(api: "Api", identity: str, as_json: bool) -> int:
    """Make a new key, send it to the charge point, and switch to it if it was accepted.

    Nobody is shown the key. Ends with 0 if the charge point took it, with 1 if it did not or is not connected.

    \b
    Example:
      ocpp-actors charge-points rotate-key CP1
    """  # noqa: D301
    answer, _ = api.send("POST", f"{path_of(identity)}/key/rotation", patient=True)
    if as_json:
        print_json(answer)
    else:
        click.echo(printable(f"{identity} answered {answer['status']}: {OUTCOMES[answer['validKeys']]}"))
    return 0 if answer["status"] in TAKEN else 1
