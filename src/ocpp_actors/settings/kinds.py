"""The kinds of values that settings take, each with the words that say which."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from attrs import frozen


@frozen
class Kind:
    """What values a setting can take: ``allowed`` in words, ``read`` from text or a TOML value.

    ``read`` raises ValueError where the value is not allowed.
    """

    allowed: str
    read: Callable[[object], Any]


def whole(minimum: int, maximum: int) -> Kind:
    """A whole number within limits."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return Kind(f"a whole number from {minimum} to {maximum}", read)


def number(minimum: float, maximum: float) -> Kind:
    """A number within limits."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not minimum <= number <= maximum:  # nan is not
            raise ValueError
        return number

    return Kind(f"a number from {minimum:.10g} to {maximum:.10g}", read)


def choice(*values: str) -> Kind:
    """One of some words."""

    def read(value: object) -> str:
        if value not in values:
            raise ValueError
        return str(value)

    return Kind(f"{', '.join(values[:-1])} or {values[-1]}", read)


def text(allowed: str, pattern: str) -> Kind:
    """Text that matches a pattern as a whole."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return Kind(allowed, read)


def or_empty(kind: Kind) -> Kind:
    """A value, or none."""
    return Kind(f"{kind.allowed}, or empty", lambda value: None if value in ("", None) else kind.read(value))


def url_path() -> Kind:
    """The path of a URL, without a slash at its end."""
    kind = text(
        "a URL path that begins with a slash, without spaces, '?', '#' and '%'", r"/[!$&-;=@A-Z_a-z~\[\]]*"
    )
    return Kind(kind.allowed, lambda value: kind.read(value or "/").rstrip("/"))


def switch() -> Kind:
    """On or off."""
    words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False, "": False}

    def read(value: object) -> bool:
        if str(value).lower() not in words:
            raise ValueError
        return words[str(value).lower()]

    return Kind("on or off", read)


def _several(allowed: str, read_one: Callable[[str], str]) -> Kind:
    def read(value: object) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise ValueError
        return tuple(read_one(part.strip()) for part in parts if part.strip())

    return Kind(allowed, read)


def files() -> Kind:
    """Several files."""
    file = text("", r"[^\x00-\x1f\x7f]+")
    return _several("files, separated by commas", lambda part: str(file.read(part)))


def hosts() -> Kind:
    """Several host names or addresses."""
    host = text("", r"[0-9A-Za-z.:_-]+")
    return _several(
        "names or addresses without a port, separated by commas",
        lambda part: str(host.read(part.removeprefix("[").removesuffix("]"))).lower(),
    )


def networks() -> Kind:
    """Several addresses or networks."""
    return _several(
        "addresses or networks such as 10.0.0.0/8, separated by commas",
        lambda part: str(ipaddress.ip_network(part, strict=False)),
    )
