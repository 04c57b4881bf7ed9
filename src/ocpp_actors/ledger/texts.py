"""Texts as every store can hold them."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from operator import attrgetter, is_
from types import UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from attrs import evolve, fields, has

T = TypeVar("T")

NUL: Final = "\N{SYMBOL FOR NULL}"
"""What is kept in place of U+0000, which a JSON text may hold and a text of PostgreSQL may not."""

_WITHOUT_TEXT: Final = frozenset({type(None), bool, int, float, bytes, datetime, list, dict})
"""What the parts of requests mostly are; the last two are documents."""


def without_nul(request: T) -> T:
    """Return a request with NUL replaced in its texts, also in those of its parts: tuples, and classes of their own.

    Documents stay as they are: they are kept as JSON, in which NUL is escaped.
    """
    _, parts_of = _parts(type(request))  # type: ignore[arg-type]  # mypy takes no class for hashable
    for part in parts_of(request):
        if "\0" in part if type(part) is str else type(part) not in _WITHOUT_TEXT:
            return cast("T", _replaced(request))
    return request


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", NUL) if "\0" in value else value
    if isinstance(value, tuple):
        replaced = tuple(map(_replaced, value))
        return value if all(map(is_, value, replaced)) else replaced
    changes = {}
    names, parts_of = _parts(type(value))  # type: ignore[arg-type]  # mypy takes no class for hashable
    for name, part in zip(names, parts_of(value), strict=True):
        if type(part) not in _WITHOUT_TEXT:
            changed = _replaced(part)
            if changed is not part:
                changes[name] = changed
    return evolve(value, **changes) if changes else value


def _may_have_text(hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(map(_may_have_text, get_args(hint)))
    return (get_origin(hint) or hint) not in _WITHOUT_TEXT


@cache
def _parts(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the names of the parts of a class that may have text in them, and what gets them from an instance."""
    hints = get_type_hints(kind)
    declared = fields(kind) if has(kind) else ()
    names = tuple(each.name for each in declared if _may_have_text(hints[each.name]))
    match names:
        case ():
            return names, lambda _: ()
        case (name,):
            return (name, name), attrgetter(name, name)  # of two it makes a tuple
        case _:
            return names, attrgetter(*names)
