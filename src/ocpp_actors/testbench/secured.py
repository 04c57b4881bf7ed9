"""The TLS side of a session's own server: its certificate, and the authority of charge points' certificates."""

from pathlib import Path
from typing import Any, Final

from attrs import frozen

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.key_pairs import KeyPair
from ocpp_actors.certificates.signers import AUTHORITY_FILE, BUILT_IN, ROOT_FILE
from ocpp_actors.clock import Clock
from ocpp_actors.testbench.target import SecureTarget, Target
from ocpp_actors.testbench.tls import client_context

NAMES: Final = ("localhost", "127.0.0.1", "::1")
SERVER: Final = "server.pem"


@frozen
class TlsFiles:
    """What a session's own server needs for TLS and to sign certificates, in a directory of its own.

    One authority signs the server's certificate and those of charge points.
    """

    directory: Path
    authority: Authority
    clock: Clock

    @classmethod
    def made(cls, directory: Path, clock: Clock) -> "TlsFiles":
        """Make an authority and a certificate of the server."""
        directory.mkdir(mode=0o700)
        now = clock.now()
        files = cls(directory.absolute(), Authority.new(now, name="ocpp-actors test bench"), clock)
        own = files.authority.server_certificate(NAMES, now)
        for name, text in (
            (AUTHORITY_FILE, files.authority.pem),
            (ROOT_FILE, files.authority.root_pem),
            (SERVER, own.certificate + own.key),
        ):
            files._write(name, text)
        return files

    def settings(self, port: int) -> dict[str, Any]:
        """Return the server's settings."""
        root = str(self.directory / ROOT_FILE)
        return {
            "tls_port": port,
            "tls_certificate": (str(self.directory / SERVER),),
            "tls_client_ca": root,
            "tls_root": root,
            "certificate_authority": f"{BUILT_IN}{self.directory}",
        }

    def _write(self, name: str, text: str) -> None:
        """Write a file that nobody else can read."""
        file = self.directory / name
        file.touch(0o600)
        file.write_text(text, "ascii")


@frozen
class Secured:
    """A central system over TLS, and what charge points show it."""

    address: SecureTarget
    files: TlsFiles

    def target(self, common_name: str | None = None) -> Target:
        """Return the central system as a charge point reaches it that shows a certificate of this name, or none."""
        return self.target_with("" if common_name is None else self.certificate(common_name))

    def target_with(self, shown: str) -> Target:
        """Return it as a charge point reaches it that shows this certificate with its private key, in PEM."""
        return self.address.over(client_context(self.files.authority.root_pem, shown))

    def certificate(self, common_name: str) -> str:
        """Return a new certificate of a charge point of this name, and its private key, in PEM."""
        pair = KeyPair.new()
        names = [common_name]
        return (
            self.files.authority.sign(pair.request(common_name), self.files.clock.now(), names=names)
            + pair.pem
        )


def secure_url(urls: tuple[str, ...]) -> str | None:
    """Return the one that is over TLS."""
    return next((each for each in urls if each.startswith("wss:")), None)
