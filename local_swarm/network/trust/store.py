"""Members and charters in, who belongs to our swarm out: its key, pinned and revoked certificates, kept in one file."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from local_swarm.errors import UsageError
from local_swarm.network.protocol import decode, encode, plain
from local_swarm.network.trust.identity import Certified
from local_swarm.network.trust.token_strength import weakness
from local_swarm.paths import PRIVATE, keep

MOST_MEMBERS = 64
STEP = 16  # changes of the key in one message; a person makes each, and a node that was off catches up in several steps
WORN = 2**52  # from this epoch on counting starts again; messages cannot get there in steps of `STEP`
HEX = re.compile(r"[0-9a-f]{64}")  # a key or a fingerprint
MOST_REVOKED = 256
MAKE_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(24))"'
INSECURE = hashlib.sha256(b"local-swarm: anybody on this network may join").hexdigest()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Charter:
    """The swarm's key, in hex. `epoch` counts its changes and wraps. `revoked`: fingerprints of forgotten members."""

    key: str
    epoch: int = 1
    revoked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for an impossible charter. It may come from another machine."""
        numbers = (self.key, *self.revoked)
        whole = len(self.revoked) <= MOST_REVOKED and all(HEX.fullmatch(number) for number in numbers)
        if not whole or not 0 < self.epoch < 2 * WORN:
            raise ValueError("no charter of a swarm")

    @property
    def tag(self) -> str:
        """Tells swarms apart and does not reveal the key."""
        return self._mac(b"tag")[:16]

    def proof(self, role: str, mine: str, theirs: str) -> str:
        """A MAC with which the holder of the key vouches for certificate `mine` to `theirs`, both given by fingerprint.

        It is bound to both. To use an overheard one takes the private key of `mine`.
        """
        return self._mac(f"{role} {mine} {theirs}".encode())

    def proves(self, proof: str, role: str, theirs: str, mine: str) -> bool:
        return hmac.compare_digest(self.proof(role, theirs, mine).encode(), proof.encode())

    def _mac(self, message: bytes) -> str:
        return hmac.new(bytes.fromhex(self.key), b"local-swarm 1 " + message, hashlib.sha256).hexdigest()

    def successor(self, key: str, revoked: tuple[str, ...]) -> Charter:
        """The charter of the next epoch. After the worn epochs comes the first again."""
        return Charter(key, self.epoch + 1 if self.epoch < WORN else 1, revoked[-MOST_REVOKED:])

    def towards(self, epoch: int) -> Charter:
        """The same at an epoch that a member at `epoch` accepts in one step."""
        return replace(self, epoch=min(self.epoch, (0 if epoch >= WORN else max(0, epoch)) + STEP))


def ahead(mine: int, theirs: int) -> int:
    """By how many changes their epoch is later than ours. Negative if it is earlier."""
    if theirs < WORN <= mine:
        return max(1, theirs)
    return -max(1, mine) if mine < WORN < theirs - STEP else theirs - mine


def merge_charters(mine: Charter, theirs: Charter) -> Charter:
    """What two members agree on: the later charter, or of two with the same epoch one, with both lists."""
    if mine.epoch != theirs.epoch:
        return theirs if ahead(mine.epoch, theirs.epoch) > 0 else mine
    both = sorted({*mine.revoked, *theirs.revoked})[-MOST_REVOKED:]
    return replace(max(mine, theirs, key=lambda charter: charter.key), revoked=tuple(both))


@dataclass(frozen=True, slots=True)
class PairedMember(Certified):
    """A node of our swarm. It was last met at `addresses`, each `host:port`."""

    name: str
    certificate: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustFile:
    """What the file holds. `forgotten` are the fingerprints that this machine's own user has revoked."""

    charter: Charter
    members: tuple[PairedMember, ...] = ()
    forgotten: tuple[str, ...] = ()


