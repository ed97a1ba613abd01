"""Certificates in, TLS settings out: version 1.3, both sides shown, nobody trusted but the holders of pinned certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from local_swarm.network.trust.identity import Identity


def for_server(mine: Identity, members: Iterable[str]) -> ssl.SSLContext:
    """A client may show no certificate, as newcomers do, but not one that is unknown: then the handshake fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(mine.pem)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = (
        0  # no resumption: every connection proves itself, and forgetting somebody takes effect at once
    )
    pin(context, members)
    return context


def for_peer(mine: Identity | None, theirs: str) -> ssl.SSLContext:
    """Only to the holder of this certificate. Without `mine` as a newcomer, who cannot be known yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate is pinned; addresses change
    pin(context, [theirs])
    if mine:
        context.load_cert_chain(mine.pem)
    return context


def for_reading_certificate() -> ssl.SSLContext:
    """Only to read the certificate that is shown. Nothing may be said over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pin(context: ssl.SSLContext, certificates: Iterable[str]) -> None:
    """Each of them is its own authority and no other's; system authorities are not loaded."""
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    whole = "".join(certificates)
    if whole:
        context.load_verify_locations(cadata=whole)
