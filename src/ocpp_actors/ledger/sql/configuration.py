"""Configuration keys of charge points, as they were last seen (OCPP 1.6 §5.3, §5.8)."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from ocpp_actors.ledger.port import ConfigurationKey, ListConfiguration, RecordConfiguration
from ocpp_actors.ledger.sql.dispatch import carry_out, insert_into, is_known
from ocpp_actors.ledger.tables import configuration_keys

_delete = delete(configuration_keys).where(
    configuration_keys.c.charge_point == bindparam("of"), configuration_keys.c.key_folded == bindparam("gone")
)


@carry_out.register
def _record(request: RecordConfiguration, connection: Connection) -> None:
    charge_point = request.identity.casefold()
    if not is_known(charge_point, connection):
        return
    gone = {key.casefold() for key in request.unknown_keys}
    if request.complete:
        told = {key.key.casefold() for key in request.keys}
        known = select(configuration_keys.c.key_folded).where(
            configuration_keys.c.charge_point == charge_point
        )
        gone |= set(connection.execute(known).scalars()) - told
    if gone:
        connection.execute(_delete, [{"of": charge_point, "gone": key} for key in sorted(gone)])
    if request.keys:
        rows = [_columns(charge_point, key) for key in request.keys]
        connection.execute(_upsert(connection.dialect.name), rows)


@cache
def _upsert(dialect: str) -> Any:
    insert = insert_into(configuration_keys, dialect)
    new = {column.name: insert.excluded[column.name] for column in configuration_keys.c}
    readonly = func.coalesce(insert.excluded.readonly, configuration_keys.c.readonly)
    return insert.on_conflict_do_update(
        index_elements=[configuration_keys.c.charge_point, configuration_keys.c.key_folded],
        set_=new | {"readonly": readonly},
    )


def _columns(charge_point: str, key: ConfigurationKey) -> dict[str, Any]:
    return {
        "charge_point": charge_point,
        "key_folded": key.key.casefold(),
        "key": key.key,
        "value": key.value,
        "readonly": key.readonly,
        "reboot_required": key.reboot_required,
        "seen_at": key.seen_at,
    }


@carry_out.register
def _list(request: ListConfiguration, connection: Connection) -> list[ConfigurationKey]:
    query = (
        select(configuration_keys)
        .where(configuration_keys.c.charge_point == request.identity.casefold())
        .order_by(configuration_keys.c.key_folded)
    )
    return [
        ConfigurationKey(row.key, row.value, row.readonly, row.reboot_required, row.seen_at)
        for row in connection.execute(query)
    ]
