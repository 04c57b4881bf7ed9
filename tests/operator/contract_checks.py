"""A check of our own for schemathesis, which imports this module."""

from typing import Any

import schemathesis
from schemathesis.generation.meta import TestPhase


@schemathesis.check
def refused_only_by_rules(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """What its schema allows is refused only by a rule that no schema can tell, and the answer says by which."""
    meta = case.meta
    # In the coverage phase headers with a pattern are filled with what the pattern does not allow.
    if meta is None or meta.phase.name is TestPhase.COVERAGE or not meta.generation.mode.is_positive:
        return
    if response.status_code in (400, 422):
        errors = response.json()["errors"]
        assert errors
        assert all(error["rule"] == "rule" for error in errors), errors
