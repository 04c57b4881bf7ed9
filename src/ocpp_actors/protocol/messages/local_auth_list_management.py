"""The Local Auth List Management profile (OCPP 1.6 §3.3)."""

from attrs import frozen

from ocpp_actors.protocol.messages.data_types import AuthorizationData
from ocpp_actors.protocol.messages.enumerations import UpdateStatus, UpdateType


@frozen(kw_only=True)
class GetLocalListVersion:
    """Asks for the version of the local authorization list. OCPP 1.6 §6.27."""


@frozen(kw_only=True)
class GetLocalListVersionResponse:
    """The version of the local authorization list. OCPP 1.6 §6.28."""

    list_version: int


@frozen(kw_only=True)
class SendLocalList:
    """Replaces or changes the local authorization list. OCPP 1.6 §6.41."""

    list_version: int
    update_type: UpdateType
    local_authorization_list: list[AuthorizationData] | None = None


@frozen(kw_only=True)
class SendLocalListResponse:
    """Says whether the list was taken over. OCPP 1.6 §6.42."""

    status: UpdateStatus
