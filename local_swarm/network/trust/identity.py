"""A folder in, the key pair and the self-signed certificate of this node out. They never leave the machine they were made on."""

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
# Clocks of machines at home may be years off: the certificate is pinned, so its dates need say nothing.
FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)  # RFC 5280, 4.1.2.5: no expiration


class Certified:
    """Whoever has a certificate, PEM text, goes by its fingerprint."""

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
    """`pem` is the file with key and certificate, as `ssl` wants it."""

    pem: Path
    certificate: str


def fingerprint(certificate: str | bytes) -> str:
    """SHA-256, in hex, of a certificate given as PEM text or DER bytes. Raises ValueError for neither."""
    der = ssl.PEM_cert_to_DER_cert(certificate) if isinstance(certificate, str) else certificate
    return hashlib.sha256(der).hexdigest()


def load_identity(folder: Path, machine: str | None = None) -> Identity:
    """The node's own, made where there is none, or where the folder is a copy of another node's.

    Two nodes with one identity would take each other's messages; a copied home folder must not make them. So beside the key
    stands where it was made: on another machine, or at another place on this one, a new key is made.
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
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), FROM, UNTIL)
    return builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(key, None)


def certificate_in(text: str) -> str:
    """Raises ValueError."""
    begin = text.index("-----BEGIN CERTIFICATE-----")
    certificate = text[begin:]
    fingerprint(certificate)
    return certificate


def machine_id() -> str:
    """Something that another machine does not have, even one that got a copy of our files."""
    for path in MACHINE_FILES:
        with contextlib.suppress(OSError, UnicodeError):
            if found := path.read_text(encoding="ascii").strip():
                return found
    card = uuid.getnode()
    random = bool(card >> 40 & 1)  # a made-up number, which the next start would make up anew
    return platform.node() if random else f"{card:012x}"
