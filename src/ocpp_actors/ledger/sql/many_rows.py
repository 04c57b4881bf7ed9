"""Statements about many rows: what is written most often is written with few of them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

from attrs import frozen
from sqlalchemy import Connection, Dialect, Row
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Executable

T = TypeVar("T")

SIZES: Final = (64, 16, 4, 1)
"""How many rows a statement may have: few sizes, so that each is compiled once by us and once by the database."""


def in_chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Divide items into as few chunks of these sizes as there may be."""
    begin = 0
    for size in SIZES:
        while len(items) - begin >= size:
            yield items[begin : begin + size]
            begin += size


@frozen
class ManyRows:
    """A compiled statement, the parameters of a row beside those of the next, and how some of them are written."""

    text: str
    width: int
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, statement: Executable, rows: int, dialect: Dialect) -> "ManyRows":
        """Compile a statement that has its parameters row by row, in each in the same order."""
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positiontup is not None
        width = len(compiled.positiontup) // rows
        types = [compiled.binds[name].type for name in compiled.positiontup[:width]]
        processors = [kind.dialect_impl(dialect).bind_processor(dialect) for kind in types]
        return cls(
            str(compiled),
            width,
            tuple((index, how) for index, how in enumerate(processors) if how is not None),
        )

    def execute(self, rows: Sequence[Sequence[Any]], connection: Connection) -> Sequence[Row[Any]]:
        """Carry it out with the parameters of each row; what comes back is as the driver gives it."""
        values = list(chain.from_iterable(rows))
        for index, write in self.processors:
            values[index :: self.width] = map(write, values[index :: self.width])
        return connection.exec_driver_sql(self.text, tuple(values)).all()
