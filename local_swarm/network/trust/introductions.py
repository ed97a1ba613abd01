"""An address in, a member of our swarm out: this node introduces itself there by key, token or code."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from local_swarm.network.federation.client import Client
from local_swarm.network.protocol import Hello, Welcome
from local_swarm.network.trust.identity import Identity, fingerprint
from local_swarm.network.trust.pairing import TOKEN, JoinFinishReply, JoinStartReply, Newcomer
from local_swarm.network.trust.store import Charter, PairedMember, TrustStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Introductions:
    """Our side of greeting and joining. `name` and `port` are our own, for the answers of others."""

    mine: Identity
    trust: TrustStore
    client: Client
    name: str
    port: int

    async def greet(self, address: str) -> bool:
        """Pin the node there if it proves to be of our swarm, and prove the same to it. True if it is settled.

        Raises PairingFailed, PeerFault, and ValueError for an impossible address."""
        certificate = await self.client.certificate_at(address)
        theirs = fingerprint(certificate)
        if theirs == self.mine.fingerprint:
            return True  # it is this node, at an address that we did not know
        if theirs in self.trust.charter.revoked:
            return False
        if known := self.trust.members.get(theirs):
            return self.trust.admit(PairedMember(known.name, certificate, (address,)))
        by = self._greet_by_token if self.trust.token else self._greet_by_key
        return await by(address, certificate)

    async def _greet_by_key(self, address: str, certificate: str) -> bool:
        theirs, mine, charter = fingerprint(certificate), self.mine.fingerprint, self.trust.charter
        hello = Hello(self.mine.certificate, charter.proof("hello", mine, theirs), self.name, self.port)
        welcome = await self.client.ask_unpaired(address, certificate, "/hello", hello, Welcome)
        if not charter.proves(welcome.proof, "welcome", theirs, mine):
            return False
        logger.info("Met %s at %s, which has the swarm's key.", welcome.name, address)
        return self.trust.admit(PairedMember(welcome.name, certificate, (address,)))

    async def _greet_by_token(self, address: str, certificate: str) -> bool:
        """Both sides prove that they have the token. Neither shows anything to test guesses against."""
        newcomer = Newcomer(TOKEN, self.mine.certificate, fingerprint(certificate), self.trust.charter.key)
        charter, host = await self._exchange(newcomer, address, certificate)
        logger.info("Met %s at %s, which has the swarm's token.", host.name, address)
        self.trust.adopt(charter)
        return self.trust.admit(host)

    async def join(self, code: str, address: str, certificate: str) -> PairedMember:
        """Become a member of the swarm of the certificate's holder. Raises PairingFailed and PeerFault."""
        newcomer = Newcomer(code, self.mine.certificate, fingerprint(certificate))
        charter, host = await self._exchange(newcomer, address, certificate)
        self.trust.join(charter, host)
        return self.trust.members[host.fingerprint]

    async def _exchange(self, newcomer: Newcomer, address: str, certificate: str) -> tuple[Charter, PairedMember]:
        """Both messages of `pairing`, sent to the certificate's holder. Raises PairingFailed and PeerFault."""
        ask = self.client.ask_unpaired
        reply = await ask(address, certificate, "/join/start", newcomer.start(), JoinStartReply)
        confirmation = await asyncio.to_thread(newcomer.confirm, reply, self.name, self.port)
        final = await ask(address, certificate, "/join/finish", confirmation.message, JoinFinishReply)
        return confirmation.charter_in(final), PairedMember(final.name, certificate, (address,))
