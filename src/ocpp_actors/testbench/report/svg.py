"""Elements of SVG and HTML as text, with everything escaped that comes from outside."""

import html
import re
from typing import Final

_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """Return an element; ``class_`` is written as class, ``_`` in other names as ``-``, None and False left out."""
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    return Markup(f"<{tag}{written}>{joined(*content)}</{tag}>")


def void(tag: str, **attributes: object) -> Markup:
    """Return an element that has no content: HTML's void elements."""
    return Markup(f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>")


def joined(*content: object) -> Markup:
    """Return markup, and text escaped, one after the other; None is nothing."""
    return Markup(
        "".join(each if isinstance(each, Markup) else escaped(each) for each in content if each is not None)
    )


def escaped(text: object) -> str:
    """Escape text for content and attributes; what a browser would not show, or obey, is written as a number."""
    return html.escape(_UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text)))


def number(value: float) -> str:
    """Write a coordinate."""
    return f"{value:.1f}".removesuffix(".0")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    spelt = name.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {spelt}"
    return f' {spelt}="{number(value) if isinstance(value, float) else escaped(value)}"'
