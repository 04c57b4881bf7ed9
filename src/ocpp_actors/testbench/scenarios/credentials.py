"""The operator changes the password and the security profile of charge points."""

from typing import Any

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.steps.passwords import basic, give_password, new_password, refused
from ocpp_actors.testbench.steps.records import at, expect_profile
from ocpp_actors.testbench.steps.scripted import command

ACCEPTED = {"status": "Accepted"}

PATIENCE = 60
"""Seconds for a charge point to come back, and to get its certificate."""


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


async def expect_lower_is_refused(bench: Bench, charger: SimulatedChargePoint, profile: int) -> None:
    """Go on where a charge point is not let in with the profile below this one. Raises Failed."""
    password = basic(charger.identity, charger.memory.configuration.text("AuthorizationKey"))
    lower: tuple[tuple[dict[str, Any], int], ...] = (
        ({}, 401),
        ({"headers": [password]}, 403),
        ({"headers": [password], "target": bench.secured.target()}, 403),
    )
    how, status = lower[profile - 1]
    refusal = await refused(bench, charger.identity, **how)
    expect_equal(refusal.status, status, f"the status of a lower profile than {profile}")


@scenario(case="TC_083", needs={Need.SECURITY, Need.OPERATOR}, seconds=120)
async def upgrade_the_security_profile(bench: Bench) -> None:
    """The operator takes a charge point from no security to a password, to TLS, and to a certificate of its own.

    Checks: after each command of the operator's the charge point was given what it lacked, its SecurityProfile is the
    new one, it is back with that, and the operator sees so; whoever names its password with a lower profile is refused:
    401 without the password, then 403 without TLS, then 403 without the certificate (security whitepaper A05, A05.FR.02
    to A05.FR.07, A05.FR.09).

    Not known: between which profiles the original goes, and whether it brings the key and the certificates itself. The
    charge point is a simulated one of the test bench, because its profile can only be lowered on site.
    """
    async with bench.charge_point() as charger:
        identity = charger.identity
        with bench.patient():
            await charger.wire.exchange("BootNotification")
        for profile in (1, 2, 3):
            wanted = {"profile": profile, "patience": PATIENCE}
            await bench.operator.post(at(identity, "security-profile"), wanted)
            configured = charger.memory.configuration.number("SecurityProfile")
            expect_equal(configured, profile, "the SecurityProfile that the charge point was told")
            await expect_profile(bench, identity, profile, at_least=profile)
            await expect_lower_is_refused(bench, charger, profile)
        asked = {each.action for each in charger.wire.answered(by=Role.CENTRAL_SYSTEM)}
        needed = {"ChangeConfiguration", "InstallCertificate", "ExtendedTriggerMessage", "CertificateSigned"}
        expect(needed <= asked, f"the charge point was not asked for {', '.join(sorted(needed - asked))}")
