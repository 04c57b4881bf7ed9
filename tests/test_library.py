"""What docs/library.md promises as public is there, and is documented."""

import ast
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest

from ocpp_actors import observer

PAGE = Path(__file__).parent.parent / "docs" / "library.md"
ROW = re.compile(r"^\| `(ocpp_actors[\w.]*)` \| (.*) \|$", re.MULTILINE)


def public() -> Iterator[tuple[str, str]]:
    for module, names in ROW.findall(PAGE.read_text("utf-8")):
        for name in re.findall(r"`(\w+)`", names):
            if name == "__all__":
                yield from ((module, each) for each in importlib.import_module(module).__all__)
            elif name == "Event":
                events = [each for each in vars(observer).values() if isinstance(each, type)]
                yield from ((module, each.__name__) for each in events if issubclass(each, observer.Event))
            else:
                yield module, name


PUBLIC = sorted(set(public()))


def test_the_page_lists_public_names() -> None:
    assert len(PUBLIC) > 200
    assert ("ocpp_actors.observer", "TransactionStarted") in PUBLIC
    assert ("ocpp_actors.protocol.messages", "BootNotification") in PUBLIC


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_a_public_name_is_there_and_documented(module: str, name: str) -> None:
    there = getattr(importlib.import_module(module), name)
    if isinstance(there, TypeVar):
        return
    if not inspect.isclass(there) and not inspect.isfunction(there):
        assert name in said_below(importlib.import_module(module))
        return
    assert there.__doc__
    assert not there.__doc__.startswith(f"{name}("), "attrs or dataclasses wrote it"
    for method, function in vars(there).items():
        if inspect.isclass(there) and inspect.isfunction(function) and not method.startswith("_"):
            assert function.__doc__, method


def said_below(module: ModuleType) -> set[str]:
    """The names of a module below whose assignment stands a docstring."""
    body = ast.parse(inspect.getsource(module)).body
    return {
        target.id
        for assignment, text in itertools.pairwise(body)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(assignment, ast.Assign | ast.AnnAssign)
        for target in (assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target])
        if isinstance(target, ast.Name)
    }
