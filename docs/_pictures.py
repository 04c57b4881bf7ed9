"""Makes the pictures anew: of the dashboard, with a server of its own, made-up charge points, and Chromium; and of a
report of the test bench.

From the root of the project, with ``chromium`` in the path:

    just pictures
"""

import itertools
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import frozen
from playwright.sync_api import APIRequestContext, Browser, Page, ViewportSize, sync_playwright
from tests.dashboard.charger import CallError, Charger, charger
from tests.dashboard.running import Running, running_server

PICTURES = Path(__file__).parent / "pictures"
DESK: ViewportSize = {"width": 1280, "height": 720}
TALL: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 780}
REPORT: ViewportSize = {"width": 1100, "height": 1360}
MOST_BYTES = 150_000

SITES = ("HARBOUR", "STATION", "MARKET", "DEPOT", "AIRPORT", "CAMPUS")
MODELS = (("Acme", "Twin 22"), ("Ampere Works", "Tower 150"), ("Northbolt", "Post 11"), ("Plugwell", "Duo"))
TAGS = ("ANNA-0142", "BUS-07", "BUS-12", "CARLA-0077", "DAVID-0301", "FLEET-19", "FLEET-23", "GUEST-5")
IDLE = 160
BUSY = 14
AWAY = 9
STAR = "HARBOUR-001"
"""The charge point that most pictures show; it charges."""
FAULTED = ("MARKET-203", "GroundFailure"), ("DEPOT-204", "HighTemperature")


@frozen
class Session:
    """A transaction as a car makes it: power rises, stays, and falls towards the end."""

    id_tag: str
    began: datetime
    minutes: int
    watts: float
    register: int = 1_204_310

    def readings(self) -> Iterator[tuple[datetime, float, float]]:
        """Yield once a minute when, the energy register in Wh and the power in W."""
        energy = float(self.register)
        for minute in range(self.minutes):
            rise, fall = min(1.0, minute / 3), min(1.0, math.exp((45 - minute) / 25))
            power = self.watts * rise * fall * (1 + 0.015 * math.sin(minute * 1.7))
            yield self.began + timedelta(minutes=minute), energy, power
            energy += power / 60


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def boot(point: Charger, model: tuple[str, str], number: int) -> None:
    vendor, name = model
    point.call(
        "BootNotification",
        {
            "chargePointVendor": vendor,
            "chargePointModel": name,
            "chargePointSerialNumber": f"{vendor[:2].upper()}{81_000 + 37 * number}",
            "firmwareVersion": f"6.{number % 4}.1",
            "meterType": "EM340",
        },
    )


def report(
    point: Charger, connector: int, status: str, error: str = "NoError", at: datetime | None = None
) -> None:
    made = {"connectorId": connector, "status": status, "errorCode": error}
    point.call("StatusNotification", made | {"timestamp": (at or ago()).isoformat()})


def charge(point: Charger, connector: int, session: Session) -> int:
    """Begin a transaction, tell of it minute by minute, and return its id."""
    start = {"connectorId": connector, "idTag": session.id_tag, "meterStart": session.register}
    report(point, connector, "Preparing", at=session.began)
    begun = point.call("StartTransaction", start | {"timestamp": session.began.isoformat()})
    transaction = int(begun["transactionId"])
    report(point, connector, "Charging", at=session.began)
    for at, energy, power in session.readings():
        meter(point, connector, transaction, at, energy, power)
    return transaction


def meter(
    point: Charger, connector: int, transaction: int, at: datetime, energy: float, power: float
) -> None:
    samples = [
        {"value": f"{energy:.0f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": f"{power:.0f}", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": f"{power / 3 / 230:.1f}", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
        {"value": "231.4", "measurand": "Voltage", "unit": "V", "phase": "L1"},
    ]
    point.call(
        "MeterValues",
        {
            "connectorId": connector,
            "transactionId": transaction,
            "meterValue": [{"timestamp": at.isoformat(), "sampledValue": samples}],
        },
    )


def stop(point: Charger, connector: int, transaction: int, session: Session, reason: str) -> None:
    *_, (at, energy, _) = session.readings()
    ended = {"transactionId": transaction, "meterStop": round(energy), "timestamp": at.isoformat()}
    point.call("StopTransaction", ended | {"idTag": session.id_tag, "reason": reason})
    report(point, connector, "Available", at=at)


def put_stored(request: APIRequestContext, api: str) -> None:
    """Store idTags and charging profiles, as an operator does."""
    for number, tag in enumerate(TAGS):
        body: dict[str, object] = {"status": "Blocked" if tag == "GUEST-5" else "Accepted"}
        if tag.startswith("FLEET"):
            body |= {"parentIdTag": "FLEET", "maxActiveTransactions": 2}
        if number % 3 == 0:
            body["expiryDate"] = f"{datetime.now(UTC).year + 2}-03-31T22:00:00Z"
        assert request.put(f"{api}/id-tags/{tag}", data=body).ok
    night = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 21_600, "limit": 6}]
    for name, purpose, periods in (
        ("Night", "TxDefaultProfile", night),
        ("Site limit", "ChargePointMaxProfile", [{"startPeriod": 0, "limit": 32}]),
    ):
        profile = {
            "chargingProfileId": 1 if name == "Night" else 2,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Recurring" if name == "Night" else "Absolute",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": periods,
                "startSchedule": "2026-01-01T21:00:00Z",
            },
        }
        if name == "Night":
            profile["recurrencyKind"] = "Daily"
        answer = request.put(f"{api}/charging-profiles/{name}", data=profile)
        assert answer.ok, answer.text()


