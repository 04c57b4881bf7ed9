"""Charging profiles: those kept under a name, and those that charge points accepted."""

from typing import Any

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, after, stored
from ocpp_actors.protocol.messages import ChargingProfilePurposeType


@carry_out.register
def _put(request: port.PutNamedProfile, facts: Facts) -> port.NamedProfile:
    profile = stored(request.profile)
    version = _expected_version(request, facts)
    facts.named_profiles[request.name] = port.NamedProfile(request.name, profile, version + 1)
    return _copy(facts.named_profiles[request.name])


@carry_out.register
def _remove(request: port.RemoveNamedProfile, facts: Facts) -> bool:
    _expected_version(request, facts)
    return facts.named_profiles.pop(request.name, None) is not None


def _expected_version(request: port.PutNamedProfile | port.RemoveNamedProfile, facts: Facts) -> int:
    """Return the present version, 0 where there is nothing, if it is the expected one."""
    known = facts.named_profiles.get(request.name)
    version = 0 if known is None else known.version
    if request.expected_version not in (None, version):
        raise port.VersionConflict(version)
    return version


@carry_out.register
def _find(request: port.FindNamedProfile, facts: Facts) -> port.NamedProfile | None:
    known = facts.named_profiles.get(request.name)
    return None if known is None else _copy(known)


@carry_out.register
def _list(request: port.ListNamedProfiles, facts: Facts) -> list[port.NamedProfile]:
    return [_copy(known) for known in after(facts.named_profiles, request.after, request.limit)]


def _copy(named: port.NamedProfile) -> port.NamedProfile:
    return evolve(named, profile=stored(named.profile))


@carry_out.register
def _record_installed(request: port.RecordInstalledProfile, facts: Facts) -> None:
    charge_point = request.installed.identity.casefold()
    if charge_point in facts.charge_points:
        installed = evolve(request.installed, profile=stored(request.installed.profile))
        others = facts.installed_profiles.get(charge_point, {}).items()
        kept = {number: other for number, other in others if _place(other) != _place(installed)}
        facts.installed_profiles[charge_point] = kept | {installed.profile["chargingProfileId"]: installed}


def _place(installed: port.InstalledProfile) -> tuple[Any, ...]:
    """Of two profiles in the same place the later one replaces the other."""
    return (
        installed.connector_id,
        installed.profile["chargingProfilePurpose"],
        installed.profile["stackLevel"],
    )


@carry_out.register
def _record_cleared(request: port.RecordClearedProfiles, facts: Facts) -> None:
    charge_point = request.identity.casefold()
    wanted = (request.connector_id, request.purpose, request.stack_level, request.profile_id)
    facts.installed_profiles[charge_point] = {
        number: installed
        for number, installed in facts.installed_profiles.get(charge_point, {}).items()
        if any(
            part not in (None, own) for part, own in zip(wanted, (*_place(installed), number), strict=True)
        )
    }


@carry_out.register
def _list_installed(request: port.ListInstalledProfiles, facts: Facts) -> list[port.InstalledProfile]:
    installed = facts.installed_profiles.get(request.identity.casefold(), {})
    in_order = sorted(installed, key=lambda number: (installed[number].connector_id, number))
    return [evolve(installed[number], profile=stored(installed[number].profile)) for number in in_order]


def remove_profiles(transaction: port.Transaction, facts: Facts) -> None:
    """Remove the charging profiles that end with a transaction (§3.13.1)."""
    charge_point = transaction.identity.casefold()
    facts.installed_profiles[charge_point] = {
        number: installed
        for number, installed in facts.installed_profiles.get(charge_point, {}).items()
        if not _ends_with(transaction, installed)
    }


def _ends_with(transaction: port.Transaction, installed: port.InstalledProfile) -> bool:
    profile = installed.profile
    of_transaction = profile.get("transactionId")
    return profile["chargingProfilePurpose"] == ChargingProfilePurposeType.TX_PROFILE and (
        of_transaction == transaction.transaction_id
        or (of_transaction is None and installed.connector_id == transaction.connector_id)
    )
