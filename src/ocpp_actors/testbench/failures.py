"""How a scenario ends where it does not pass."""


class Failed(Exception):
    """What was expected did not happen; the message says what was expected, and what happened."""


class Skipped(Exception):
    """The scenario does not apply here; the message says why."""


def expect(condition: object, message: str) -> None:
    """Go on where the condition holds.

    Raises Failed: it does not; ``message`` says what was expected and what was found.
    """
    if not condition:
        raise Failed(message)


def expect_equal(found: object, expected: object, what: str) -> None:
    """Go on where ``what`` is as expected.

    Raises Failed: it is not.
    """
    expect(found == expected, f"{what}: expected {expected!r}, got {found!r}")
