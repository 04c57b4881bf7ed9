"""Who signs the certificates of charge points, as the setting ``CERTIFICATE_AUTHORITY`` names it."""

import os
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from attrs import frozen

from ocpp_actors.certificates.authority import Authority, UnusableAuthority
from ocpp_actors.certificates.outside import Command, Server, SigningFailed, UnusableCommand, command_of
from ocpp_actors.certificates.requests import UnusableRequest
from ocpp_actors.clock import Clock

BUILT_IN: Final = "builtin:"
AUTHORITY_FILE: Final = "authority.pem"
ROOT_FILE: Final = "root.pem"
OWN_VARIABLES: Final = "OCPP_ACTORS_"


class UnusableSigner(Exception):
    """A certificate authority that cannot be used; the message says why."""


class Signer(Protocol):
    """Signs requests of charge points."""

    async def sign(self, csr: str, identity: str, names: Collection[str]) -> str:
        """Return the certificate chain for a request, both in PEM. ``names`` are those that its CN may be.

        Raises SigningFailed: there is none; the message says what happened.
        """
        ...


def signer_of(authority: str, clock: Clock, environ: Mapping[str, str]) -> Signer:
    """Return the signer that a ``CERTIFICATE_AUTHORITY`` names.

    ``environ`` is handed to a command, without the variables of this server, in which there may be secrets.

    Raises UnusableSigner: a directory cannot be used, or a command line cannot be read.
    """
    if authority.startswith(BUILT_IN):
        return BuiltIn(open_authority(Path(authority.removeprefix(BUILT_IN)), clock), clock)
    if authority.startswith(("http://", "https://")):
        return Outside(Server(authority))
    try:
        return Outside(command_of(authority, environ, OWN_VARIABLES))
    except UnusableCommand as error:
        raise UnusableSigner(str(error)) from None


@frozen
class Outside:
    """A command or a server that signs."""

    authority: Command | Server

    async def sign(self, csr: str, identity: str, names: Collection[str]) -> str:  # noqa: ARG002 — as a Signer does
        """Have it signed."""
        return await self.authority.sign(csr, identity)


@frozen
class BuiltIn:
    """The small authority of this package. A signature takes about a millisecond, so there is no thread for it."""

    authority: Authority
    _clock: Clock

    async def sign(self, csr: str, identity: str, names: Collection[str]) -> str:  # noqa: ARG002 — as a Signer does
        """Sign it. Raises SigningFailed: the request is no good, or the root has expired."""
        try:
            return self.authority.sign(csr, self._clock.now(), names=names)
        except UnusableRequest as error:
            raise SigningFailed(str(error)) from None
        except ValueError as error:
            raise SigningFailed(f"the built-in authority cannot sign: {error}") from None


def open_authority(directory: Path, clock: Clock) -> Authority:
    """Return the authority that is kept in a directory, made there if it is not there yet.

    ``authority.pem`` has its private key, ``root.pem`` is for charge points and ``TLS_CLIENT_CA``. Nobody but the
    owner can look into the directory.

    Raises UnusableSigner: it cannot be read or made.
    """
    file = directory / AUTHORITY_FILE
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _write_once(file, Authority.new(clock.now()).pem)
        authority = Authority.load(file.read_text("ascii"))
        if not (directory / ROOT_FILE).exists():
            _write_once(directory / ROOT_FILE, authority.root_pem)
    except OSError as error:
        raise UnusableSigner(f"{error.filename or file}: {error.strerror}") from None
    except (UnusableAuthority, UnicodeDecodeError) as error:
        raise UnusableSigner(f"{file}: {error}") from None
    return authority


def _write_once(file: Path, text: str) -> None:
    """Write a file that only its owner can read, as a whole or not at all. One that is there meanwhile stays."""
    number, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(number, "w", encoding="ascii") as written:
            written.write(text)
            written.flush()
            os.fsync(number)
        with suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
