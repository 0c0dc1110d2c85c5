"""A Java trust store of the certificates that this machine trusts: the packaged Java knows only the public ones."""

from __future__ import annotations

import hashlib
import ssl
import struct
from collections.abc import Sequence
from pathlib import Path

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
# The format's own: a checksum over this text, not a secret.
_PASSWORD, _SALT = "changeit".encode("utf-16-be"), b"Mighty Aphrodite"


def write_trust_store(path: Path, fallback: Path) -> None:
    """Write what Python trusts (the system's certificates, or those that ``SSL_CERT_FILE`` names) for Java.

    Where Python cannot list them it is a copy of ``fallback``.
    """
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    path.write_bytes(build_trust_store(certificates) if certificates else fallback.read_bytes())


def build_trust_store(certificates: Sequence[bytes]) -> bytes:
    """The certificates (DER) in Java's own key store format, JKS."""
    body = struct.pack(">III", _MAGIC, _VERSION, len(certificates))
    for number, certificate in enumerate(certificates):
        body += struct.pack(">I", _TRUSTED) + _text(f"ca-{number}") + struct.pack(">q", 0)
        body += _text("X.509") + struct.pack(">I", len(certificate)) + certificate
    return body + hashlib.sha1(_PASSWORD + _SALT + body, usedforsecurity=False).digest()


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded
