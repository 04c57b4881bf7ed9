"""TLS as charge points speak it."""

import ssl
from functools import lru_cache
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from attrs import field, frozen

CONTEXTS: Final = 64
"""Contexts that are kept: charge points that trust the same and show the same share one."""


class UnusableTls(ValueError):
    """A file of certificates or keys that cannot be used; the message says which, and why."""


@lru_cache(CONTEXTS)
def client_context(roots: str = "", shown: str = "") -> ssl.SSLContext:
    """Return what a charge point speaks TLS with.

    ``roots`` are the certificates that it trusts, in PEM, empty: those of the system. ``shown`` is its own certificate
    and the private key, in PEM, empty: it has none.

    Raises ssl.SSLError: these are none.
    """
    context = ssl.create_default_context(cadata=roots or None)
    if shown:
        with NamedTemporaryFile(
            "w", encoding="ascii", suffix=".pem"
        ) as file:  # that is how it has to be handed over
            file.write(shown)
            file.flush()
            context.load_cert_chain(file.name, password=_no_password)
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted: give one that is not")


@frozen
class ClientTls:
    """Whom charge points trust, and the certificate that they show with its private key, each in PEM or empty."""

    roots: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)

    def context(self, *, shows: bool = True) -> ssl.SSLContext:
        """Return what they speak TLS with."""
        return client_context(self.roots, self.certificate + self.key if shows else "")


def read_client_tls(
    ca: "PathLike[str] | str | None",
    certificate: "PathLike[str] | str | None",
    key: "PathLike[str] | str | None",
) -> ClientTls:
    """Read files in PEM. The file of the certificate may have the key, too.

    Raises UnusableTls: one cannot be read, or there is something else in it.
    """
    roots = "" if ca is None else _text(ca)
    try:
        client_context(roots)
    except (ssl.SSLError, ValueError):
        roots = ""
    if ca is not None and not roots.strip():
        raise UnusableTls(f"{ca} holds no certificates in PEM")
    tls = ClientTls(
        roots, "" if certificate is None else _text(certificate), "" if key is None else _text(key)
    )
    if certificate is not None:
        try:
            _ = tls.context()
        except (ssl.SSLError, ValueError) as error:
            raise UnusableTls(
                f"{certificate}{'' if key is None else f' with {key}'} cannot be used: {_reason(error)}"
            ) from None
    return tls


def _text(file: "PathLike[str] | str") -> str:
    try:
        return Path(file).read_text("ascii").strip() + "\n"
    except OSError as error:
        raise UnusableTls(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnusableTls(f"{file} is not PEM") from None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        return (
            "the key is not that of the certificate"
            if mismatch
            else "it takes a certificate and its key in PEM"
        )
    return str(error)
