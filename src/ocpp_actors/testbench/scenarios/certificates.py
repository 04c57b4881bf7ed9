"""The operator manages the certificates of charge points."""

from typing import Any

from ocpp_actors.certificates.chains import read_chain
from ocpp_actors.certificates.key_pairs import KeyPair
from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.certificates import CHARGE_POINT, ROOT, ROOT_HASHES
from ocpp_actors.testbench.steps.passwords import basic, give_password
from ocpp_actors.testbench.steps.records import at, eventually, expect_profile, security_events
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.scripted import answering, command, told

ACCEPTED = {"status": "Accepted"}
INSTALLED = {"status": "Accepted", "certificateHashData": [ROOT_HASHES]}
NOT_FOUND = {"status": "NotFound"}


async def list_installed(bench: Bench, client: Client, use: str, answer: dict[str, Any]) -> None:
    """Let the operator ask which certificates of this use are installed."""
    await command(bench, client, "GetInstalledCertificateIds", {"certificateType": use}, answer=answer)


async def report_event(bench: Bench, client: Client, event: str) -> None:
    """Let the charge point report a security event; it has to be on record."""
    now = write(bench.clock.now())
    report = {"type": event, "timestamp": now, "techInfo": "the chain is broken"}
    answer = await told(bench, client, "SecurityEventNotification", report)
    expect_equal(answer, {}, "SecurityEventNotification.conf")
    kept = await security_events(bench, client.identity)
    found = [(each["type"], each["techInfo"]) for each in kept]
    expect_equal(found, [(event, "the chain is broken")], "the security events on record")


@scenario(case="TC_074", needs={Need.SECURITY, Need.OPERATOR})
async def sign_a_certificate_of_ecdsa(bench: Bench) -> None:
    """The operator has a charge point ask for a new certificate, which it gets and connects with.

    Checks: ExtendedTriggerMessage comes as asked for; SignCertificate with a request of ECDSA is Accepted, and the
    request is what the operator gets to see; CertificateSigned comes with a certificate of the key and the name that
    were asked for, is answered, and the operator sees it as Accepted; with it the charge point is let in over TLS
    (security whitepaper A02, A02.FR.11, A00.FR.405).

    Not known: the curve and the subject of the original's request; whether it connects with the certificate.
    """
    identity, pair = bench.new_name(), KeyPair.new()
    password = await give_password(bench, identity)
    request = pair.request(identity)
    async with bench.client(identity, boot=True, headers=[basic(identity, password)]) as client:
        trigger = {"requestedMessage": "SignChargePointCertificate"}
        await command(bench, client, "ExtendedTriggerMessage", trigger, answer=ACCEPTED)
        async with answering(bench, client, "CertificateSigned", ACCEPTED) as asked:
            answer = await told(bench, client, "SignCertificate", {"csr": request})
            expect_equal(answer, ACCEPTED, "SignCertificate.conf")
        chain = asked.payload["certificateChain"]
        certificate = read_chain(chain)
        expect(certificate.key_info == pair.key_info, "the certificate is not of the key of the request")
        expect_equal(certificate.common_name, identity, "the CN of the certificate")

        async def expect_kept() -> None:
            kept = await bench.operator.get(at(identity, "certificates"))
            requests = [each["csr"] for each in kept["signingRequests"]]
            expect_equal(requests, [request], "the signing requests on record")
            states = [each["state"] for each in kept["certificates"]]
            expect_equal(states, ["Accepted"], "the certificates on record")

        await eventually(expect_kept, bench.patience)
    async with bench.client(identity, target=bench.secured.target_with(chain + pair.pem)) as client:
        with bench.patient():
            expect_accepted_boot(bench, await client.call("BootNotification", BOOT))
        await expect_profile(bench, identity, 3)


async def install(bench: Bench, use: str) -> None:
    """Let the operator install a root certificate, and look at it."""
    async with bench.client(boot=True) as client:
        await list_installed(bench, client, use, NOT_FOUND)
        wanted = {"certificateType": use, "certificate": ROOT}
        await command(bench, client, "InstallCertificate", wanted, answer=ACCEPTED)
        await list_installed(bench, client, use, INSTALLED)


@scenario(case="TC_075_1", needs={Need.OPERATOR})
async def install_a_manufacturer_root_certificate(bench: Bench) -> None:
    """The operator installs the root certificate of the charge point's manufacturer.

    Checks: InstallCertificate comes with the certificate and the use ManufacturerRootCertificate, and
    GetInstalledCertificateIds before and after it; their answers reach the operator (security whitepaper M03, M05).

    Not known: whether the original looks at what is installed before.
    """
    await install(bench, "ManufacturerRootCertificate")


@scenario(case="TC_075_2", needs={Need.OPERATOR})
async def install_a_central_system_root_certificate(bench: Bench) -> None:
    """The operator installs a root certificate with which the charge point shall trust the central system.

    Checks: InstallCertificate comes with the certificate and the use CentralSystemRootCertificate, and
    GetInstalledCertificateIds before and after it; their answers reach the operator (security whitepaper M03, M05).

    Not known: whether the original looks at what is installed before.
    """
    await install(bench, "CentralSystemRootCertificate")


@scenario(case="TC_076", needs={Need.OPERATOR})
async def delete_an_installed_certificate(bench: Bench) -> None:
    """The operator deletes one of the certificates that a charge point has.

    Checks: GetInstalledCertificateIds comes, and the hashes reach the operator; DeleteCertificate comes with just
    these hashes; its answer, and that nothing is left, reach the operator (security whitepaper M03, M04).

    Not known: of which use the certificate of the original is.
    """
    use = "CentralSystemRootCertificate"
    async with bench.client(boot=True) as client:
        await list_installed(bench, client, use, INSTALLED)
        wanted = {"certificateHashData": ROOT_HASHES}
        await command(bench, client, "DeleteCertificate", wanted, answer=ACCEPTED)
        await list_installed(bench, client, use, NOT_FOUND)


@scenario(case="TC_077", needs={Need.OPERATOR})
async def invalid_charge_point_certificate(bench: Bench) -> None:
    """The operator brings a charge point a certificate that is not valid, which it refuses and reports.

    Checks: CertificateSigned comes as asked for; the operator is told Rejected; the security event
    InvalidChargePointCertificate is confirmed and on record (security whitepaper A02.FR.07, A04).

    Not known: what is wrong with the certificate of the original.
    """
    async with bench.client(boot=True) as client:
        wanted = {"certificateChain": ROOT}
        await command(bench, client, "CertificateSigned", wanted, answer={"status": "Rejected"})
        await report_event(bench, client, "InvalidChargePointCertificate")


@scenario(case="TC_078", needs={Need.OPERATOR})
async def invalid_central_system_certificate(bench: Bench) -> None:
    """The operator installs a root certificate that is not valid, which the charge point refuses and reports.

    Checks: InstallCertificate comes as asked for; the operator is told Rejected; the security event
    InvalidCentralSystemCertificate is confirmed and on record (security whitepaper M05.FR.06, A04).

    Not known: what is wrong with the certificate of the original, and whether it is shown in a TLS handshake instead.
    """
    async with bench.client(boot=True) as client:
        wanted = {"certificateType": "CentralSystemRootCertificate", "certificate": CHARGE_POINT}
        await command(bench, client, "InstallCertificate", wanted, answer={"status": "Rejected"})
        await report_event(bench, client, "InvalidCentralSystemCertificate")
