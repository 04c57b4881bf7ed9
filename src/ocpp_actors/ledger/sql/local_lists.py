"""Local authorization lists, as the charge points have them (OCPP 1.6 §5.10, §5.15)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ocpp_actors.ledger.local_list_entries import entries_of_version, updated_entries
from ocpp_actors.ledger.port import FindLocalList, LocalList, RecordLocalList, RecordLocalListVersion
from ocpp_actors.ledger.sql.dispatch import carry_out, insert_into, is_known
from ocpp_actors.ledger.tables import local_lists


@carry_out.register
def _record(request: RecordLocalList, connection: Connection) -> None:
    kept = _kept(request.identity, connection)
    entries = updated_entries(kept.entries if kept else None, request)
    _put(request.identity, request.version, entries, request.at, connection)


@carry_out.register
def _record_version(request: RecordLocalListVersion, connection: Connection) -> None:
    kept = _kept(request.identity, connection)
    if kept is None or kept.version != request.version:
        entries = entries_of_version(request.version)
        _put(request.identity, request.version, entries, request.at, connection)


@carry_out.register
def _find(request: FindLocalList, connection: Connection) -> LocalList | None:
    row = _kept(request.identity, connection)
    return None if row is None else LocalList(row.identity, row.version, row.entries, row.changed_at)


def _kept(identity: str, connection: Connection) -> Row[Any] | None:
    """Find a list; nobody else changes it before the transaction ends."""
    query = select(local_lists).where(local_lists.c.charge_point == identity.casefold()).with_for_update()
    return connection.execute(query).one_or_none()


def _put(
    identity: str,
    version: int,
    entries: dict[str, dict[str, Any]] | None,
    at: datetime,
    connection: Connection,
) -> None:
    charge_point = identity.casefold()
    if not is_known(charge_point, connection):
        return
    values = {"identity": identity, "version": version, "entries": entries, "changed_at": at}
    connection.execute(
        insert_into(local_lists, connection.dialect.name)
        .values(charge_point=charge_point, **values)
        .on_conflict_do_update(index_elements=[local_lists.c.charge_point], set_=values)
    )
