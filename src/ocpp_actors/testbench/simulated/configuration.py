"""The configuration keys (OCPP 1.6 §9; security whitepaper §7), without I/O."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final

from attrs import define, field, frozen

from ocpp_actors.protocol.messages import ConfigurationStatus, KeyValue, Measurand
from ocpp_actors.testbench.simulated import local_list, meter, smart_charging

MAX_KEYS: Final = 100
"""GetConfigurationMaxKeys."""

MAX_INTEGER: Final = 2**31 - 1


def _boolean(value: str) -> str | None:
    return value.lower() if value.lower() in {"true", "false"} else None


def _integer(minimum: int = 0, maximum: int = MAX_INTEGER) -> "Judge":
    def judge(value: str) -> str | None:
        text = value.strip()
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            return None
        return str(int(text)) if minimum <= int(text) <= maximum else None

    return judge


def _measurands(value: str) -> str | None:
    """An unknown one refuses the whole list (§3.16.4)."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    return ",".join(names) if all(_supported(name) for name in names) else None


def _supported(name: str) -> bool:
    return name in {str(measurand) for measurand in meter.MEASURANDS}


def _text(value: str) -> str | None:
    return value


def _key(value: str) -> str | None:
    """16 to 20 characters or their 32 to 40 hexadecimal digits (security whitepaper §7.2)."""
    return value if 16 <= len(value) <= 40 else None


Judge = Callable[[str], str | None]
"""Returns a value as it is kept, or None where it is not allowed."""


@frozen
class Key:
    """A configuration key."""

    name: str
    default: str
    judge: Judge = _text
    readonly: bool = False
    reboots: bool = False
    """A new value holds from the next start on."""
    hidden: bool = False
    """It can be written, but not read."""


def _keys(connector_count: int) -> Iterable[Key]:
    number, register = _integer(), str(Measurand.ENERGY_ACTIVE_IMPORT_REGISTER)
    yield Key("AllowOfflineTxForUnknownId", "false", _boolean)
    yield Key("AuthorizationCacheEnabled", "true", _boolean)
    yield Key("AuthorizeRemoteTxRequests", "false", _boolean)
    yield Key("ClockAlignedDataInterval", "0", number)
    yield Key("ConnectionTimeOut", "60", number)
    yield Key("ConnectorPhaseRotation", "0.RST")
    yield Key("GetConfigurationMaxKeys", str(MAX_KEYS), readonly=True)
    yield Key("HeartbeatInterval", "300", _integer(1))
    yield Key("LocalAuthorizeOffline", "true", _boolean)
    yield Key("LocalPreAuthorize", "false", _boolean)
    yield Key("MeterValuesAlignedData", register, _measurands)
    yield Key("MeterValuesSampledData", f"{register},{Measurand.POWER_ACTIVE_IMPORT}", _measurands)
    yield Key("MeterValueSampleInterval", "60", number)
    yield Key("NumberOfConnectors", str(connector_count), readonly=True)
    yield Key("ResetRetries", "1", number)
    yield Key("StopTransactionOnEVSideDisconnect", "true", _boolean)
    yield Key("StopTransactionOnInvalidId", "true", _boolean)
    yield Key("StopTxnAlignedData", "", _measurands)
    yield Key("StopTxnSampledData", "", _measurands)
    yield Key(
        "SupportedFeatureProfiles",
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
        readonly=True,
    )
    yield Key("TransactionMessageAttempts", "3", number)
    yield Key("TransactionMessageRetryInterval", "10", number)
    yield Key("UnlockConnectorOnEVSideDisconnect", "true", _boolean)
    yield Key("WebSocketPingInterval", "0", number)
    yield Key("LocalAuthListEnabled", "true", _boolean)
    yield Key("LocalAuthListMaxLength", str(local_list.MAX_ENTRIES), readonly=True)
    yield Key("SendLocalListMaxLength", str(local_list.MAX_SENT), readonly=True)
    yield Key("ReserveConnectorZeroSupported", "true", readonly=True)
    yield Key("ChargeProfileMaxStackLevel", str(smart_charging.MAX_STACK_LEVEL), readonly=True)
    yield Key("ChargingScheduleAllowedChargingRateUnit", "Current,Power", readonly=True)
    yield Key("ChargingScheduleMaxPeriods", str(smart_charging.MAX_PERIODS), readonly=True)
    yield Key("MaxChargingProfilesInstalled", str(smart_charging.MAX_PROFILES), readonly=True)
    yield Key("AuthorizationKey", "", _key, hidden=True)
    yield Key("SecurityProfile", "0", _integer(0, 3))
    yield Key("CpoName", "")
    yield Key("AdditionalRootCertificateCheck", "false", readonly=True)
    yield Key("CertificateStoreMaxLength", "10", readonly=True)
    yield Key("DisplayLanguage", "en", reboots=True)


