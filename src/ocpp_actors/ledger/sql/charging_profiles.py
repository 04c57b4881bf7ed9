"""Charging profiles: those kept under a name, and those that charge points accepted (OCPP 1.6 §3.13, §5.16)."""

from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from ocpp_actors.ledger.port import (
    FindNamedProfile,
    InstalledProfile,
    ListInstalledProfiles,
    ListNamedProfiles,
    NamedProfile,
    PutNamedProfile,
    RecordClearedProfiles,
    RecordInstalledProfile,
    RemoveNamedProfile,
    VersionConflict,
)
from ocpp_actors.ledger.sql.dispatch import all_of, carry_out, insert_into, is_known
from ocpp_actors.ledger.tables import installed_profiles, named_profiles


@carry_out.register
def _put(request: PutNamedProfile, connection: Connection) -> NamedProfile:
    raised = {"profile": request.profile, "version": named_profiles.c.version + 1}
    added = insert_into(named_profiles, connection.dialect.name).values(
        name=request.name, profile=request.profile, version=1
    )
    statement: Any
    if request.expected_version is None:
        statement = added.on_conflict_do_update(index_elements=[named_profiles.c.name], set_=raised)
    elif request.expected_version == 0:
        statement = added.on_conflict_do_nothing(index_elements=[named_profiles.c.name])
    else:
        statement = (
            update(named_profiles)
            .where(
                named_profiles.c.name == request.name, named_profiles.c.version == request.expected_version
            )
            .values(raised)
        )
    row = connection.execute(statement.returning(named_profiles)).one_or_none()
    if row is None:
        raise VersionConflict(_version(request.name, connection))
    return _named(row)


@carry_out.register
def _remove(request: RemoveNamedProfile, connection: Connection) -> bool:
    statement = delete(named_profiles).where(named_profiles.c.name == request.name)
    if request.expected_version is not None:
        statement = statement.where(named_profiles.c.version == request.expected_version)
    removed = connection.execute(statement).rowcount > 0
    if not removed and request.expected_version is not None:
        version = _version(request.name, connection)
        if version != request.expected_version:
            raise VersionConflict(version)
    return removed


def _version(name: str, connection: Connection) -> int:
    """Return the present version, 0 where there is nothing."""
    found = _find(FindNamedProfile(name), connection)
    return 0 if found is None else found.version


@carry_out.register
def _find(request: FindNamedProfile, connection: Connection) -> NamedProfile | None:
    query = select(named_profiles).where(named_profiles.c.name == request.name)
    row = connection.execute(query).one_or_none()
    return None if row is None else _named(row)


@carry_out.register
def _list(request: ListNamedProfiles, connection: Connection) -> list[NamedProfile]:
    query = (
        select(named_profiles)
        .where(named_profiles.c.name > request.after)
        .order_by(named_profiles.c.name)
        .limit(request.limit)
    )
    return [_named(row) for row in connection.execute(query)]


def _named(row: Row[Any]) -> NamedProfile:
    return NamedProfile(row.name, row.profile, row.version)


@carry_out.register
def _record_installed(request: RecordInstalledProfile, connection: Connection) -> None:
    installed = request.installed
    profile = installed.profile
    charge_point = installed.identity.casefold()
    if not is_known(charge_point, connection):
        return
    place = {
        "connector_id": installed.connector_id,
        "purpose": profile["chargingProfilePurpose"],
        "stack_level": profile["stackLevel"],
    }
    connection.execute(
        delete(installed_profiles).where(
            installed_profiles.c.charge_point == charge_point,
            or_(
                installed_profiles.c.profile_id == profile["chargingProfileId"],
                and_(*(installed_profiles.c[name] == value for name, value in place.items())),
            ),
        )
    )
    connection.execute(
        insert(installed_profiles).values(
            **place,
            charge_point=charge_point,
            identity=installed.identity,
            profile_id=profile["chargingProfileId"],
            transaction_id=profile.get("transactionId"),
            profile=profile,
            installed_at=installed.installed_at,
        )
    )


@carry_out.register
def _record_cleared(request: RecordClearedProfiles, connection: Connection) -> None:
    wanted = {
        "profile_id": request.profile_id,
        "connector_id": request.connector_id,
        "purpose": request.purpose,
        "stack_level": request.stack_level,
    }
    cleared = [installed_profiles.c[name] == value for name, value in wanted.items() if value is not None]
    connection.execute(
        delete(installed_profiles).where(
            installed_profiles.c.charge_point == request.identity.casefold(), all_of(cleared)
        )
    )


@carry_out.register
def _list_installed(request: ListInstalledProfiles, connection: Connection) -> list[InstalledProfile]:
    query = (
        select(installed_profiles)
        .where(installed_profiles.c.charge_point == request.identity.casefold())
        .order_by(installed_profiles.c.connector_id, installed_profiles.c.profile_id)
    )
    return [
        InstalledProfile(row.identity, row.connector_id, row.profile, row.installed_at)
        for row in connection.execute(query)
    ]
