"""Every quirk is tried with a strict and with a lenient charge point."""

import pytest


@pytest.fixture(params=[False, True], ids=["strict", "lenient"])
def lenient(request: pytest.FixtureRequest) -> bool:
    marked: bool = request.param
    return marked
