"""The files that TLS is offered with."""

from pathlib import Path

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