def put_star(point: Charger, request: APIRequestContext, api: str) -> None:
    """Have something of everything at the charge point that is shown."""
    past = Session("BUS-07", ago(hours=30), 75, 11_000, 1_150_000)
    stop(point, 1, charge(point, 1, past), past, "EVDisconnected")
    lately = Session("GUEST-5", ago(hours=7), 32, 7_400, 1_163_000)
    stop(point, 1, charge(point, 1, lately), lately, "DeAuthorized")
    now = Session("ANNA-0142", ago(minutes=58), 58, 22_000, 1_170_000)
    charge(point, 1, now)
    report(point, 2, "Available")
    keys = (
        ("HeartbeatInterval", "300", False), ("MeterValueSampleInterval", "60", False),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import", False),
        ("NumberOfConnectors", "2", True), ("LocalPreAuthorize", "false", False),
        ("AuthorizeRemoteTxRequests", "true", False), ("ConnectionTimeOut", "60", False),
        ("SupportedFeatureProfiles", "Core,FirmwareManagement,LocalAuthListManagement,SmartCharging", True),
        ("ChargeProfileMaxStackLevel", "8", True), ("StopTransactionOnEVSideDisconnect", "true", False),
    )  # fmt: skip
    point.answers["GetConfiguration"] = {
        "configurationKey": [{"key": key, "value": value, "readonly": only} for key, value, only in keys],
        "unknownKey": ["LightIntensity"],
    }
    point.answers["UnlockConnector"] = {"status": "UnlockFailed"}
    point.answers["GetDiagnostics"] = CallError("NotSupported", "no diagnostics on this device")
    calls = f"{api}/charge-points/{point.identity}/calls"
    request.post(f"{calls}/GetConfiguration", data={})
    request.post(f"{calls}/UnlockConnector", data={"connectorId": 2})
    request.post(f"{calls}/GetDiagnostics", data={"location": "ftp://files.example/logs"})
    request.post(f"{calls}/TriggerMessage", data={"requestedMessage": "MeterValues", "connectorId": 1})
    request.post(f"{calls}/ChangeConfiguration", data={"key": "MeterValueSampleInterval", "value": "30"})
    of = f"{api}/charge-points/{point.identity}"
    answer = request.post(f"{of}/charging-profiles", data={"name": "Night", "connectorId": 0})
    assert answer.ok, answer.text()
    answer = request.post(f"{of}/local-list", data={"updateType": "Full"})
    assert answer.ok, answer.text()
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    reservation = {"connectorId": 2, "idTag": "DAVID-0301", "expiryDate": until}
    answer = request.post(f"{of}/reservations", data=reservation)
    assert answer.ok, answer.text()
    report(point, 2, "Reserved")
    point.call(
        "SecurityEventNotification",
        {"type": "FirmwareUpdated", "timestamp": ago(hours=3).isoformat(), "techInfo": "6.0.3 to 6.1.1"},
    )


