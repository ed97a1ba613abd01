"""A folder in, this node's key pair and self-signed certificate out. The private key never leaves the machine."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import platform
import ssl
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from local_swarm.network.discovery.announcement import ID_CHARACTERS
from local_swarm.paths import PRIVATE, keep

MACHINE_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
# Clocks of machines at home may be years off. Peers pin the certificate, so its dates need no meaning.
FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
UNTIL = datetime.datetime.fromisoformat("9999-12-31T23:59:59+00:00")  # RFC 5280, 4.1.2.5: no expiration


class Certified:
    """Something with a certificate (PEM text). The certificate's fingerprint identifies it."""

    __slots__ = ()
    certificate: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    @property
    def id(self) -> str:
        return self.fingerprint[:ID_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Identity(Certified):
    """`pem` is the file with private key and certificate, in the form that `ssl` loads."""

    pem: Path
    certificate: str


def fingerprint(certificate: str | bytes) -> str:
    """SHA-256, in hex, of a certificate given as PEM text or DER bytes. Raises ValueError for anything else."""
    der = ssl.PEM_cert_to_DER_cert(certificate) if isinstance(certificate, str) else certificate
    return hashlib.sha256(der).hexdigest()


def load_identity(folder: Path, machine: str | None = None) -> Identity:
    """The identity kept in the folder, or a new one where there is none or the folder is a copy.

    Two nodes with one identity would receive each other's messages. So a file beside the key names the machine and
    the folder it was made for. A node that finds other names there makes a new key.
    """
    pem, made = folder / "identity.pem", folder / "identity.json"
    here = {"machine": machine or machine_id(), "folder": str(folder.resolve())}
    with contextlib.suppress(OSError, ValueError):
        if json.loads(made.read_text(encoding="utf-8")) == here:
            text = pem.read_text(encoding="utf-8")
            return Identity(pem, certificate_in(text))
    key = ed25519.Ed25519PrivateKey.generate()
    certificate = self_signed_certificate(key).public_bytes(Encoding.PEM).decode()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keep(pem, secret + certificate, PRIVATE)
    keep(made, json.dumps(here), PRIVATE)
    return Identity(pem, certificate)


def self_signed_certificate(key: ed25519.Ed25519PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"local-swarm {uuid.uuid4().hex[:12]}")])
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(FROM).not_valid_after(UNTIL)
    return builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(key, None)


def certificate_in(text: str) -> str:
    """Raises ValueError."""
    begin = text.index("-----BEGIN CERTIFICATE-----")
    certificate = text[begin:]
    fingerprint(certificate)
    return certificate


def machine_id() -> str:
    """A text that no other machine has, not even one with a copy of our files."""
    for path in MACHINE_FILES:
        with contextlib.suppress(OSError, UnicodeError):
            if found := path.read_text(encoding="ascii").strip():
                return found
    card = uuid.getnode()
    random = bool(card >> 40 & 1)  # Python draws a new number at each start where it finds no network card
    return platform.node() if random else f"{card:012x}"
