"""What the charge points of the benchmarks send."""

import json

BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Latency"}
PHASES = ("L1", "L2", "L3")
SAMPLES = [
    {"value": "1234567", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
    {"value": "7360.0", "measurand": "Power.Active.Import", "unit": "W"},
    *({"value": "230.1", "measurand": "Voltage", "unit": "V", "phase": phase} for phase in PHASES),
    *({"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": phase} for phase in PHASES),
]
_BOOT = json.dumps(BOOT).encode()
_BEFORE = b'{"connectorId":1,"meterValue":[{"timestamp":"'
_AFTER = b'","sampledValue":' + json.dumps(SAMPLES, separators=(",", ":")).encode() + b"}]}"


def content(action: str, number: int) -> bytes:
    """Return the payload of a message as JSON; no two MeterValues are the same fact."""
    if action == "Heartbeat":
        return b"{}"
    if action == "BootNotification":
        return _BOOT
    return _BEFORE + timestamp(number) + _AFTER


def timestamp(number: int) -> bytes:
    """Return the second of this number of a month."""
    minutes, seconds = divmod(number, 60)
    day, minute_of_day = divmod(minutes, 1440)
    return b"2026-01-%02dT%02d:%02d:%02dZ" % (
        1 + day % 28,
        minute_of_day // 60,
        minute_of_day % 60,
        seconds,
    )
