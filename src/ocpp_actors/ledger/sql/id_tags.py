"""Known idTags."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from ocpp_actors.ledger.port import FindIdTag, IdTag, ListIdTags, PutIdTag, RemoveIdTag, VersionConflict
from ocpp_actors.ledger.searching import id_tag_text
from ocpp_actors.ledger.sql.dispatch import carry_out, contains, insert_into
from ocpp_actors.ledger.tables import id_tags
from ocpp_actors.protocol.messages import AuthorizationStatus

_by_key = select(id_tags).where(id_tags.c.id_tag_key == bindparam("key"))


@carry_out.register
def _find(request: FindIdTag, connection: Connection) -> IdTag | None:
    row = connection.execute(_by_key, {"key": request.id_tag.casefold()}).one_or_none()
    return None if row is None else _id_tag(row)


@carry_out.register
def _put(request: PutIdTag, connection: Connection) -> IdTag:
    id_tag, expected = request.id_tag, request.expected_version
    key = id_tag.id_tag.casefold()
    values = {
        "id_tag": id_tag.id_tag,
        "status": str(id_tag.status),
        "expiry_date": id_tag.expiry_date,
        "parent_id_tag": id_tag.parent_id_tag,
        "max_active_transactions": id_tag.max_active_transactions,
        "search_text": id_tag_text(id_tag.id_tag, id_tag.parent_id_tag),
    }
    added = insert_into(id_tags, connection.dialect.name).values(**values, id_tag_key=key, version=1)
    changed = values | {"version": id_tags.c.version + 1}
    statement: Any
    if expected is None:
        statement = added.on_conflict_do_update(index_elements=[id_tags.c.id_tag_key], set_=changed)
    elif expected == 0:
        statement = added.on_conflict_do_nothing(index_elements=[id_tags.c.id_tag_key])
    else:
        statement = (
            update(id_tags).where(id_tags.c.id_tag_key == key, id_tags.c.version == expected).values(changed)
        )
    row = connection.execute(statement.returning(id_tags)).one_or_none()
    if row is None:
        raise VersionConflict(_version(key, connection))
    return _id_tag(row)


@carry_out.register
def _remove(request: RemoveIdTag, connection: Connection) -> bool:
    key, expected = request.id_tag.casefold(), request.expected_version
    statement = delete(id_tags).where(id_tags.c.id_tag_key == key)
    if expected is not None:
        statement = statement.where(id_tags.c.version == expected)
    removed = connection.execute(statement).rowcount > 0
    if not removed and expected is not None and (version := _version(key, connection)) != expected:
        raise VersionConflict(version)
    return removed


def _version(key: str, connection: Connection) -> int:
    """Return the present version, 0 where there is nothing."""
    version = select(id_tags.c.version).where(id_tags.c.id_tag_key == key)
    return connection.execute(version).scalar_one_or_none() or 0


@carry_out.register
def _list(request: ListIdTags, connection: Connection) -> list[IdTag]:
    query = select(id_tags).where(id_tags.c.id_tag_key > request.after.casefold())
    if request.search is not None:
        query = query.where(contains(id_tags.c.search_text, request.search))
    query = query.order_by(id_tags.c.id_tag_key).limit(request.limit)
    return [_id_tag(row) for row in connection.execute(query)]


def _id_tag(row: Row[Any]) -> IdTag:
    return IdTag(
        id_tag=row.id_tag,
        status=AuthorizationStatus(row.status),
        expiry_date=row.expiry_date,
        parent_id_tag=row.parent_id_tag,
        max_active_transactions=row.max_active_transactions,
        version=row.version,
    )
