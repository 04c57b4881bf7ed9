"""DataTransfer by vendor and message (OCPP 1.6 §4.3)."""

from typing import Any

import pytest
from tests.support.central import open_central

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.data_transfer import Vendors
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.protocol.messages import DataTransfer, DataTransferResponse, DataTransferStatus

ACCEPTED = DataTransferStatus.ACCEPTED


def some_vendors() -> Vendors:
    vendors = Vendors()

    @vendors.on("com.acme", "Prices")
    def prices(request: DataTransfer, context: Context) -> DataTransferResponse:
        return DataTransferResponse(status=ACCEPTED, data=f"prices for {context.identity}: {request.data}")

    @vendors.on("com.acme.all")
    async def everything(request: DataTransfer, context: Context) -> DataTransferResponse:
        return DataTransferResponse(status=ACCEPTED, data=f"all of {request.message_id}")

    @vendors.on("com.acme.all", "Own")
    def own(request: DataTransfer, context: Context) -> DataTransferResponse:
        return DataTransferResponse(status=DataTransferStatus.REJECTED)

    return vendors


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"vendorId": "nobody"}, {"status": "UnknownVendorId"}),
        ({"vendorId": "com.acme"}, {"status": "UnknownMessageId"}),
        ({"vendorId": "com.acme", "messageId": "Other"}, {"status": "UnknownMessageId"}),
        (
            {"vendorId": "com.acme", "messageId": "Prices", "data": "now"},
            {"status": "Accepted", "data": "prices for CP1: now"},
        ),
        (
            {"vendorId": "COM.Acme", "messageId": "prices"},
            {"status": "Accepted", "data": "prices for CP1: None"},
        ),
        ({"vendorId": "com.acme.all"}, {"status": "Accepted", "data": "all of None"}),
        ({"vendorId": "com.acme.all", "messageId": "Any"}, {"status": "Accepted", "data": "all of Any"}),
        ({"vendorId": "com.acme.all", "messageId": "Own"}, {"status": "Rejected"}),
    ],
)
async def test_a_message_finds_the_handler_of_its_vendor(
    autojump_clock: Any, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    async with open_central(router=default_router(some_vendors())) as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result("DataTransfer", payload) == answer


async def test_without_vendors_every_vendor_is_unknown(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result("DataTransfer", {"vendorId": "com.acme"}) == {"status": "UnknownVendorId"}
