"""A quirk, how the central system deals with it, and how that is taken out of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import define, field, frozen
from tests.support.simulated import Street

LONG = 900.0
Check = Callable[[Street], Awaitable[None]]
Without = Callable[[pytest.MonkeyPatch], None]


@frozen
class Case:
    quirk: str
    check: Check
    without: Without
    how: dict[str, Any]


@define
class Cases:
    """How the central system deals with each quirk, and how that is taken out of it."""

    kept: list[Case] = field(factory=list)

    def __call__(self, quirk: str, without: Without, **how: Any) -> Callable[[Check], Check]:
        def decorate(check: Check) -> Check:
            self.kept.append(Case(quirk, check, without, how))
            return check

        return decorate


def in_place(target: Any, name: str, value: Any) -> Without:
    return lambda patch: patch.setattr(target, name, value)
