"""The files that TLS is offered with."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from ocpp_actors.server.tls import ServerTls


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
@pytest.mark.parametrize("apart", [True, False], ids=["a file of its own", "with the certificate"])
def test_a_private_key_that_everybody_can_read_is_warned_about(
    tmp_path: Path, mode: int, warned: bool, apart: bool
) -> None:
    issued = trustme.CA().issue_cert("central.test")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    private = key if apart else certificate
    private.chmod(mode)
    with capture_logs() as lines:
        ServerTls([str(certificate)], [str(key)] if apart else [], None)
    assert [line["file"] for line in lines] == ([str(private)] if warned else [])


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None) -> Any:
    """Do a TLS handshake in memory, and return the client's side of it, which has got its session ticket."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    charger = client.wrap_bio(to_client, to_server, server_hostname="central.test", session=session)
    central = server.wrap_bio(to_server, to_client, server_side=True)
    for step in (charger.do_handshake, central.do_handshake) * 3:
        try:
            step()
        except ssl.SSLWantReadError:
            continue
    central.write(b"x")
    assert charger.read(1) == b"x"
    return charger


@pytest.mark.parametrize("latest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("how", ["authority replaced", "forgotten"])
def test_no_session_outlives_what_it_was_made_with(tmp_path: Path, latest: ssl.TLSVersion, how: str) -> None:
    own, authority = trustme.CA(), trustme.CA()
    served, trusted = tmp_path / "server.pem", tmp_path / "ca.pem"
    own.issue_cert("central.test").private_key_and_cert_chain_pem.write_to_path(str(served))
    authority.cert_pem.write_to_path(str(trusted))
    client = ssl.create_default_context()
    client.maximum_version = latest
    own.configure_trust(client)
    authority.issue_cert("charger.test").configure_cert(client)
    tls = ServerTls([str(served)], [], str(trusted))
    session = shake_hands(tls.context(), client, None).session
    assert shake_hands(tls.context(), client, session).session_reused
    if how == "forgotten":
        tls.forget_sessions()
        assert not shake_hands(tls.context(), client, session).session_reused
    else:
        trusted.write_bytes(trustme.CA().cert_pem.bytes() + b"\n")
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(tls.context(), client, session)