@dataclass(slots=True)
class TrustStore:
    """`fixed`: the key comes from the configuration and does not change.

    `token`: people chose the key as a token, so nothing that shows it to guesses is sent. `changes` counts changes,
    for those who keep a copy. `mine` is our own fingerprint.

    Members are trusted to invite and to forget. So a member's charter may revoke others, and the log names them. It
    may not

    - be more than `STEP` changes ahead of ours, so that no message moves the count to its end;
    - revoke ourselves: honest members drop a revoked one and send it nothing;
    - readmit a member that our own user has forgotten. Then the key changes once more and the others get it. Only
      an invitation of this machine readmits it.

    A new key of our own user always holds here, at any epoch.
    """

    path: Path
    charter: Charter
    fixed: bool = False
    changes: int = 0
    _members: dict[str, PairedMember] = field(default_factory=dict)
    token: bool = False
    mine: str = ""
    _forgotten: tuple[str, ...] = ()

    @property
    def members(self) -> Mapping[str, PairedMember]:
        """By fingerprint."""
        return self._members

    @property
    def tag(self) -> str:
        """What is announced of the key. Nothing where people chose it, since guesses can be tested against a tag."""
        return "" if self.token else self.charter.tag

    def by_id(self, identity: str) -> PairedMember | None:
        return next((member for print_, member in self._members.items() if print_.startswith(identity)), None)

    def admit(self, member: PairedMember) -> bool:
        """Pin a certificate proved by the swarm's key or an invitation. False if it is revoked or there is no room."""
        known = self._members.get(member.fingerprint)
        full = known is None and len(self._members) >= MOST_MEMBERS
        if full or member.fingerprint in self.charter.revoked:
            return False
        if known != member:
            self._members[member.fingerprint] = replace(member, name=plain(member.name) or "unnamed")
            self.save()
        return True

    def readmit(self, member: PairedMember) -> bool:
        """Pin a certificate that may be revoked: its holder has been invited again."""
        self._forgotten = tuple(one for one in self._forgotten if one != member.fingerprint)
        if member.fingerprint in self.charter.revoked:
            left = tuple(one for one in self.charter.revoked if one != member.fingerprint)
            self.charter = self.charter.successor(self.charter.key, left)
        return self.admit(member)

    def forget(self, gone: PairedMember) -> None:
        """Unpin and revoke it, and change the key, which it knows. This always works."""
        self._forgotten = append_latest(self._forgotten, gone.fingerprint)
        self._take(self._next_charter(self.charter))

    def _next_charter(self, charter: Charter) -> Charter:
        """The next charter, with a new key where it may change. It revokes all that our user has forgotten."""
        key = charter.key if self.fixed else secrets.token_hex(32)
        return charter.successor(key, append_latest(charter.revoked, *self._forgotten))

    def join(self, charter: Charter, host: PairedMember) -> None:
        """Leave our swarm for that of `host`."""
        self._members = {host.fingerprint: host}
        self._forgotten = ()
        self._take(charter)

    def adopt(self, theirs: Charter) -> bool:
        """Adopt a member's charter if it is later and allowed (see above). Returns whether anything changed."""
        if self.fixed and theirs.key != self.charter.key:
            return False
        if ahead(self.charter.epoch, theirs.epoch) > STEP or self.mine in theirs.revoked:
            return False
        agreed = merge_charters(self.charter, theirs)
        if not set(self._forgotten) <= set(agreed.revoked):
            agreed = self._next_charter(agreed)
        if agreed == self.charter:
            return False
        gone = [one.name for print_, one in self._members.items() if print_ in agreed.revoked]
        if gone:
            logger.warning("Another member has sent away: %s.", ", ".join(gone))
        self._take(agreed)
        return True

    def _take(self, charter: Charter) -> None:
        self.charter = charter
        self._members = {print_: one for print_, one in self._members.items() if print_ not in charter.revoked}
        self.save()

    def save(self) -> None:
        self.changes += 1
        keep(
            self.path,
            encode(TrustFile(self.charter, tuple(self._members.values()), self._forgotten)).decode(),
            PRIVATE,
        )


def append_latest(names: tuple[str, ...], *new: str) -> tuple[str, ...]:
    """Each once, the newest last and dropped last, at most `MOST_REVOKED`."""
    return (*(name for name in names if name not in new), *new)[-MOST_REVOKED:]


def open_trust(folder: Path, token: str | None = None, insecure: bool = False, mine: str = "") -> TrustStore:
    """What the folder holds, or a new swarm of this node alone. Raises UsageError for a token that can be guessed."""
    if insecure:
        return TrustStore(folder / "insecure.json", Charter(INSECURE), fixed=True, mine=mine)
    path = folder / ("token.json" if token else "trust.json")
    found: TrustFile | None = None
    with contextlib.suppress(OSError, ValueError):
        found = decode(TrustFile, path.read_text(encoding="utf-8"))
    key = from_token(token) if token else found.charter.key if found else secrets.token_hex(32)
    if found is None or found.charter.key != key:
        found = TrustFile(Charter(key))
    charter = found.charter
    if charter.epoch >= WORN:  # only an attack leads there; every member that opens such a file starts again at 1
        charter = replace(charter, epoch=1)
    members = {one.fingerprint: one for one in found.members if one.fingerprint not in charter.revoked}
    trust = TrustStore(
        path,
        charter,
        fixed=token is not None,
        _members=members,
        token=token is not None,
        mine=mine,
        _forgotten=found.forgotten[-MOST_REVOKED:],
    )
    trust.save()
    return trust


def from_token(token: str) -> str:
    """The key that belongs to a token, by scrypt (RFC 7914). Raises UsageError for a token that can be guessed.

    Scrypt makes guesses expensive for a thief of the key file. Nothing derived from the key is sent to unpaired nodes.
    """
    if why := weakness(token):
        raise UsageError(f"network.auth_token can be guessed: {why}. Make a good one: {MAKE_ONE}")
    return (
        Scrypt(salt=b"local-swarm token 1", length=32, n=2**14, r=8, p=1).derive(token.encode("utf-8", "replace")).hex()
    )
