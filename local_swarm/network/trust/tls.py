"""Certificates in, TLS contexts out: version 1.3, mutual authentication, only pinned certificates are trusted."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from local_swarm.network.trust.identity import Identity
from local_swarm.network.trust.store import TrustStore


class ServerContexts:
    """The TLS context of our server for the members of now."""

    def __init__(self, mine: Identity, trust: TrustStore) -> None:
        self._mine, self._trust = mine, trust
        self._made = (trust.changes, self._context())

    def current(self) -> ssl.SSLContext:
        """For the next connection. It is new when members came or went."""
        if self._made[0] != self._trust.changes:
            self._made = (self._trust.changes, self._context())
        return self._made[1]

    def _context(self) -> ssl.SSLContext:
        return for_server(self._mine, [member.certificate for member in self._trust.members.values()])


def for_server(mine: Identity, members: Iterable[str]) -> ssl.SSLContext:
    """For our server. A client may show no certificate, as newcomers do, but not an unknown one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(mine.pem)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0  # no resumption: a forgotten member is refused at its next connection
    pin(context, members)
    return context


def for_peer(mine: Identity | None, theirs: str) -> ssl.SSLContext:
    """For a connection to the holder of certificate `theirs`. Without `mine` we connect as a newcomer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate is pinned; addresses change
    pin(context, [theirs])
    if mine:
        context.load_cert_chain(mine.pem)
    return context


def for_reading_certificate() -> ssl.SSLContext:
    """For reading the certificate of an unknown server. It verifies nothing, so the caller must send nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pin(context: ssl.SSLContext, certificates: Iterable[str]) -> None:
    """Trust exactly these certificates. System authorities are not loaded."""
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    whole = "".join(certificates)
    if whole:
        context.load_verify_locations(cadata=whole)
