"""Charge points are let in, or not: subprotocol, password, certificates."""

from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.passwords import basic, give_password, refused
from ocpp_actors.testbench.steps.records import at, expect_profile, expect_refusals
from ocpp_actors.testbench.steps.registration import expect_accepted_boot


async def boots(bench: Bench, client: Client) -> None:
    """Let a client boot; it has to be Accepted."""
    with bench.patient():
        expect_accepted_boot(bench, await client.call("BootNotification", BOOT))


@scenario(case="TC_085", needs={Need.OPERATOR})
async def basic_authentication_with_valid_credentials(bench: Bench) -> None:
    """A charge point that has a password names it when it connects.

    Checks: it is let in and its BootNotification Accepted; without a password, or with a wrong one, it gets 401 with
    WWW-Authenticate (OCPP-J 1.6 §6.2; security whitepaper A00.FR.202 to A00.FR.205).

    Not known: whether the original connects over TLS, as security profile 2 wants it; here it is as the bench
    connects.
    """
    identity = bench.new_name()
    password = await give_password(bench, identity)
    async with bench.client(identity, headers=[basic(identity, password)]) as client:
        await boots(bench, client)
    for headers in ([], [basic(identity, password[::-1] + "x")]):
        refusal = await refused(bench, identity, headers=headers)
        expect_equal(refusal.status, 401, "the status without the right password")
        challenge = refusal.headers.get("www-authenticate", "")
        expect(challenge.lower().startswith("basic"), f"WWW-Authenticate is {challenge!r}, and no Basic")


@scenario(case="TC_086", needs={Need.SECURITY, Need.OPERATOR})
async def tls_with_a_valid_server_certificate(bench: Bench) -> None:
    """A charge point connects over TLS, trusts the certificate of the central system, and names its password.

    Checks: the certificate is valid for the name under which the bench connects, and of an authority that the bench
    trusts; the BootNotification is Accepted, and the operator sees security profile 2; without the password it gets 401
    (security whitepaper A00.FR.306, A00.FR.307).

    Not known: the versions and cipher suites that the original tries.
    """
    identity = bench.new_name()
    password, target = await give_password(bench, identity), bench.secured.target()
    async with bench.client(identity, target=target, headers=[basic(identity, password)]) as client:
        await boots(bench, client)
        await expect_profile(bench, identity, 2)
    refusal = await refused(bench, identity, target=target)
    expect_equal(refusal.status, 401, "the status without a password")


@scenario(case="TC_087", needs={Need.SECURITY, Need.OPERATOR})
async def tls_with_a_valid_client_certificate(bench: Bench) -> None:
    """A charge point connects over TLS and shows a certificate of its own instead of its password.

    Checks: with the certificate it is let in and its BootNotification Accepted, and the operator sees security profile
    3; without a certificate, or with that of another charge point, it gets 401, for it names no password (security
    whitepaper A00.FR.401 to A00.FR.405).

    Not known: the subject of the original's certificate, and whether one without a certificate is tried too.
    """
    secured, identity, other = bench.secured, bench.new_name(), bench.new_name()
    await give_password(bench, identity)
    async with bench.client(identity, target=secured.target(identity)) as client:
        await boots(bench, client)
        await expect_profile(bench, identity, 3)
    for shown, whose in ((None, "no certificate"), (other, "a certificate of another charge point")):
        refusal = await refused(bench, identity, target=secured.target(shown))
        expect_equal(refusal.status, 401, f"the status with {whose}")


@scenario(needs={Need.SECURITY, Need.OPERATOR})
async def lower_security_profile_is_refused(bench: Bench) -> None:
    """A charge point that needs a security profile connects with a lower one, though with the right password.

    Checks: one that needs profile 2 is let in over TLS, and gets 403 without it; one that needs profile 3 is let in
    with its certificate, and gets 403 without it; each refusal is a security event (security whitepaper A05.FR.09).
    """
    secured, identity = bench.secured, bench.new_name()
    named = [basic(identity, await give_password(bench, identity))]
    over_tls = {"target": secured.target(), "headers": named}
    with_certificate = {"target": secured.target(identity)}
    for profile, enough, too_little in ((2, over_tls, {"headers": named}), (3, with_certificate, over_tls)):
        await bench.operator.patch(at(identity), {"settings": {"securityProfile": profile}})
        async with bench.client(identity, **enough) as client:
            await boots(bench, client)
        refusal = await refused(bench, identity, **too_little)
        expect_equal(refusal.status, 403, f"the status with less than profile {profile}")
    await expect_refusals(bench, identity, *["SecurityProfileTooLow"] * 2)


@scenario(case="TC_088")
async def websocket_subprotocol_negotiation(bench: Bench) -> None:
    """A charge point offers subprotocols, and the central system picks OCPP 1.6, or none.

    Checks: ocpp1.6 is picked where it is offered, alone or after others, and spoken; where it is not offered, the
    handshake names none and the connection is closed at once (OCPP-J 1.6 §3.1.2, §3.2).

    Not known: which other subprotocols the original offers.
    """
    for offered in (["ocpp1.6"], ["ocpp2.0.1", "ocpp1.6"]):
        async with bench.client(subprotocols=offered) as client:
            expect_equal(
                client.subprotocol, "ocpp1.6", f"the subprotocol of those offered: {', '.join(offered)}"
            )
            await boots(bench, client)
    async with bench.client(subprotocols=["ocpp2.0.1"]) as client:
        expect_equal(client.subprotocol, None, "the subprotocol where ocpp1.6 is not offered")
        with bench.patient():
            await client.closed()
