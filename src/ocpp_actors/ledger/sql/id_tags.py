"""Known idTags."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from ocpp_actors.ledger.port import FindIdTag, IdTag, ListIdTags, PutIdTag, RemoveIdTag
from ocpp_actors.ledger.sql.dispatch import carry_out, insert_into
from ocpp_actors.ledger.tables import id_tags
from ocpp_actors.protocol.messages import AuthorizationStatus

_by_key = select(id_tags).where(id_tags.c.id_tag_key == bindparam("key"))


@carry_out.register
def _find(request: FindIdTag, connection: Connection) -> IdTag | None:
    row = connection.execute(_by_key, {"key": request.id_tag.casefold()}).one_or_none()
    return None if row is None else _id_tag(row)


@carry_out.register
def _put(request: PutIdTag, connection: Connection) -> None:
    id_tag = request.id_tag
    values = {
        "id_tag": id_tag.id_tag,
        "status": str(id_tag.status),
        "expiry_date": id_tag.expiry_date,
        "parent_id_tag": id_tag.parent_id_tag,
        "max_active_transactions": id_tag.max_active_transactions,
    }
    connection.execute(
        insert_into(id_tags, connection.dialect.name)
        .values(id_tag_key=id_tag.id_tag.casefold(), **values)
        .on_conflict_do_update(index_elements=[id_tags.c.id_tag_key], set_=values)
    )


@carry_out.register
def _remove(request: RemoveIdTag, connection: Connection) -> bool:
    removed = connection.execute(delete(id_tags).where(id_tags.c.id_tag_key == request.id_tag.casefold()))
    return removed.rowcount > 0


@carry_out.register
def _list(request: ListIdTags, connection: Connection) -> list[IdTag]:
    query = (
        select(id_tags)
        .where(id_tags.c.id_tag_key > request.after.casefold())
        .order_by(id_tags.c.id_tag_key)
        .limit(request.limit)
    )
    return [_id_tag(row) for row in connection.execute(query)]


def _id_tag(row: Row[Any]) -> IdTag:
    return IdTag(
        id_tag=row.id_tag,
        status=AuthorizationStatus(row.status),
        expiry_date=row.expiry_date,
        parent_id_tag=row.parent_id_tag,
        max_active_transactions=row.max_active_transactions,
    )
