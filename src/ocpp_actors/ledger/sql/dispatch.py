"""Which function carries out which request, and the few words of SQL that they share."""

from collections.abc import Iterable
from datetime import datetime
from functools import singledispatch
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, and_, case, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from ocpp_actors.ledger.tables import charge_points


@singledispatch
def carry_out(request: object, connection: Connection) -> Any:  # noqa: ARG001
    """Carry out one request or note inside the connection's transaction and return its answer.

    Raises RequestFailed: it cannot be carried out. Whatever else it raises is the database's.
    """
    raise TypeError(f"{type(request).__name__} is nothing that a ledger can be asked")


def insert_into(table: Table, dialect: str) -> sqlite.Insert:
    """Begin an INSERT with an ON CONFLICT clause: both databases have one, spelt alike.

    What is asked often is built once a dialect, with its values as parameters: building it costs more than running it.
    """
    if dialect == "postgresql":
        return cast("sqlite.Insert", postgresql.insert(table))
    return sqlite.insert(table)


def later(column: ColumnElement[Any], moment: ColumnElement[Any]) -> ColumnElement[datetime]:
    """Take whichever is later."""
    return case((or_(column.is_(None), column < moment), moment), else_=column)


def all_of(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Require all conditions; without any, true."""
    return and_(literal(True), *conditions)


def contains(column: ColumnElement[str], search: str) -> ColumnElement[bool]:
    """Look for a text in a column of casefolded ones; no character of it is a wildcard."""
    return column.contains(search.casefold(), autoescape=True)


def is_known(charge_point: str, connection: Connection) -> bool:
    """Whether there is a charge point of this casefolded identity, to which something may belong."""
    query = select(charge_points.c.charge_point).where(charge_points.c.charge_point == charge_point)
    return connection.execute(query).one_or_none() is not None