@define
class Configuration:
    """The keys of one charge point. Names are compared without regard to case (§6.9: CiString50)."""

    connector_count: int = 1
    _values: dict[str, str] = field(init=False, factory=dict)
    """Only what differs from the default: thousands of charge points have few of those."""
    _after_reboot: dict[str, str] = field(init=False, factory=dict)

    def _known(self) -> Mapping[str, Key]:
        return _tables(self.connector_count)

    def text(self, name: str) -> str:
        """Return the value of a key that there is."""
        return self._value(self._known()[name.lower()])

    def number(self, name: str) -> int:
        """Return the value of a key that is an integer."""
        return int(self.text(name))

    def flag(self, name: str) -> bool:
        """Return the value of a key that is a boolean."""
        return self.text(name) == "true"

    def measurands(self, name: str) -> list[Measurand]:
        """Return the value of a key that is a list of measurands."""
        return [Measurand(each) for each in self._value(self._known()[name.lower()]).split(",") if each]

    def change(self, name: str, value: str) -> ConfigurationStatus:
        """Set a key as ChangeConfiguration wants it, and return the answer (§5.3)."""
        key = self._known().get(name.lower())
        if key is None:
            return ConfigurationStatus.NOT_SUPPORTED
        kept = None if key.readonly else key.judge(value)
        if kept is None:
            return ConfigurationStatus.REJECTED
        if key.reboots:
            self._after_reboot[key.name] = kept
            return ConfigurationStatus.REBOOT_REQUIRED
        self._values[key.name] = kept
        return ConfigurationStatus.ACCEPTED

    def preset(self, name: str, value: str) -> None:
        """Set a key from the factory, also one that is read-only.

        Raises ValueError: there is no such key, or it cannot have this value.
        """
        key = self._known().get(name.lower())
        if key is None:
            near = difflib.get_close_matches(name.lower(), self._known(), n=1)
            hint = f"; did you mean {self._known()[near[0]].name}?" if near else ""
            raise ValueError(f"there is no configuration key {name!r}{hint}")
        kept = key.judge(value)
        if kept is None:
            raise ValueError(f"{value!r} is not allowed for {key.name}")
        self._values[key.name] = kept

    def restore(self, name: str, value: str) -> None:
        """Set a key to a value that it had before."""
        self._values[name] = value

    def rebooted(self) -> None:
        """Let the values hold that waited for a new start."""
        self._values.update(self._after_reboot)
        self._after_reboot.clear()

    def read(self, names: Iterable[str] | None) -> tuple[list[KeyValue], list[str]]:
        """Return the keys asked for, or all, and the names that are unknown (§5.8)."""
        known = self._known()
        wanted = list(names or ())
        keys = [known[name.lower()] for name in wanted if name.lower() in known] if wanted else known.values()
        return [self._shown(key) for key in keys], [name for name in wanted if name.lower() not in known]

    def _shown(self, key: Key) -> KeyValue:
        return KeyValue(key=key.name, readonly=key.readonly, value=None if key.hidden else self._value(key))

    def _value(self, key: Key) -> str:
        return self._values.get(key.name, key.default)


def written(value: bool | int | str) -> str:
    """Write a value as configuration keys have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _tables(connector_count: int) -> Mapping[str, Key]:
    return {key.name.lower(): key for key in _keys(connector_count)}
