"""Takes values out of TOML tables, and says of each that cannot be used where it stands and what is allowed."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from attrs import define, field

from ocpp_actors.settings.kinds import Kind
from ocpp_actors.testbench.profiles.profile import ProfileError

Sources = Mapping[str, str]
"""Where a value came from that the file does not have: the path of its key to, say, the name of a variable."""

REQUIRED: Final[Any] = object()

T = TypeVar("T")


@define
class Table:
    """One table. Every key is taken once; those that are left in the end are mistakes."""

    values: Mapping[str, Any]
    file: str
    path: str = ""
    sources: Sources = field(factory=dict)
    _asked: list[str] = field(init=False, factory=list)

    def take(self, key: str, kind: Kind, default: Any = REQUIRED) -> Any:
        """Return the value of a key, or the default. Raises ProfileError."""
        self._asked.append(key)
        if key not in self.values:
            if default is REQUIRED:
                raise ProfileError(f"{self.file}: {self._path(key)} is missing: it takes {kind.allowed}")
            return default
        value = self.values[key]
        try:
            return kind.read(value)
        except ValueError:
            raise ProfileError(
                f"{self.where(key)}: {value!r} is not allowed, it takes {kind.allowed}"
            ) from None

    def table(self, key: str) -> "Table":
        """Return a table below this one, an empty one where there is none. Raises ProfileError."""
        self._asked.append(key)
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise ProfileError(f"{self.where(key)}: {value!r} is not allowed, it takes a table")
        return Table(value, self.file, self._path(key), self.sources)

    def tables(self, key: str) -> "Iterator[Table]":
        """Return the tables of an array below this one, in order; in paths they count from 1. Raises ProfileError."""
        self._asked.append(key)
        found = self.values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            raise ProfileError(f"{self.where(key)}: {found!r} is not allowed, it takes tables: [[{key}]]")
        for number, each in enumerate(found, 1):
            yield Table(each, self.file, f"{self._path(key)}.{number}", self.sources)

    def rest(self, kind_of: Callable[[str], Kind], what: str, names: Iterable[str]) -> dict[str, Any]:
        """Take all that is left, each key by the kind of its name. Raises ProfileError: a name is unknown."""
        known = list(names)
        for key in self.values:
            if key not in known and key not in self._asked:
                raise self.unknown(key, what, known)
        return {key: self.take(key, kind_of(key)) for key in self.values if key not in self._asked}

    def done(self) -> None:
        """Raises ProfileError: a key is left that nobody asked for."""
        for key in self.values:
            if key not in self._asked:
                raise self.unknown(key, "key", self._asked)

    def unknown(self, key: str, what: str, known: Iterable[str]) -> ProfileError:
        """Say that there is no such key, and which may be meant."""
        names = list(known)
        near = difflib.get_close_matches(key.lower(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
        return ProfileError(f"{self.where(key)}: there is no such {what}; {hint}")

    def where(self, key: str) -> str:
        """Return file and key, or what else the value came from."""
        path = self._path(key)
        return self.sources.get(path) or f"{self.file}: {path}"

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def texts(allowed: str, read_one: Callable[[str], object] = str) -> Kind:
    """Several texts: an array, or separated by commas. ``read_one`` makes something of each, or raises ValueError."""

    def read(value: object) -> tuple[object, ...]:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise ValueError
        return tuple(read_one(part) for part in parts if part)

    return Kind(allowed, read)


def one_text(allowed: str = "a text") -> Kind:
    """Text that is not empty."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError
        return value

    return Kind(allowed, read)


def url(allowed: str, schemes: str) -> Kind:
    """A URL with one of the schemes, a pattern, and with a host; if it has a port, with one that there can be."""
    return Kind(allowed, lambda value: _located(value, rf"{schemes}://[^\x00-\x20\x7f]+"))


def urls(allowed: str, schemes: str) -> Kind:
    """Several URLs: an array, or separated by commas."""
    return texts(allowed, url("", schemes).read)


def address(allowed: str) -> Kind:
    """Host and port, 0 being any port; IPv6 addresses are in brackets."""
    pattern = r"(\[[0-9A-Fa-f:]+\]|[0-9A-Za-z._-]+):\d{1,5}"
    return Kind(allowed, lambda value: _located(value, pattern, before="//"))


def _located(value: object, pattern: str, before: str = "") -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError
    parts = urlsplit(before + value)
    _ = parts.port  # raises ValueError where there can be none such
    if not parts.hostname:
        raise ValueError
    return value


def yes_or_no() -> Kind:
    """A boolean of TOML, or its word from the environment."""
    words = {"true": True, "false": False}

    def read(value: object) -> bool:
        if str(value).lower() not in words:
            raise ValueError
        return words[str(value).lower()]

    return Kind("true or false", read)


def scalars(allowed: str) -> Kind:
    """A table of texts, whole numbers and booleans."""

    def read(value: object) -> dict[str, bool | int | str]:
        if not isinstance(value, Mapping) or not all(
            isinstance(each, bool | int | str) for each in value.values()
        ):
            raise ValueError
        return dict(value)

    return Kind(allowed, read)


def pairs(allowed: str) -> Kind:
    """A table of texts."""

    def read(value: object) -> dict[str, str]:
        if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
            raise ValueError
        return dict(value)

    return Kind(allowed, read)


def span(allowed: str) -> Kind:
    """Two numbers that are not negative, the second not below the first."""

    def read(value: object) -> tuple[float, float]:
        parts = value.split(",") if isinstance(value, str) else value
        if (
            not isinstance(parts, list | tuple)
            or len(parts) != 2
            or any(isinstance(each, bool) for each in parts)
        ):
            raise ValueError
        low, high = (float(each) for each in parts)
        if not 0 <= low <= high:
            raise ValueError
        return low, high

    return Kind(allowed, read)
