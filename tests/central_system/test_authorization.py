"""The status of an idTag (OCPP 1.6 §4.1, §7.2)."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.central import START, open_central
from tests.support.messages import start

from ocpp_actors.ledger.port import IdTag, PutIdTag
from ocpp_actors.protocol.messages import AuthorizationStatus as Status


async def authorize(id_tag: str, known: IdTag | None = None, **settings: Any) -> dict[str, Any]:
    async with open_central(**settings) as central, central.charger() as charger:
        await charger.boot()
        if known is not None:
            await central.ledger.ask(PutIdTag(known))
        info: dict[str, Any] = (await charger.result("Authorize", {"idTag": id_tag}))["idTagInfo"]
        return info


@pytest.mark.parametrize(("authorization", "status"), [("open", "Accepted"), ("known", "Invalid")])
async def test_an_unknown_id_tag(autojump_clock: Any, authorization: str, status: str) -> None:
    assert await authorize("TAG", authorization=authorization) == {"status": status}


@pytest.mark.parametrize("authorization", ["open", "known"])
@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.BLOCKED, Status.EXPIRED, Status.INVALID])
async def test_a_known_id_tag_has_its_stored_status(
    autojump_clock: Any, authorization: str, status: Status
) -> None:
    assert await authorize("TAG", IdTag("TAG", status), authorization=authorization) == {"status": status}


async def test_an_id_tag_is_compared_without_regard_to_case(autojump_clock: Any) -> None:
    """Errata 3.73."""
    assert await authorize("tAg", IdTag("TaG", Status.BLOCKED)) == {"status": "Blocked"}


@pytest.mark.parametrize(
    ("lifetime", "stored", "status"),
    [
        (1, Status.ACCEPTED, "Accepted"),
        (0, Status.ACCEPTED, "Expired"),
        (-1, Status.ACCEPTED, "Expired"),
        (-1, Status.BLOCKED, "Blocked"),
    ],
)
async def test_an_accepted_id_tag_expires(
    autojump_clock: Any, lifetime: int, stored: Status, status: str
) -> None:
    expiry = START + timedelta(seconds=lifetime)
    info = await authorize("TAG", IdTag("TAG", stored, expiry_date=expiry))
    assert info["status"] == status
    assert info["expiryDate"].startswith(expiry.strftime("%Y-%m-%dT%H:%M:%S"))


async def test_the_parent_is_told(autojump_clock: Any) -> None:
    info = await authorize("TAG", IdTag("TAG", Status.ACCEPTED, parent_id_tag="GROUP"))
    assert info == {"status": "Accepted", "parentIdTag": "GROUP"}


async def test_an_id_tag_with_all_its_transactions_running_is_still_authorized(autojump_clock: Any) -> None:
    """ConcurrentTx is only for StartTransaction (§7.2): its driver must be able to end the charge."""
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await central.ledger.ask(PutIdTag(IdTag("TAG", Status.ACCEPTED, max_active_transactions=1)))
        await charger.result("StartTransaction", start())
        assert await charger.result("Authorize", {"idTag": "TAG"}) == {"idTagInfo": {"status": "Accepted"}}
