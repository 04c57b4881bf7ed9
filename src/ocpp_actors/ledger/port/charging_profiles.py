"""Charging profiles: those kept under a name, and those that charge points accepted (OCPP 1.6 §3.13, §5.16)."""

from datetime import datetime
from typing import Any

from attrs import frozen

from ocpp_actors.ledger.port.base import Request


@frozen
class NamedProfile:
    """A charging profile (the payload of a ChargingProfile) kept under a name, to be sent."""

    name: str
    profile: dict[str, Any]
    version: int = 1


@frozen
class PutNamedProfile(Request[NamedProfile]):
    """Keep a profile under a name, or replace it; answers it with its new version.

    ``expected_version`` None: whatever its version is; 0: it must not exist yet.

    Raises VersionConflict: it has another version.
    """

    name: str
    profile: dict[str, Any]
    expected_version: int | None = None


@frozen
class RemoveNamedProfile(Request[bool]):
    """Forget a named profile; answers whether it was known.

    Raises VersionConflict: it has another version.
    """

    name: str
    expected_version: int | None = None


@frozen
class FindNamedProfile(Request["NamedProfile | None"]):
    """One named profile; names are compared exactly."""

    name: str


@frozen
class ListNamedProfiles(Request["list[NamedProfile]"]):
    """Named profiles in the order of their names, after ``after``, at most ``limit``."""

    after: str = ""
    limit: int = 100


@frozen
class InstalledProfile:
    """A charging profile that a charge point accepted, with the payload of its ChargingProfile as sent."""

    identity: str
    connector_id: int
    profile: dict[str, Any]
    installed_at: datetime


@frozen
class RecordInstalledProfile(Request[None]):
    """A charge point accepted a charging profile.

    It replaces those with the same chargingProfileId, and those of the same connector with the same stackLevel and
    chargingProfilePurpose (§5.16.2). Of an unknown charge point nothing is kept.
    """

    installed: InstalledProfile


@frozen
class RecordClearedProfiles(Request[None]):
    """A charge point cleared the charging profiles that match whatever is not None (§5.5)."""

    identity: str
    profile_id: int | None = None
    connector_id: int | None = None
    purpose: str | None = None
    stack_level: int | None = None


@frozen
class ListInstalledProfiles(Request["list[InstalledProfile]"]):
    """The charging profiles of a charge point, by connector and chargingProfileId."""

    identity: str
