"""The error codes of a CALLERROR and the faults that lead to them (OCPP-J 1.6 §4.2.3, table 7)."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """An error code as it is spelt on the wire.

    Two names are misspelt in the specification, and frozen: OCPP-J errata 5.1 and 5.2 ("Do not fix").
    """

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class ProtocolFault(Exception):
    """A CALL that is answered with a CALLERROR.

    ``code`` is the error code; ``description`` says what is wrong and where, in words that the sender may see:
    never anything internal. ``details`` becomes the errorDetails object.
    """

    def __init__(self, code: ErrorCode, description: str, details: dict[str, object] | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details or {}
