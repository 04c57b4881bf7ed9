"""``ocpp-actors simulate``: simulated charge points for any central system."""

import ipaddress
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import rich_click as click

if TYPE_CHECKING:
    from ocpp_actors.testbench.simulated.personality import Personality
    from ocpp_actors.testbench.target import Target

MAX_COUNT: Final = 20_000
MAX_CONNECTORS: Final = 50
MAX_KEY: Final = 40

LIFE, TRAFFIC, OUTPUT = "Charge points", "Activity", "Output"


@click.command()
@click.option(
    "--url",
    metavar="URL",
    help="The central system, without identity: ws://127.0.0.1:9000/ocpp.",
)
@click.option(
    "--anywhere",
    is_flag=True,
    help="Let URL be off this machine. The owner of the central system should know of it.",
)
@click.option(
    "--tls-ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Certificates (PEM) that are trusted where URL begins with wss; by default those of the system.",
)
@click.option(
    "--count",
    type=click.IntRange(1, MAX_COUNT),
    default=1,
    metavar="N",
    panel=LIFE,
    help="How many. Default: 1.",
)
@click.option(
    "--connectors",
    type=click.IntRange(1, MAX_CONNECTORS),
    default=1,
    metavar="N",
    panel=LIFE,
    help="Connectors of each. Default: 1.",
)
@click.option(
    "--identity-prefix",
    default="SIM",
    metavar="TEXT",
    panel=LIFE,
    help="What their identities begin with; a number follows. Default: SIM.",
)
@click.option(
    "--quirk",
    "quirks",
    multiple=True,
    metavar="NAME",
    panel=LIFE,
    help="An odd behaviour; may be given more than once. See --quirks.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    panel=LIFE,
    help="The file that holds the AuthorizationKey of all of them.",
)
@click.option(
    "--set",
    "configuration",
    multiple=True,
    metavar="KEY=VALUE",
    panel=LIFE,
    help="A configuration key that they have: MeterValueSampleInterval=10. May be given more than once.",
)
@click.option(
    "--activity",
    type=click.Choice(["idle", "charging"]),
    default="idle",
    panel=TRAFFIC,
    help="What goes on: nothing, or cars that come, charge and leave. Default: idle.",
)
@click.option(
    "--arrival",
    type=click.FloatRange(min=0.1),
    default=600.0,
    metavar="SECONDS",
    panel=TRAFFIC,
    help="For how long a connector is free, on average. Default: 600.",
)
@click.option(
    "--stay",
    type=click.FloatRange(min=0.1),
    default=3600.0,
    metavar="SECONDS",
    panel=TRAFFIC,
    help="For how long a car stays, on average. Default: 3600.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0.001),
    default=1.0,
    metavar="FACTOR",
    panel=TRAFFIC,
    help="How many times faster cars come and go; the meter runs as always. Default: 1.",
)
@click.option(
    "--id-tag",
    "id_tags",
    multiple=True,
    metavar="IDTAG",
    panel=TRAFFIC,
    help="A card that is presented; may be given more than once. Default: TAG1 to TAG100.",
)
@click.option(
    "--starts",
    type=click.FloatRange(min=0.1),
    default=100.0,
    metavar="RATE",
    panel=TRAFFIC,
    help="How many are switched on in a second. Default: 100.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    panel=TRAFFIC,
    help="When to end. Without it: at Ctrl-C or SIGTERM.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    panel=TRAFFIC,
    help="The same N leaves the same to chance in the same way.",
)
@click.option("--json", "as_json", is_flag=True, panel=OUTPUT, help="A JSON object a line, the summary last.")
@click.option("--quirks", "list_quirks", is_flag=True, panel=OUTPUT, help="List the quirks by name, and end.")
def simulate(
    url: str | None, anywhere: bool, tls_ca: Path | None, as_json: bool, list_quirks: bool, **options: Any
) -> int:
    """Simulate charge points that connect to a central system, boot, report, charge and answer its commands.

    They run until --duration is over, or until Ctrl-C or SIGTERM; a summary is printed then. Ends with 0, or with 1 if
    nothing ever connected. A central system that cannot be reached is tried again and again.

    \b
    Examples:
      ocpp-actors simulate --url ws://127.0.0.1:9000/ocpp
      ocpp-actors simulate --url ws://127.0.0.1:9000/ocpp --count 500 --activity charging --speed 60 --duration 300
      ocpp-actors simulate --url ws://127.0.0.1:9000/ocpp --quirk half-open --quirk no-timezone
      ocpp-actors simulate --url wss://csms.example/ocpp --anywhere --identity-prefix TEST --key-file key
      ocpp-actors simulate --quirks
    """  # noqa: D301
    if list_quirks:
        _list_quirks(as_json=as_json)
        return 0
    if url is None:
        raise click.UsageError("Missing option '--url'.")
    from ocpp_actors.testbench_cli.crowd_run import run

    return run(
        target=_target(url, tls_ca, anywhere=anywhere),
        personality=_personality(options.pop("quirks")),
        configuration=_configuration(options.pop("configuration"), options.pop("key_file")),
        chance=random.Random(options.pop("seed")),  # noqa: S311 — for what is left to chance in a simulation
        as_json=as_json,
        **options,
    )


def _target(url: str, tls_ca: Path | None, *, anywhere: bool) -> "Target":
    import ssl

    from ocpp_actors.testbench.target import NotAUrl, target_of

    try:
        trusted = ssl.create_default_context(cafile=tls_ca) if tls_ca is not None else None
    except (OSError, ssl.SSLError) as error:
        raise click.BadParameter(f"{tls_ca} holds no certificates: {error}") from None
    try:
        target = target_of(url, trusted)
    except NotAUrl as error:
        raise click.BadParameter(str(error)) from None
    host = urlsplit(url).hostname or ""
    if not (anywhere or _is_loopback(host)):
        raise click.BadParameter(
            f"{host} is not this machine; if its owner knows that simulated charge points will come, say --anywhere"
        )
    return target


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _personality(names: Iterable[str]) -> "Personality":
    from ocpp_actors.testbench.simulated.quirks import NoSuchQuirk, personality_of

    try:
        return personality_of(names)
    except NoSuchQuirk as error:
        raise click.BadParameter(f"{error}; --quirks lists them") from None


def _configuration(settings: Iterable[str], key_file: Path | None) -> dict[str, str]:
    from ocpp_actors.testbench.simulated.configuration import Configuration

    chosen: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.BadParameter(f"{setting!r} is not KEY=VALUE")
        chosen[name] = value
    if key_file is not None:
        chosen["AuthorizationKey"] = _key(key_file)
    trial = Configuration()
    for name, value in chosen.items():
        try:
            trial.preset(name, value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return chosen


def _key(file: Path) -> str:
    try:
        text = file.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise click.BadParameter(f"the key file {file} cannot be read: {reason}") from None
    if not text or len(text) > MAX_KEY or not text.isprintable():
        raise click.BadParameter(
            f"the key file {file} holds no key: one line of at most {MAX_KEY} characters"
        )
    return text


def _list_quirks(*, as_json: bool) -> None:
    from ocpp_actors.testbench.simulated.quirks import QUIRKS

    if as_json:
        click.echo(json.dumps({name: quirk.description for name, quirk in QUIRKS.items()}, indent=2))
    else:
        width = max(map(len, QUIRKS))
        for name, quirk in QUIRKS.items():
            click.echo(f"{name:<{width}}  {quirk.description}")
