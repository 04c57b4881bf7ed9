"""Vendors exchange data that OCPP has no message for."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect
from ocpp_actors.testbench.scenario import scenario
from ocpp_actors.testbench.steps.scripted import told

ANSWERS = ("Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId")


@scenario(case="TC_064")
async def data_transfer_to_central_system(bench: Bench) -> None:
    """A charge point sends vendor data, and is told what became of it.

    Checks: DataTransfer is answered, with one of the four statuses; a vendor that nobody knows does not have its data
    Accepted (OCPP 1.6 §4.3, §7.23).

    Not known: the vendorId and messageId of the original, and whether it wants a certain status.
    """
    async with bench.client(boot=True) as client:
        data = {"vendorId": "org.example.unheard-of", "messageId": bench.new_name("M"), "data": "hello"}
        answer = await told(bench, client, "DataTransfer", data)
        expect(
            answer["status"] in ANSWERS, f"the status is {answer['status']!r}, none of {', '.join(ANSWERS)}"
        )
        expect(answer["status"] != "Accepted", "the data of an unknown vendor were Accepted")
