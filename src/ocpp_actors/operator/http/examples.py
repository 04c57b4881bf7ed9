"""Examples for the documentation: one of each request and answer."""

from typing import Any, Final

AT: Final = "2026-03-01T12:00:00.000Z"
LATER: Final = "2026-03-01T13:30:00.000Z"

SETTINGS: Final = {"lenient": False, "pings": True, "abortOnShutdown": False, "securityProfile": 0}
CONNECTOR: Final = {
    "connectorId": 1,
    "status": "Charging",
    "errorCode": "NoError",
    "info": None,
    "vendorId": None,
    "vendorErrorCode": None,
    "timestamp": AT,
    "receivedAt": AT,
}
MISBEHAVIOUR_PUT: Final = {
    "rules": [
        {"kind": "drop", "action": "StartTransaction", "times": 1},
        {"kind": "delay", "seconds": 5.0, "probability": 0.2},
    ]
}
MISBEHAVIOUR: Final = {
    "rules": [
        {
            "kind": "drop",
            "action": "StartTransaction",
            "probability": 1.0,
            "times": 1,
            "seconds": None,
            "errorCode": None,
            "closeCode": None,
            "applied": 1,
        }
    ]
}
CHARGE_POINT: Final = {
    "identity": "CP-0042",
    "online": True,
    "registration": "Accepted",
    "vendor": "Vendor",
    "model": "Model 22",
    "serialNumber": "SN-1",
    "chargeBoxSerialNumber": None,
    "firmwareVersion": "1.4.2",
    "iccid": None,
    "imsi": None,
    "meterType": None,
    "meterSerialNumber": None,
    "connectors": [CONNECTOR],
    "firstSeen": AT,
    "lastSeen": AT,
    "bootedAt": AT,
    "connectedSince": AT,
    "remote": "192.0.2.7:51724",
    "securityProfile": 2,
    "settings": SETTINGS,
    "hasKey": True,
    "hasNextKey": False,
    "progress": {"firmware": "Installed"},
    "waitingCalls": 0,
    "powerW": 11_040.0,
    "misbehaviour": [],
    "version": 1,
}
CHARGE_POINT_PUT: Final = {"registration": "Accepted", "settings": {"lenient": True, "securityProfile": 2}}
OVERVIEW: Final = {
    "chargePoints": 250,
    "online": 243,
    "chargingNow": 61,
    "powerW": 512_300.0,
    "faulted": 2,
    "connectors": {"Available": 380, "Charging": 61, "Faulted": 2},
    "chargePointUrls": ["ws://192.0.2.1:9000/ocpp"],
    "testing": False,
    "version": "1.0.0",
    "startedAt": AT,
}
CALL: Final = {
    "callId": 17,
    "chargePoint": "CP-0042",
    "action": "Reset",
    "request": {"type": "Soft"},
    "requestedBy": "alice",
    "requestedAt": AT,
    "expiresAt": AT,
    "durable": False,
    "status": "answered",
    "messageId": "5d1f4a3e-9f7b-4c4e-8a51-6f3a8f6f2f10",
    "sentAt": AT,
    "endedAt": AT,
    "response": {"status": "Accepted"},
    "errorCode": None,
    "errorDescription": None,
    "reason": None,
    "seconds": 0.21,
}
QUEUED: Final = {"callId": 18, "status": "waiting", "expiresAt": LATER}
TRANSACTION: Final = {
    "id": 7,
    "chargePoint": "CP-0042",
    "connectorId": 1,
    "idTag": "04A2B7C91F",
    "meterStart": 1_000,
    "meterStop": None,
    "startedAt": AT,
    "stoppedAt": None,
    "stopReason": None,
    "stopIdTag": None,
    "reservationId": None,
    "energyWh": 5_400.0,
    "powerW": 11_040.0,
}
METER_VALUES: Final = {
    "receivedAt": AT,
    "connectorId": 1,
    "energyWh": 6_400.0,
    "powerW": 11_040.0,
    "source": "meterValues",
    "meterValues": [{"timestamp": AT, "sampledValue": [{"value": "6400", "unit": "Wh"}]}],
}
ID_TAG: Final = {
    "idTag": "04A2B7C91F",
    "status": "Accepted",
    "expiryDate": None,
    "parentIdTag": None,
    "maxActiveTransactions": 1,
    "version": 1,
}
ID_TAG_PUT: Final = {"status": "Accepted", "maxActiveTransactions": 1}
RESERVATION: Final = {
    "id": 3,
    "chargePoint": "CP-0042",
    "connectorId": 1,
    "idTag": "04A2B7C91F",
    "parentIdTag": None,
    "expiryDate": LATER,
    "status": "Accepted",
    "createdAt": AT,
    "changedAt": AT,
    "transactionId": None,
}
RESERVATION_POST: Final = {"connectorId": 1, "idTag": "04A2B7C91F", "expiryDate": LATER}
MESSAGE: Final = {
    "at": AT,
    "chargePoint": "CP-0042",
    "direction": "in",
    "action": "Heartbeat",
    "messageId": "19",
    "frame": '[2,"19","Heartbeat",{}]',
    "verdict": None,
}
SECURITY_EVENT: Final = {
    "chargePoint": "CP-0042",
    "type": "SettingSystemTime",
    "timestamp": AT,
    "techInfo": None,
    "origin": "chargePoint",
    "receivedAt": AT,
}
CHANGE: Final = {
    "at": AT,
    "operator": "alice",
    "what": "PutIdTag",
    "subject": "04A2B7C91F",
    "detail": {
        "idTag": {
            "idTag": "04A2B7C91F",
            "status": "Blocked",
            "expiryDate": None,
            "parentIdTag": None,
            "maxActiveTransactions": None,
            "version": 1,
        },
        "expectedVersion": 3,
    },
}
KEY: Final = {"key": "0001020304050607080910111213141516171819"}
KEY_TEXT: Final = {"key": "correct-horse-battery"}
KEY_HEX: Final = {"keyHex": "000102030405060708090a0b0c0d0e0f10111213"}
ROTATION: Final = {"callId": 19, "status": "Accepted", "validKeys": "new", "seconds": 0.21}
CERTIFICATE: Final = {
    "id": 4,
    "state": "Accepted",
    "subject": "CN=SN-1,O=Operator",
    "issuer": "CN=Charge points,O=Operator",
    "serialNumber": "0a1b2c",
    "fingerprint": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "notBefore": AT,
    "notAfter": "2027-03-01T12:00:00.000Z",
    "changedAt": AT,
}
CERTIFICATES: Final = {
    "signingRequests": [
        {"requestId": 1, "csr": "-----BEGIN CERTIFICATE REQUEST-----\n…", "receivedAt": AT},
    ],
    "certificates": [CERTIFICATE],
}
CONFIGURATION: Final = {
    "items": [
        {
            "key": "HeartbeatInterval",
            "value": "300",
            "readonly": False,
            "rebootRequired": False,
            "seenAt": AT,
        }
    ]
}
LOCAL_LIST: Final = {
    "version": 4,
    "entries": [{"idTag": "04A2B7C91F", "idTagInfo": {"status": "Accepted"}}],
    "changedAt": AT,
}
SESSION: Final = {"loginRequired": True, "loggedIn": True, "name": "alice", "testing": False}

