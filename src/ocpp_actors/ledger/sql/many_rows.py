"""Statements about many rows: what is written most often is written with few of them."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeVar

from attrs import frozen
from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert

T = TypeVar("T")

SIZES: Final = (128, 64, 32, 16, 8, 4, 2, 1)
"""How many rows a statement may have: few sizes, so that the database prepares each once."""


def in_chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Divide items into as few chunks of these sizes as there may be."""
    begin = 0
    for size in SIZES:
        while len(items) - begin >= size:
            yield items[begin : begin + size]
            begin += size


@frozen(eq=False)
class InsertMany:
    """An INSERT of many rows, its text around those of the rows, and how some of the values are written.

    It goes to the driver past SQLAlchemy, whose work on a statement costs as much as that of the database.
    """

    _head: str
    _row: str
    _tail: str
    _processors: tuple[tuple[int, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, statement: Insert, dialect: Dialect) -> "InsertMany":
        """Compile the INSERT of one row with an ON CONFLICT clause that has no parameters."""
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positiontup is not None
        head, values, rest = str(compiled).partition(" VALUES ")
        row, on_conflict, tail = rest.partition(" ON CONFLICT ")
        types = [compiled.binds[name].type for name in compiled.positiontup]
        processors = [kind.dialect_impl(dialect).bind_processor(dialect) for kind in types]
        return cls(
            head + values,
            row,
            on_conflict + tail,
            tuple((index, how) for index, how in enumerate(processors) if how is not None),
        )

    def execute(self, rows: Sequence[Sequence[Any]], connection: Connection) -> Any:
        """Insert rows, each with its values in the order of the parameters; return the driver's cursor."""
        values = list(chain.from_iterable(rows))
        width = len(rows[0])
        for index, write in self._processors:
            values[index::width] = map(write, values[index::width])
        return driver_of(connection).execute(self._text(len(rows)), values)

    @lru_cache(maxsize=2 * len(SIZES))  # noqa: B019, few live as long as the process
    def _text(self, rows: int) -> str:
        return self._head + ", ".join([self._row] * rows) + self._tail


def driver_of(connection: Connection) -> Any:
    """Return the driver's connection, of which sqlite3 and psycopg both have ``execute``."""
    return connection.connection.driver_connection
