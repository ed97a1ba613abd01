"""Who belongs to our swarm: the key all members share, whose certificates are pinned, who was sent away. Kept in one file."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from local_swarm.errors import WrongUse
from local_swarm.network.identity import Certified
from local_swarm.network.protocol import plain, read, written
from local_swarm.places import PRIVATE, keep

SHORTEST_TOKEN = 20  # characters: what strangers overhear can be tried out against short ones
MOST_MEMBERS = 64
HEX = re.compile(r"[0-9a-f]{64}")  # a key or a fingerprint
MOST_REVOKED = 256
INSECURE = hashlib.sha256(b"local-swarm: anybody on this network may join").hexdigest()


@dataclass(frozen=True, slots=True)
class Charter:
    """The swarm's key, in hex. `epoch` counts its changes; `revoked` are the fingerprints of those sent away."""

    key: str
    epoch: int = 1
    revoked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what can be no charter: it may come from another machine."""
        numbers = (self.key, *self.revoked)
        if not all(HEX.fullmatch(number) for number in numbers) or not 0 < self.epoch < 2**53:
            raise ValueError("no charter of a swarm")

    @property
    def tag(self) -> str:
        """Tells swarms apart without telling the key."""
        return self._mac(b"tag")[:16]

    def proof(self, role: str, mine: str, theirs: str) -> str:
        """That the holder of the key vouches for the certificate `mine` towards `theirs`, both given by fingerprint.

        It binds the two, so whoever overhears it can do nothing with it: to use it takes the private key of `mine`.
        """
        return self._mac(f"{role} {mine} {theirs}".encode())

    def proves(self, proof: str, role: str, theirs: str, mine: str) -> bool:
        return hmac.compare_digest(self.proof(role, theirs, mine).encode(), proof.encode())

    def _mac(self, said: bytes) -> str:
        return hmac.new(bytes.fromhex(self.key), b"local-swarm 1 " + said, hashlib.sha256).hexdigest()


def merged(mine: Charter, theirs: Charter) -> Charter:
    """What two members agree on when theirs differ: the later one; of two made at the same time one, with both lists."""
    if mine.epoch != theirs.epoch:
        return max(mine, theirs, key=lambda charter: charter.epoch)
    both = sorted({*mine.revoked, *theirs.revoked})[-MOST_REVOKED:]
    return replace(max(mine, theirs, key=lambda charter: charter.key), revoked=tuple(both))


@dataclass(frozen=True, slots=True)
class Member(Certified):
    """A node of our swarm. `addresses` are where it was last met, as `host:port`."""

    name: str
    certificate: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds."""

    charter: Charter
    members: tuple[Member, ...] = ()


@dataclass(slots=True)
class Trust:
    """`fixed`: the key comes from the configuration, so it stays as it is. `changes` counts, for those who keep a copy."""

    path: Path
    charter: Charter
    fixed: bool = False
    changes: int = 0
    _members: dict[str, Member] = field(default_factory=dict)

    @property
    def members(self) -> Mapping[str, Member]:
        """By fingerprint."""
        return self._members

    def by_id(self, identity: str) -> Member | None:
        return next((member for print_, member in self._members.items() if print_.startswith(identity)), None)

    def admit(self, member: Member) -> bool:
        """Pin a certificate; whether it could be. Only the swarm's key or an invitation may lead here."""
        known = self._members.get(member.fingerprint)
        full = known is None and len(self._members) >= MOST_MEMBERS
        if full or member.fingerprint in self.charter.revoked:
            return False
        if known != member:
            self._members[member.fingerprint] = replace(member, name=plain(member.name) or "unnamed")
            self.save()
        return True

    def readmit(self, member: Member) -> bool:
        """Pin it though it was sent away before: it has been invited again."""
        if member.fingerprint in self.charter.revoked:
            left = tuple(one for one in self.charter.revoked if one != member.fingerprint)
            self.charter = replace(self.charter, epoch=self.charter.epoch + 1, revoked=left)
        return self.admit(member)

    def forget(self, gone: Member) -> None:
        """Unpin it, refuse it from now on, and change the key, which it knows."""
        revoked = (*self.charter.revoked, gone.fingerprint)[-MOST_REVOKED:]
        key = self.charter.key if self.fixed else secrets.token_hex(32)
        self._take(Charter(key, self.charter.epoch + 1, revoked))

    def join(self, charter: Charter, host: Member) -> None:
        """Leave the swarm we are in for that of `host`."""
        self._members = {host.fingerprint: host}
        self._take(charter)

    def adopt(self, theirs: Charter) -> bool:
        """Follow a member's charter if it is later than ours; whether anything changed."""
        if self.fixed and theirs.key != self.charter.key:
            return False
        agreed = merged(self.charter, theirs)
        if agreed == self.charter:
            return False
        self._take(agreed)
        return True

    def _take(self, charter: Charter) -> None:
        self.charter = charter
        self._members = {print_: one for print_, one in self._members.items() if print_ not in charter.revoked}
        self.save()

    def save(self) -> None:
        self.changes += 1
        keep(self.path, written(Kept(self.charter, tuple(self._members.values()))).decode(), PRIVATE)


def open_trust(folder: Path, token: str | None = None, insecure: bool = False) -> Trust:
    """What is kept in the folder, or a swarm of one with a key of its own. Raises WrongUse for a token that is too short."""
    if insecure:
        return Trust(folder / "insecure.json", Charter(INSECURE), fixed=True)
    path = folder / ("token.json" if token else "trust.json")
    found: Kept | None = None
    members: dict[str, Member] = {}
    with contextlib.suppress(OSError, ValueError):
        found = read(Kept, path.read_text(encoding="utf-8"))
        members = {member.fingerprint: member for member in found.members}
    key = from_token(token) if token else found.charter.key if found else secrets.token_hex(32)
    if found is None or found.charter.key != key:
        found, members = Kept(Charter(key)), {}
    trust = Trust(path, found.charter, fixed=token is not None, _members=members)
    trust.save()
    return trust


def from_token(token: str) -> str:
    """The key that everybody with this token has. Raises WrongUse."""
    if len(token) < SHORTEST_TOKEN:
        raise WrongUse(f"network.auth_token must have at least {SHORTEST_TOKEN} characters: short ones can be guessed.")
    return Scrypt(salt=b"local-swarm token 1", length=32, n=2**14, r=8, p=1).derive(token.encode()).hex()
