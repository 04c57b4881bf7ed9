"""TLS as charge points speak it."""

import ssl
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import Final

CONTEXTS: Final = 64
"""Contexts that are kept: charge points that trust the same and show the same share one."""


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
            context.load_cert_chain(file.name)
    return context
