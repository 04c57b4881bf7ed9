"""Charge points, their connectors, and the notes about them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, select, update
from sqlalchemy.dialects import sqlite

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointRecord,
    ChargePointSettings,
    Connector,
    FindChargePoint,
    KeyHash,
    ListChargePoints,
    NoteBoot,
    NoteConnector,
    NoteProgress,
    NoteSeen,
    RecordBoot,
    RequestFailed,
    SetChargePointSettings,
    SetKey,
    SetRegistration,
)
from ocpp_actors.ledger.sql.dispatch import carry_out, insert_into, later
from ocpp_actors.ledger.tables import UtcDateTime, charge_points, connectors, progress
from ocpp_actors.protocol.messages import RegistrationStatus


@carry_out.register
def _find(request: FindChargePoint, connection: Connection) -> ChargePointRecord | None:
    key = request.identity.casefold()
    records = _records(
        connection, connection.execute(select(charge_points).where(charge_points.c.charge_point == key)).all()
    )
    return records[0] if records else None


@carry_out.register
def _list(request: ListChargePoints, connection: Connection) -> list[ChargePointRecord]:
    query = (
        select(charge_points)
        .where(charge_points.c.charge_point > request.after.casefold())
        .order_by(charge_points.c.charge_point)
        .limit(request.limit)
    )
    return _records(connection, connection.execute(query).all())


@carry_out.register
def _admit(request: AdmitChargePoint, connection: Connection) -> ChargePointRecord:
    connection.execute(
        insert_into(charge_points, connection.dialect.name)
        .values(
            **_columns(request.identity, ChargePointSettings()),
            first_seen_at=request.at,
            last_seen_at=request.at,
        )
        .on_conflict_do_nothing()
    )
    record = _find(FindChargePoint(request.identity), connection)
    assert record is not None
    return record


@carry_out.register
def _record_boot(request: RecordBoot, connection: Connection) -> None:
    boot = {"registration": str(request.registration), "boot": request.boot, "booted_at": request.at}
    insert = insert_into(charge_points, connection.dialect.name).values(
        **_columns(request.identity, ChargePointSettings()),
        first_seen_at=request.at,
        last_seen_at=request.at,
        **boot,
    )
    seen = later(charge_points.c.last_seen_at, insert.excluded.last_seen_at)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=[charge_points.c.charge_point], set_=boot | {"last_seen_at": seen}
        )
    )


@carry_out.register
def _set_registration(request: SetRegistration, connection: Connection) -> None:
    _change(request.identity, {"registration": str(request.registration)}, connection)


@carry_out.register
def _set_settings(request: SetChargePointSettings, connection: Connection) -> None:
    _change(request.identity, _settings_columns(request.settings), connection)


@carry_out.register
def _set_key(request: SetKey, connection: Connection) -> None:
    key = request.key
    columns = {"key_salt": key.salt if key else None, "key_digest": key.digest if key else None}
    _change(request.identity, columns, connection)


_at = bindparam("at", type_=UtcDateTime())
_set_seen = (
    update(charge_points)
    .where(charge_points.c.charge_point == bindparam("key"))
    .values(last_seen_at=later(charge_points.c.last_seen_at, _at))
)
_set_booted = _set_seen.values(booted_at=later(charge_points.c.booted_at, _at))


@carry_out.register
def _note_seen(note: NoteSeen, connection: Connection) -> None:
    connection.execute(_set_seen, {"key": note.identity.casefold(), "at": note.at})


@carry_out.register
def _note_boot(note: NoteBoot, connection: Connection) -> None:
    connection.execute(_set_booted, {"key": note.identity.casefold(), "at": note.at})


@carry_out.register
def _note_connector(note: NoteConnector, connection: Connection) -> None:
    connector = note.connector
    values = {
        "key": note.identity.casefold(),
        "new_connector_id": connector.connector_id,
        "new_status": str(connector.status),
        "new_error_code": str(connector.error_code),
        "new_info": connector.info,
        "new_vendor_id": connector.vendor_id,
        "new_vendor_error_code": connector.vendor_error_code,
        "new_timestamp": connector.timestamp,
        "new_received_at": connector.received_at,
    }
    connection.execute(_upsert(connectors, connection.dialect.name), values)


@carry_out.register
def _note_progress(note: NoteProgress, connection: Connection) -> None:
    values = {
        "key": note.identity.casefold(),
        "new_kind": note.kind,
        "new_status": str(note.status),
        "new_request_id": note.request_id,
        "new_at": note.at,
    }
    connection.execute(_upsert(progress, connection.dialect.name), values)


@cache
def _upsert(table: Table, dialect: str) -> sqlite.Insert:
    """Insert or replace one row that belongs to a charge point; to an unknown one nothing is kept."""
    columns = [column for column in table.c if column.name != "charge_point"]
    row = select(
        charge_points.c.charge_point,
        *(bindparam(f"new_{column.name}", type_=column.type) for column in columns),
    ).where(charge_points.c.charge_point == bindparam("key"))
    insert = insert_into(table, dialect).from_select(
        ["charge_point", *(column.name for column in columns)], row
    )
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={column.name: insert.excluded[column.name] for column in columns if not column.primary_key},
    )


def _change(identity: str, columns: dict[str, Any], connection: Connection) -> None:
    changed = connection.execute(
        update(charge_points).where(charge_points.c.charge_point == identity.casefold()).values(columns)
    )
    if not changed.rowcount:
        raise RequestFailed(f"the charge point {identity!r} is unknown")


def _columns(identity: str, settings: ChargePointSettings) -> dict[str, Any]:
    return {"charge_point": identity.casefold(), "identity": identity, **_settings_columns(settings)}


def _settings_columns(settings: ChargePointSettings) -> dict[str, Any]:
    return {
        "lenient": settings.lenient,
        "pings": settings.pings,
        "abort_on_shutdown": settings.abort_on_shutdown,
    }


def _records(connection: Connection, rows: Sequence[Row[Any]]) -> list[ChargePointRecord]:
    records = {row.charge_point: _record(row) for row in rows}
    if not records:
        return []
    for row in connection.execute(select(connectors).where(connectors.c.charge_point.in_(records))):
        records[row.charge_point].connectors[row.connector_id] = Connector(
            connector_id=row.connector_id,
            status=row.status,
            error_code=row.error_code,
            info=row.info,
            vendor_id=row.vendor_id,
            vendor_error_code=row.vendor_error_code,
            timestamp=row.timestamp,
            received_at=row.received_at,
        )
    for row in connection.execute(select(progress).where(progress.c.charge_point.in_(records))):
        records[row.charge_point].progress[row.kind] = row.status
    return list(records.values())


def _record(row: Row[Any]) -> ChargePointRecord:
    return ChargePointRecord(
        identity=row.identity,
        registration=None if row.registration is None else RegistrationStatus(row.registration),
        settings=ChargePointSettings(row.lenient, row.pings, row.abort_on_shutdown),
        key=None if row.key_digest is None else KeyHash(row.key_salt, row.key_digest),
        boot=row.boot,
        booted_at=row.booted_at,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
    )
