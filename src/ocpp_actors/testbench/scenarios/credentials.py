"""The operator changes the password and the security profile of charge points."""

from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.passwords import basic, give_password, new_password, refused
from ocpp_actors.testbench.steps.records import configuration
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.scripted import command

ACCEPTED = {"status": "Accepted"}


@scenario(case="TC_073", needs={Need.OPERATOR})
async def update_the_password(bench: Bench) -> None:
    """The operator gives a charge point a new password, and it connects with that.

    Checks: ChangeConfiguration of AuthorizationKey comes as asked for; once it was Accepted the old password is
    refused with 401, and the new one lets the charge point in; the operator is not shown the password again (security
    whitepaper A01.FR.02, A01.FR.03).

    Not known: whether the original connects over TLS; here it is as the bench connects.
    """
    identity = bench.new_name()
    old, new = await give_password(bench, identity), new_password(bench)
    async with bench.client(identity, boot=True, headers=[basic(identity, old)]) as client:
        wanted = {"key": "AuthorizationKey", "value": new}
        await command(bench, client, "ChangeConfiguration", wanted, answer=ACCEPTED)
        refusal = await refused(bench, identity, headers=[basic(identity, old)])
        expect_equal(refusal.status, 401, "the status with the old password")
    async with bench.client(identity, boot=True, headers=[basic(identity, new)]):
        calls = await bench.operator.items("/calls", chargePoint=identity)
        expect(new not in str(calls), "the operator is shown the new password among the calls")


@scenario(case="TC_083", needs={Need.OPERATOR})
async def upgrade_the_security_profile(bench: Bench) -> None:
    """The operator gives a charge point without security a password and security profile 1, and it connects with that.

    Checks: ChangeConfiguration of AuthorizationKey and of SecurityProfile come as asked for, the latter is on record;
    the charge point is let in and its BootNotification Accepted with the password, and not without one any more
    (security whitepaper A05, A05.FR.09).

    Not known: the profiles of the original. Those from 2 on need TLS: their upgrade is not shown here.
    """
    password = new_password(bench)
    async with bench.client(boot=True) as client:
        identity = client.identity
        for key, value in (("AuthorizationKey", password), ("SecurityProfile", "1")):
            await command(bench, client, "ChangeConfiguration", {"key": key, "value": value}, answer=ACCEPTED)
        kept = await configuration(bench, identity)
        expect_equal(kept.get("SecurityProfile"), "1", "the security profile on record")
    async with bench.client(identity, headers=[basic(identity, password)]) as client:
        with bench.patient():
            expect_accepted_boot(bench, await client.call("BootNotification", BOOT))
    refusal = await refused(bench, identity)
    expect_equal(refusal.status, 401, "the status without a password")
