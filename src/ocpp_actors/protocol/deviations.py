"""Every deliberate difference between the derived schemas and the official ones."""

from typing import Final

from attrs import frozen


@frozen
class Deviation:
    """One difference.

    ``message`` and ``field`` say where (``*`` is everywhere; ``a[].b`` is field b of every element of a),
    ``keyword`` is the JSON Schema keyword that differs.
    """

    message: str
    field: str
    keyword: str
    reason: str


_NEGATIVE_CONNECTOR: Final = (
    "No connector has a negative number (OCPP 1.6 §3.8), and a value out of range is a "
    "PropertyConstraintViolation (errata 3.39). The official schema takes any integer."
)

DEVIATIONS: Final = (
    *(
        Deviation(message, "connectorId", "minimum", _NEGATIVE_CONNECTOR)
        for message in (
            "ChangeAvailability",
            "ClearChargingProfile",
            "ExtendedTriggerMessage",
            "GetCompositeSchedule",
            "MeterValues",
            "RemoteStartTransaction",
            "ReserveNow",
            "SetChargingProfile",
            "StatusNotification",
            "TriggerMessage",
            "UnlockConnector",
        )
    ),
    Deviation(
        "StartTransaction",
        "connectorId",
        "minimum",
        "A transaction runs on a connector, and connectors are numbered from 1 (OCPP 1.6 §6.45: connectorId "
        "> 0). The official schema takes any integer.",
    ),
    Deviation(
        "StopTransaction",
        "transactionData[].sampledValue[].unit",
        "enum",
        "Hertz is taken here too: it is the unit of Frequency in any SampledValue (OCPP 1.6 §7.31, errata "
        "3.84). The official schema has it in MeterValues only; to refuse it would lose a StopTransaction.",
    ),
    Deviation(
        "*",
        "every date-time",
        "format",
        "A date-time that cannot be read is refused, whereas JSON Schema leaves formats to the validator. "
        "More than RFC 3339 is read: a zone may be missing (then it is UTC) or short (+02, +0200), a space "
        "may stand for the T. Leap seconds and years outside 1 to 9999 cannot be read.",
    ),
    Deviation(
        "*",
        "every integer",
        "maximum",
        "An integer lies between -(2**53 - 1) and 2**53 - 1: RFC 7493 §2.2 advises against others, which JSON readers "
        "round and databases refuse. The official schemas set no limit.",
    ),
    Deviation(
        "GetDiagnostics",
        "location",
        "format",
        "The uri format is a remark and is not asserted: the central system sends this message, only the "
        "charge point can tell whether it reaches the location, and firmware takes locations that RFC 3986 "
        "does not.",
    ),
    Deviation(
        "UpdateFirmware",
        "location",
        "format",
        "The uri format is a remark and is not asserted, for the reasons given for GetDiagnostics.",
    ),
)
