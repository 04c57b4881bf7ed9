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
    from ocpp_actors.testbench.simulated.access import Security
    from ocpp_actors.testbench.simulated.personality import Personality
    from ocpp_actors.testbench.target import Target
    from ocpp_actors.testbench.tls import ClientTls

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
    help="Root certificates (PEM) that they trust; by default those of the system.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The certificate (PEM) that all of them show with security profile 3.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Its private key (PEM), where the file of the certificate does not have it.",
)
@click.option(
    "--tls-url",
    metavar="URL",
    help="The central system over TLS, which they are moved to with security profile 2: wss://localhost:9443/ocpp.",
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
    url: str | None, tls_url: str | None, anywhere: bool, as_json: bool, list_quirks: bool, **options: Any
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
      ocpp-actors simulate --url ws://localhost:9000/ocpp --tls-url wss://localhost:9443/ocpp
      ocpp-actors simulate --quirks
    """  # noqa: D301
    if list_quirks:
        _list_quirks(as_json=as_json)
        return 0
    if url is None:
        raise click.UsageError("Missing option '--url'.")
    from ocpp_actors.testbench_cli.crowd_run import run

    if tls_url is not None and not tls_url.startswith("wss:"):
        raise click.BadParameter(f"{tls_url!r} is not over TLS: write it as wss://HOST:PORT/PATH")
    if not anywhere:
        _check_loopback(url)
        _check_loopback(tls_url or url)
    tls = _tls(options.pop("tls_ca"), options.pop("tls_certificate"), options.pop("tls_key"))
    security = _security(tls_url or url, tls)
    return run(
        target=_target(url, tls),
        personality=_personality(options.pop("quirks")),
        configuration=_configuration(options.pop("configuration"), options.pop("key_file"), url, security),
        security=security,
        chance=random.Random(options.pop("seed")),  # noqa: S311 — for what is left to chance in a simulation
        as_json=as_json,
        **options,
    )


def _target(url: str, tls: "ClientTls") -> "Target":
    from ocpp_actors.testbench.target import NotAUrl, target_of

    try:
        return target_of(url, tls.context(shows=False))
    except NotAUrl as error:
        raise click.BadParameter(str(error)) from None


def _security(url: str, tls: "ClientTls") -> "Security":
    from ocpp_actors.testbench.simulated.access import Security
    from ocpp_actors.testbench.simulated.certificates import OwnCertificate
    from ocpp_actors.testbench.target import NotAUrl, secure_target_of

    try:
        address = secure_target_of(url) if url.startswith("wss:") else None
    except NotAUrl as error:
        raise click.BadParameter(str(error)) from None
    if address is None and tls.certificate:
        raise click.UsageError("--tls-certificate is for a central system over TLS: give --tls-url.")
    own = OwnCertificate(tls.certificate, tls.key) if tls.certificate else None
    return Security(address, tls.roots, own)


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> "ClientTls":
    from ocpp_actors.testbench.tls import UnusableTls, read_client_tls

    if key is not None and certificate is None:
        raise click.UsageError("--tls-key goes with --tls-certificate, which is missing.")
    try:
        return read_client_tls(ca, certificate, key)
    except UnusableTls as error:
        raise click.BadParameter(str(error)) from None


def _check_loopback(url: str) -> None:
    host = urlsplit(url).hostname or ""
    if not _is_loopback(host):
        raise click.BadParameter(
            f"{host} is not this machine; if its owner knows that simulated charge points will come, say --anywhere"
        )


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


def _configuration(
    settings: Iterable[str], key_file: Path | None, url: str, security: "Security"
) -> dict[str, str]:
    """Return their configuration keys; over TLS they have the security profile that they can have there."""
    from ocpp_actors.testbench.simulated.configuration import Configuration

    chosen: dict[str, str] = {}
    if url.startswith("wss:") and (security.certificate is not None or key_file is not None):
        chosen["SecurityProfile"] = "2" if security.certificate is None else "3"
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