_SCHEDULE: Final = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 3600, "limit": 10.0}],
}
PROFILE: Final = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": _SCHEDULE,
}
NAMED_PROFILE: Final = {"name": "night", "profile": PROFILE, "version": 1}
INSTALLED_PROFILES: Final = {"items": [{"connectorId": 1, "profile": PROFILE, "installedAt": AT}]}
PROFILE_SENDING: Final = {"connectorId": 1, "name": "night"}

_HASHES: Final = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "issuerKeyHash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "serialNumber": "0a1b2c",
}

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "CancelReservation": {"reservationId": 3},
    "CertificateSigned": {"certificateChain": "-----BEGIN CERTIFICATE-----\n…"},
    "ChangeAvailability": {"connectorId": 1, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "300"},
    "ClearCache": {},
    "ClearChargingProfile": {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile"},
    "DataTransfer": {"vendorId": "org.example", "messageId": "hello", "data": "world"},
    "DeleteCertificate": {"certificateHashData": _HASHES},
    "ExtendedTriggerMessage": {"requestedMessage": "LogStatusNotification"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"},
    "GetConfiguration": {"key": ["HeartbeatInterval", "SupportedFeatureProfiles"]},
    "GetDiagnostics": {"location": "ftp://files.example/diagnostics/", "startTime": AT},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {
        "log": {"remoteLocation": "https://files.example/logs/", "oldestTimestamp": AT},
        "logType": "SecurityLog",
        "requestId": 5,
    },
    "InstallCertificate": {
        "certificateType": "CentralSystemRootCertificate",
        "certificate": "-----BEGIN CERTIFICATE-----\n…",
    },
    "RemoteStartTransaction": {"connectorId": 1, "idTag": "04A2B7C91F"},
    "RemoteStopTransaction": {"transactionId": 7},
    "ReserveNow": {"connectorId": 1, "expiryDate": LATER, "idTag": "04A2B7C91F", "reservationId": 3},
    "Reset": {"type": "Soft"},
    "SendLocalList": {
        "listVersion": 4,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "04A2B7C91F", "idTagInfo": {"status": "Accepted"}}],
    },
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
    "SignedUpdateFirmware": {
        "requestId": 6,
        "firmware": {
            "location": "https://files.example/firmware/1.5.0.bin",
            "retrieveDateTime": LATER,
            "signingCertificate": "-----BEGIN CERTIFICATE-----\n…",
            "signature": "MEUCIQDg…",
        },
    },
    "TriggerMessage": {"requestedMessage": "MeterValues", "connectorId": 1},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "https://files.example/firmware/1.5.0.bin", "retrieveDate": LATER},
}
"""A request of every action of the central system."""

RESPONSES: Final[dict[str, dict[str, Any]]] = {
    "CertificateSigned": {"status": "Accepted"},
    "ClearChargingProfile": {"status": "Accepted"},
    "DataTransfer": {"status": "Accepted", "data": "hello"},
    "GetCompositeSchedule": {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": AT,
        "chargingSchedule": _SCHEDULE,
    },
    "GetConfiguration": {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": [],
    },
    "GetDiagnostics": {"fileName": "diagnostics-2026-03-01.zip"},
    "GetInstalledCertificateIds": {"status": "Accepted", "certificateHashData": [_HASHES]},
    "GetLocalListVersion": {"listVersion": 4},
    "GetLog": {"status": "Accepted", "filename": "security-2026-03-01.log"},
    "UnlockConnector": {"status": "Unlocked"},
    "UpdateFirmware": {},
}
"""Answers of charge points; those of other actions are ``ACCEPTED``."""

ACCEPTED: Final = {"status": "Accepted"}
