"""Charge points, their connectors, and the notes about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Table,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointRecord,
    ChargePointSettings,
    Connector,
    CountAll,
    FindChargePoint,
    KeyHash,
    ListChargePoints,
    NoteBoot,
    NoteConnector,
    NoteProgress,
    NoteSeen,
    PutChargePoint,
    RecordBoot,
    RemoveChargePoint,
    RequestFailed,
    SetChargePointSettings,
    SetKey,
    SetNextKeys,
    SetRegistration,
    Totals,
    VersionConflict,
)
from ocpp_actors.ledger.searching import charge_point_text
from ocpp_actors.ledger.sql.commands import lose_commands
from ocpp_actors.ledger.sql.dispatch import carry_out, contains, insert_into, later
from ocpp_actors.ledger.tables import (
    UtcDateTime,
    charge_points,
    connectors,
    progress,
    transactions,
    unfinished,
)
from ocpp_actors.protocol.messages import ChargePointErrorCode, ChargePointStatus, RegistrationStatus

_keys: BindParameter[list[str]] = bindparam("keys", expanding=True)
_those = select(charge_points).where(charge_points.c.charge_point.in_(_keys))
_their_connectors = select(connectors).where(connectors.c.charge_point.in_(_keys))
_their_progress = select(progress).where(progress.c.charge_point.in_(_keys))
_next_version = charge_points.c.version + 1
_faulted = select(connectors.c.charge_point).where(
    or_(
        connectors.c.status == ChargePointStatus.FAULTED.value,
        connectors.c.error_code != ChargePointErrorCode.NO_ERROR.value,
    )
)


@carry_out.register
def _find(request: FindChargePoint, connection: Connection) -> ChargePointRecord | None:
    (record,) = find_all([request], connection)
    return record


def find_all(
    requests: Sequence[FindChargePoint | AdmitChargePoint], connection: Connection
) -> list[ChargePointRecord | None]:
    """Return the record of each charge point, None where there is none, with few statements."""
    keys = [request.identity.casefold() for request in requests]
    rows = {row.charge_point: row for row in connection.execute(_those, {"keys": [*set(keys)]})}
    known = [key for key in keys if key in rows]
    records = iter(_records(connection, [rows[key] for key in known]))
    return [next(records) if key in rows else None for key in keys]


@carry_out.register
def _list(request: ListChargePoints, connection: Connection) -> list[ChargePointRecord]:
    query = select(charge_points).where(charge_points.c.charge_point > request.after.casefold())
    if request.search is not None:
        query = query.where(contains(charge_points.c.search_text, request.search))
    if request.registration is not None:
        query = query.where(charge_points.c.registration == request.registration.value)
    if request.faulted is not None:
        of_the_faulted = charge_points.c.charge_point.in_(_faulted)
        query = query.where(of_the_faulted if request.faulted else ~of_the_faulted)
    query = query.order_by(charge_points.c.charge_point).limit(request.limit)
    return _records(connection, connection.execute(query).all())


_count_charge_points = select(func.count()).select_from(charge_points)
_count_active = (
    select(transactions.c.charge_point, func.count().label("number"))
    .where(unfinished)
    .group_by(transactions.c.charge_point)
)
_count_connectors = (
    select(connectors.c.status, func.count().label("number"))
    .where(connectors.c.connector_id != 0)
    .group_by(connectors.c.status)
)
_count_faulted = _faulted.with_only_columns(func.count(connectors.c.charge_point.distinct()))


@carry_out.register
def _count(_request: CountAll, connection: Connection) -> Totals:
    return Totals(
        charge_points=connection.execute(_count_charge_points).scalar_one(),
        active_transactions={row.charge_point: row.number for row in connection.execute(_count_active)},
        connectors={row.status: row.number for row in connection.execute(_count_connectors)},
        faulted=connection.execute(_count_faulted).scalar_one(),
    )


@carry_out.register
def _admit(request: AdmitChargePoint, connection: Connection) -> ChargePointRecord:
    (record,) = admit_all([request], connection)
    return record


def admit_all(requests: Sequence[AdmitChargePoint], connection: Connection) -> list[ChargePointRecord]:
    """Keep the charge points that are not known, and return the record of each, with few statements."""
    connection.execute(
        _admitted(connection.dialect.name),
        [_new(request.identity, request.at) for request in requests],
    )
    return [record for record in find_all(requests, connection) if record is not None]


@cache
def _admitted(dialect: str) -> sqlite.Insert:
    insert = insert_into(charge_points, dialect)
    return insert.on_conflict_do_update(
        index_elements=[charge_points.c.charge_point],
        set_={
            "first_seen_at": insert.excluded.first_seen_at,
            "last_seen_at": insert.excluded.last_seen_at,
        },
        where=charge_points.c.first_seen_at.is_(None),
    )


@carry_out.register
def _record_boot(request: RecordBoot, connection: Connection) -> None:
    record_boots([request], connection)


def record_boots(requests: Sequence[RecordBoot], connection: Connection) -> list[None]:
    """Record boots in their order, with one statement."""
    connection.execute(
        _booted(connection.dialect.name),
        [
            _new(request.identity, request.at)
            | {
                "registration": str(request.registration),
                "boot": request.boot,
                "booted_at": request.at,
                "search_text": charge_point_text(request.identity, request.boot),
            }
            for request in requests
        ],
    )
    return [None for _ in requests]


@cache
def _booted(dialect: str) -> sqlite.Insert:
    insert = insert_into(charge_points, dialect)
    boot = {name: insert.excluded[name] for name in ("registration", "boot", "booted_at", "search_text")}
    seen = {
        "first_seen_at": func.coalesce(charge_points.c.first_seen_at, insert.excluded.first_seen_at),
        "last_seen_at": later(charge_points.c.last_seen_at, insert.excluded.last_seen_at),
    }
    return insert.on_conflict_do_update(index_elements=[charge_points.c.charge_point], set_=boot | seen)


@carry_out.register
def _set_registration(request: SetRegistration, connection: Connection) -> None:
    columns = {"registration": str(request.registration), "version": _next_version}
    _change(request.identity, columns, connection)


@carry_out.register
def _set_settings(request: SetChargePointSettings, connection: Connection) -> None:
    columns = _settings_columns(request.settings) | {"version": _next_version}
    _change(request.identity, columns, connection)


@carry_out.register
def _set_key(request: SetKey, connection: Connection) -> None:
    columns = {"key_hash": _encoded(request.key), "next_key_hash": _joined(request.next_keys)}
    _change(request.identity, columns, connection)


@carry_out.register
def _set_next_keys(request: SetNextKeys, connection: Connection) -> None:
    present = _find(FindChargePoint(request.identity), connection)
    keys = tuple(key for key in request.keys if present is None or key != present.key)
    _change(request.identity, {"next_key_hash": _joined(keys)}, connection)


def _encoded(key: KeyHash | None) -> str | None:
    return None if key is None else key.encoded


def _joined(keys: Iterable[KeyHash]) -> str | None:
    """Write several hashes, in which there is no space, into one column."""
    return " ".join(key.encoded for key in keys) or None


@carry_out.register
def _put(request: PutChargePoint, connection: Connection) -> ChargePointRecord:
    key, expected = request.identity.casefold(), request.expected_version
    registration = {} if request.registration is None else {"registration": request.registration.value}
    added = insert_into(charge_points, connection.dialect.name).values(
        _columns(request.identity, request.settings) | registration
    )
    changed = _settings_columns(request.settings) | registration | {"version": _next_version}
    statement: Any
    if expected is None:
        statement = added.on_conflict_do_update(index_elements=[charge_points.c.charge_point], set_=changed)
    elif expected == 0:
        statement = added.on_conflict_do_nothing(index_elements=[charge_points.c.charge_point])
    else:
        statement = (
            update(charge_points)
            .where(charge_points.c.charge_point == key, charge_points.c.version == expected)
            .values(changed)
        )
    rows = connection.execute(statement.returning(charge_points)).all()
    if not rows:
        raise VersionConflict(_version(key, connection))
    return _records(connection, rows)[0]


@carry_out.register
def _remove(request: RemoveChargePoint, connection: Connection) -> bool:
    key, expected = request.identity.casefold(), request.expected_version
    statement = delete(charge_points).where(charge_points.c.charge_point == key)
    if expected is not None:
        statement = statement.where(charge_points.c.version == expected)
    if connection.execute(statement).rowcount:
        lose_commands(key, request.at, connection)
        return True
    if expected is not None and (version := _version(key, connection)) != expected:
        raise VersionConflict(version)
    return False


def _version(key: str, connection: Connection) -> int:
    """Return the present version, 0 where there is nothing."""
    version = select(charge_points.c.version).where(charge_points.c.charge_point == key)
    return connection.execute(version).scalar_one_or_none() or 0


_at = bindparam("at", type_=UtcDateTime())
_set_seen = (
    update(charge_points)
    .where(charge_points.c.charge_point == bindparam("key"))
    .values(
        first_seen_at=func.coalesce(charge_points.c.first_seen_at, _at),
        last_seen_at=later(charge_points.c.last_seen_at, _at),
    )
)
_set_booted = _set_seen.values(booted_at=later(charge_points.c.booted_at, _at))


@carry_out.register
def _note_seen(note: NoteSeen, connection: Connection) -> None:
    write_seen([note], connection)


def write_seen(notes: Iterable[NoteSeen], connection: Connection) -> None:
    """Write such notes with one statement."""
    connection.execute(_set_seen, [{"key": note.identity.casefold(), "at": note.at} for note in notes])


@carry_out.register
def _note_boot(note: NoteBoot, connection: Connection) -> None:
    write_boots([note], connection)


def write_boots(notes: Iterable[NoteBoot], connection: Connection) -> None:
    """Write such notes with one statement."""
    connection.execute(_set_booted, [{"key": note.identity.casefold(), "at": note.at} for note in notes])


@carry_out.register
def _note_connector(note: NoteConnector, connection: Connection) -> None:
    write_connectors([note], connection)


def write_connectors(notes: Iterable[NoteConnector], connection: Connection) -> None:
    """Write such notes with one statement."""
    values = [
        {
            "key": note.identity.casefold(),
            "new_connector_id": note.connector.connector_id,
            "new_status": str(note.connector.status),
            "new_error_code": str(note.connector.error_code),
            "new_info": note.connector.info,
            "new_vendor_id": note.connector.vendor_id,
            "new_vendor_error_code": note.connector.vendor_error_code,
            "new_timestamp": note.connector.timestamp,
            "new_received_at": note.connector.received_at,
        }
        for note in notes
    ]
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


def _new(identity: str, at: datetime) -> dict[str, Any]:
    """Return the columns of a charge point that comes for the first time."""
    return _columns(identity, ChargePointSettings()) | {"first_seen_at": at, "last_seen_at": at}


def _columns(identity: str, settings: ChargePointSettings) -> dict[str, Any]:
    return {
        "charge_point": identity.casefold(),
        "identity": identity,
        "version": 1,
        "search_text": charge_point_text(identity, None),
        **_settings_columns(settings),
    }


def _settings_columns(settings: ChargePointSettings) -> dict[str, Any]:
    return {
        "lenient": settings.lenient,
        "pings": settings.pings,
        "abort_on_shutdown": settings.abort_on_shutdown,
        "security_profile": settings.security_profile,
    }


def _records(connection: Connection, rows: Sequence[Row[Any]]) -> list[ChargePointRecord]:
    if not rows:
        return []
    keys = [*{row.charge_point for row in rows}]
    connectors_of: dict[str, dict[int, Connector]] = {key: {} for key in keys}
    for row in connection.execute(_their_connectors, {"keys": keys}):
        connectors_of[row.charge_point][row.connector_id] = Connector(
            connector_id=row.connector_id,
            status=row.status,
            error_code=row.error_code,
            info=row.info,
            vendor_id=row.vendor_id,
            vendor_error_code=row.vendor_error_code,
            timestamp=row.timestamp,
            received_at=row.received_at,
        )
    progress_of: dict[str, dict[str, str]] = {key: {} for key in keys}
    for row in connection.execute(_their_progress, {"keys": keys}):
        progress_of[row.charge_point][row.kind] = row.status
    return [
        _record(row, dict(connectors_of[row.charge_point]), dict(progress_of[row.charge_point]))
        for row in rows
    ]


def _record(
    row: Row[Any], its_connectors: dict[int, Connector], its_progress: dict[str, str]
) -> ChargePointRecord:
    return ChargePointRecord(
        identity=row.identity,
        registration=None if row.registration is None else RegistrationStatus(row.registration),
        settings=ChargePointSettings(row.lenient, row.pings, row.abort_on_shutdown, row.security_profile),
        key=None if row.key_hash is None else KeyHash(row.key_hash),
        next_keys=tuple(map(KeyHash, (row.next_key_hash or "").split())),
        boot=row.boot,
        booted_at=row.booted_at,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        connectors=its_connectors,
        progress=its_progress,
        version=row.version,
    )
