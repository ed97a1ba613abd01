"""Commands of this machine's user in, a changed membership out: inviting, joining, forgetting."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict, dataclass
from typing import Any

from local_swarm.commands import command
from local_swarm.errors import PairingFailed, PeerFault, UsageError
from local_swarm.network.discovery.announcement import ID_CHARACTERS
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import LanInterfaces, address_of, peer_address
from local_swarm.network.federation.client import Client
from local_swarm.network.trust.introductions import Introductions
from local_swarm.network.trust.pairing import LIFE_S, Invitations, split
from local_swarm.network.trust.store import PairedMember, TrustStore

MOST_ADDRESSES = 3  # of one inviting machine that are tried
JOIN_S = 20.0  # for the exchange at one address
ANNOUNCED_S = 5.0  # how long joining waits for the announcement of the invitation
ATTEMPT_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class Membership:
    """What commands do with the members of the swarm.

    `port` is our server's, `usual_port` completes addresses that name none. `changed` is set after every change."""

    trust: TrustStore
    invitations: Invitations
    directory: Directory
    client: Client
    introductions: Introductions
    interfaces: LanInterfaces
    port: int
    usual_port: int
    changed: asyncio.Event

    def members(self) -> list[dict[str, Any]]:
        """Members first, then nodes of other swarms that were announced. The fields are those of `PeerSummary`."""
        return [asdict(summary) for summary in self.directory.summaries()]

    def invite(self) -> dict[str, Any]:
        """A new code, its life in seconds, and our address. Raises UsageError where the key is configured."""
        if self.trust.fixed:
            raise UsageError(
                "This swarm's key comes from the configuration: give the other machine the same, not a code."
            )
        invitation = self.invitations.invite()
        self.changed.set()
        addresses = [address_of(host, self.port) for host in self.interfaces.addresses]
        return {"code": invitation.code, "expires_in_s": int(LIFE_S), "peer": next(iter(addresses), None)}

    async def join(self, code: str, address: str | None, sure: bool) -> dict[str, Any]:
        """Join the swarm that the code is from. `sure`: leave a swarm with other members for it.

        Raises PairingFailed, and UsageError where the key is configured or `sure` is missing."""
        if self.trust.fixed:
            raise UsageError(
                "This swarm's key comes from the configuration; joining another one takes removing it there."
            )
        others = [member.name for member in self.trust.members.values()]
        if others and not sure:
            raise UsageError(
                f"This machine is in a swarm with {', '.join(others)}. To leave it for the other one, add --yes."
            )
        host = await self._join_at_one_of(code, await self._inviters(code, address))
        self.directory.keep_members(self.trust.members.values())
        self.changed.set()
        return {"joined": host.name, "address": host.addresses[0] if host.addresses else None}

    async def _inviters(self, code: str, address: str | None) -> list[str]:
        """Addresses to try: the named one, or those that announce the code's number. Raises PairingFailed."""
        number, _ = split(code)
        if address:
            try:
                return [peer_address(address, self.usual_port)]
            except UsageError as problem:
                raise PairingFailed(problem.message) from problem
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANNOUNCED_S):
                while not (found := self.directory.inviters(number)):  # noqa: ASYNC110  found by looking
                    await asyncio.sleep(ATTEMPT_TICK_S)
                return found
        raise PairingFailed(
            "No machine on this network announces that invitation. "
            f"Name it: {command('join', 'CODE', '--peer', 'HOST:PORT')}"
        )

    async def _join_at_one_of(self, code: str, addresses: list[str]) -> PairedMember:
        """Raises PairingFailed: what a machine answered, or else what kept us from the first one."""
        failures: list[PairingFailed] = []
        refused: set[str] = set()  # a machine with several addresses must not lose a guess at each
        for address in addresses[:MOST_ADDRESSES]:
            certificate = ""
            try:
                async with asyncio.timeout(JOIN_S):
                    certificate = await self.client.certificate_at(address)
                    if certificate not in refused:
                        return await self.introductions.join(code, address, certificate)
            except PairingFailed as problem:
                refused.add(certificate)
                failures.insert(0, problem)  # an answer says more than silence elsewhere
            except (PeerFault, ValueError, TimeoutError) as problem:
                why = str(problem) or "it took too long"
                failures.append(PairingFailed(f"{address} could not be asked to let us in: {why}"))
        raise failures[0]

    def forget(self, name: str) -> dict[str, Any]:
        """Revoke a member, here and, by a new key, everywhere. Raises UsageError for an unknown name."""
        known = {peer.name: peer.id for peer in self.directory.peers.values()}
        member = self.trust.by_id(known[name]) if name in known else self._by_fingerprint(name)
        if member is None:
            raise UsageError(f"There is no member {name!r}. There are: {', '.join(sorted(known)) or 'none'}.")
        self.trust.forget(member)
        self.client.forget(member.certificate)
        self.directory.keep_members(self.trust.members.values())
        self.directory.probe_all(time.monotonic())
        self.changed.set()
        return {"forgotten": member.name}

    def _by_fingerprint(self, text: str) -> PairedMember | None:
        """By the first six or more characters of its fingerprint, which tell members of the same name apart."""
        long_enough = len(text) >= 6 and all(letter in "0123456789abcdef" for letter in text)
        return self.trust.by_id(text[:ID_CHARACTERS]) if long_enough else None