@contextmanager
def fleet(server: Running, request: APIRequestContext) -> Iterator[tuple[list[Charger], Charger]]:
    """Connect made-up charge points for the length of the block; yield those that charge, and a faulted one."""
    api = f"{server.dashboard}/api/v1"
    put_stored(request, api)
    with ExitStack() as online:
        numbers = itertools.count(1)

        def connected(identity: str, number: int) -> Charger:
            point = online.enter_context(charger(server.url, identity))
            boot(point, MODELS[number % len(MODELS)], number)
            return point

        star = connected(STAR, next(numbers))
        put_star(star, request, api)
        busy = [star]
        for number in itertools.islice(numbers, BUSY):
            point = connected(f"{SITES[number % 6]}-{number:03}", number)
            minutes = 3 + number * 13 % 50
            watts = (7_400, 11_000, 22_000, 62_000)[number % 4]
            charge(point, 1, Session(TAGS[number % 7], ago(minutes=minutes), minutes, watts))
            report(point, 2, ("Available", "SuspendedEV", "Finishing", "Preparing")[number % 4])
            busy.append(point)
        for number in itertools.islice(numbers, IDLE):
            point = connected(f"{SITES[number % 6]}-{number:03}", number)
            report(point, 1, "Available")
            report(point, 2, "Unavailable" if number % 23 == 0 else "Available")
        for number in itertools.islice(numbers, AWAY):
            identity = f"{SITES[number % 6]}-{number:03}"
            with charger(server.url, identity) as point:
                boot(point, MODELS[number % 4], number)
                report(point, 1, "Available")
            request.post(f"{api}/charge-points/{identity}/calls/ClearCache?wait=queue&ttl=86400", data={})
        faulted = [connected(identity, 200) for identity, _ in FAULTED]
        for point, (_, error) in zip(faulted, FAULTED, strict=True):
            report(point, 1, "Faulted", error)
            report(point, 2, "Available")
        faulted[-1].connection.send('[2,"31","StatusNotification",{"connectorId":1,"status":"Broken"}]')
        yield busy, faulted[-1]


def opened(browser: Browser, server: Running, scheme: str, size: ViewportSize) -> Page:
    """Return a page of the dashboard in a colour scheme, which no later visit reloads."""
    page = browser.new_page(
        viewport=size,
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page.goto(server.dashboard)
    return page


def visit(page: Page, server: Running, place: str) -> None:
    """Go to a place in the dashboard and wait until all of it is there."""
    page.goto(f"{server.dashboard}/#/{place}")
    page.locator("main:not([aria-busy]) h1").wait_for()
    page.wait_for_load_state("networkidle")


def take(page: Page, name: str) -> None:
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    assert size <= MOST_BYTES, f"{path.name} has {size} bytes, more than {MOST_BYTES}"
    print(f"{path.name}: {size} bytes")


def make_pictures(browser: Browser, server: Running) -> None:
    request = browser.new_context().request
    with fleet(server, request) as (busy, faulted):
        light = opened(browser, server, "light", DESK)
        dark = opened(browser, server, "dark", TALL)
        phone = opened(browser, server, "light", PHONE)
        for page in (light, phone):
            visit(page, server, "")
        for point, status in zip(busy[1:7], ("Preparing", "Finishing") * 3, strict=True):
            report(point, 2, status)
        for page in (light, phone):
            page.locator(".activity li").nth(5).wait_for()
        take(light, "overview")
        take(phone, "overview-phone")

        visit(light, server, "charge-points")
        light.get_by_label("Search").fill("-01")
        light.get_by_text("CAMPUS-011").wait_for()
        light.get_by_text("AIRPORT-004").wait_for(state="detached")
        take(light, "charge-points")

        visit(dark, server, f"charge-points/{STAR}")
        take(dark, "charge-point")

        visit(light, server, f"charge-points/{faulted.identity}/commands?action=RemoteStartTransaction")
        faulted.answers["RemoteStartTransaction"] = {"status": "Rejected"}
        light.get_by_label("Id tag").fill(TAGS[0])
        light.get_by_label("Connector id").fill("1")
        light.get_by_role("button", name="Send", exact=True).click()
        light.get_by_text("The charge point refused.").wait_for()
        take(light, "command")

        visit(dark, server, f"charge-points/{faulted.identity}/messages")
        faulty = dark.locator(".message").filter(has=dark.get_by_text("Faulty", exact=True)).first
        faulty.locator("summary").click()
        faulty.locator("pre").wait_for()
        take(dark, "messages")

        visit(light, server, "transactions/1")
        take(light, "transaction")


def make_picture_of_report(browser: Browser, directory: Path) -> None:
    """Run a profile of the test bench and take its report."""
    command = [
        sys.executable,
        "-m",
        "ocpp_actors",
        "testbench",
        "run",
        "flaky-network",
        "--directory",
        str(directory),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 — a command of ours
    page = browser.new_page(viewport=REPORT, color_scheme="light", locale="en-GB")
    page.goto(next(directory.glob("*/report.html")).as_uri())
    take(page, "report")


def main() -> None:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("chromium is not in the path; install it first")
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        running_server(Path(directory)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        make_pictures(browser, server)
        make_picture_of_report(browser, Path(directory) / "reports")
        browser.close()


if __name__ == "__main__":
    main()
