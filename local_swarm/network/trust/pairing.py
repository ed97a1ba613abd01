"""A code that a person carries from one machine to another in, a shared swarm key out. Knows no socket.

The exchange is SPAKE2 (RFC 9382, from the package `spake2`). An eavesdropper learns nothing, and an attacker has
one guess per attempt. The package stops at the shared key, so both sides then confirm it (RFC 9382, section 4).
Each sends a MAC over the whole transcript and the fingerprints of both certificates, the newcomer first. Only then
does the host send the swarm's key, encrypted for this exchange.

Where the key comes from a token, members introduce themselves by the same exchange, with the key in place of the
words. So neither an announcement nor a greeting shows anything to test guesses against.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from local_swarm.commands import program_name
from local_swarm.errors import PairingFailed
from local_swarm.network.protocol import decode, encode
from local_swarm.network.trust.identity import fingerprint
from local_swarm.network.trust.store import Charter, PairedMember, TrustStore
from local_swarm.network.trust.words import WORDS

LIFE_S = 600.0  # of an invitation
GUESSES = 5  # attempts, finished or not, that an invitation allows
WORDS_IN_CODE = 3
LONGEST_CODE = 100  # characters
TOKEN = "token"  # the number of the invitation that every node with a token keeps open
STARTS_PER_S, BURST = 20.0, 128.0  # of token exchanges, from all addresses together
MOST_EXCHANGES = 256
MOST_INVITATIONS = 8
EXCHANGE_S = 30.0  # between the two steps
MESSAGE_BYTES = 33  # of SPAKE2 over Ed25519: the side and a point
WRONG = f"The code is wrong, used up or out of date. Make a new one on the other machine: {program_name()} invite"


@dataclass(frozen=True, slots=True)
class JoinStart:
    """The newcomer's first message. `message` is SPAKE2's, in hex."""

    number: str
    message: str
    certificate: str


@dataclass(frozen=True, slots=True)
class JoinStartReply:
    session: str
    message: str


@dataclass(frozen=True, slots=True)
class JoinFinish:
    """The newcomer's second message: its confirmation, its name and its port."""

    session: str
    confirmation: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class JoinFinishReply:
    """The host's confirmation, its name, and the encrypted charter (`box`)."""

    confirmation: str
    name: str
    box: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys derived from the shared secret: one for each confirmation and one for the box."""

    newcomer: bytes
    host: bytes
    box: bytes
    transcript: bytes

    def confirmation(self, key: bytes) -> str:
        return hmac.new(key, self.transcript, hashlib.sha256).hexdigest()

    def confirms(self, key: bytes, confirmation: str) -> bool:
        return hmac.compare_digest(self.confirmation(key).encode(), confirmation.encode())


def keys_of(secret: bytes, transcript: Sequence[bytes]) -> Keys:
    """By HKDF (RFC 5869). Each part carries its length, so that no two transcripts are the same bytes."""
    whole = b"".join(len(part).to_bytes(4, "big") + part for part in (b"local-swarm join 1", *transcript))
    made = HKDF(SHA256(), 96, salt=None, info=hashlib.sha256(whole).digest()).derive(secret)
    return Keys(made[:32], made[32:64], made[64:], whole)


def message_of(text: str) -> bytes:
    """A SPAKE2 message from its hex text. Raises PairingFailed."""
    try:
        found = bytes.fromhex(text) if len(text) <= 4 * MESSAGE_BYTES else b""
    except ValueError:
        found = b""
    if len(found) != MESSAGE_BYTES:
        raise PairingFailed(WRONG)
    return found


def split(code: str) -> tuple[str, bytes]:
    """The public number and the secret words, in any case, with spaces or hyphens. Raises PairingFailed."""
    number, *words = code[:LONGEST_CODE].lower().replace("-", " ").split() or [""]
    if not number.isdigit() or len(words) != WORDS_IN_CODE:
        raise PairingFailed(
            f"A code is a number and {WORDS_IN_CODE} words, such as 42-amber-river-piano, not {code[:LONGEST_CODE]!r}."
        )
    return number, "-".join(words).encode()


# ------------------------------------------------------------------------------------------------ the host


@dataclass(slots=True)
class Invitation:
    number: str
    secret: bytes
    until: float
    guesses: int = GUESSES

    @property
    def code(self) -> str:
        return f"{self.number}-{self.secret.decode()}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One newcomer between its two messages."""

    invitation: Invitation
    keys: Keys
    certificate: str
    until: float


@dataclass(slots=True)
class Invitations:
    """The host's side. `mine` is the host's fingerprint."""

    trust: TrustStore
    mine: str
    name: str
    clock: Callable[[], float] = time.monotonic
    _open: dict[str, Invitation] = field(default_factory=dict)
    _exchanges: dict[str, Exchange] = field(default_factory=dict)
    _allowance: tuple[float, float] = (BURST, 0.0)

    @property
    def number(self) -> str:
        """Of the newest open invitation, for the announcement. Empty if there is none."""
        self._expire()
        return next(reversed(self._open), "")

    def invite(self) -> Invitation:
        self._expire()
        while len(self._open) >= MOST_INVITATIONS:
            del self._open[next(iter(self._open))]
        free = [str(number) for number in range(10, 100) if str(number) not in self._open]
        secret = "-".join(secrets.choice(WORDS) for _ in range(WORDS_IN_CODE)).encode()
        made = Invitation(secrets.choice(free), secret, self.clock() + LIFE_S)
        self._open[made.number] = made
        return made

    def start(self, message: JoinStart) -> JoinStartReply:
        """Answer the first message. Each one costs a guess, even if no second follows. Raises PairingFailed."""
        self._expire()
        theirs = message_of(message.message)
        invitation = self._token_invitation() if message.number == TOKEN else self._use_guess(message.number)
        try:
            newcomer = fingerprint(message.certificate)
            mine = SPAKE2_B(invitation.secret, idA=newcomer.encode(), idB=self.mine.encode())
            reply: bytes = mine.start()
            secret: bytes = mine.finish(theirs)
        except (SPAKEError, NotOnCurve, ValueError) as problem:
            raise PairingFailed(WRONG) from problem
        transcript = (message.number.encode(), newcomer.encode(), self.mine.encode(), theirs, reply)
        keys = keys_of(secret, transcript)
        session = secrets.token_hex(16)
        while len(self._exchanges) >= MOST_EXCHANGES:
            del self._exchanges[next(iter(self._exchanges))]
        self._exchanges[session] = Exchange(invitation, keys, message.certificate, self.clock() + EXCHANGE_S)
        return JoinStartReply(session, reply.hex())

    def _use_guess(self, number: str) -> Invitation:
        """The open invitation of this number, with one guess less. Raises PairingFailed."""
        invitation = self._open.get(number)
        if invitation is None:
            raise PairingFailed(WRONG)
        invitation.guesses -= 1
        if invitation.guesses <= 0:
            del self._open[number]
        return invitation

    def _token_invitation(self) -> Invitation:
        """The invitation of a swarm with a token, at a rate too slow for guessing. Raises PairingFailed."""
        left, then = self._allowance
        now = self.clock()
        left = min(BURST, left + (now - then) * STARTS_PER_S)
        self._allowance = (max(0.0, left - 1.0), now)
        if not self.trust.token or left < 1.0:
            raise PairingFailed(WRONG)
        return Invitation(TOKEN, bytes.fromhex(self.trust.charter.key), math.inf)

    def finish(self, message: JoinFinish, host: str) -> tuple[JoinFinishReply, PairedMember]:
        """Answer the second message: a newcomer that knows the code becomes a member. Raises PairingFailed.

        `host` is the address that the message came from."""
        self._expire()
        if not 0 < message.port < 65_536:
            raise PairingFailed(WRONG)
        exchange = self._exchanges.pop(message.session, None)
        if exchange is None or not exchange.keys.confirms(exchange.keys.newcomer, message.confirmation):
            raise PairingFailed(WRONG)
        invitation = exchange.invitation
        if invitation.until <= self.clock():
            raise PairingFailed(WRONG)  # another newcomer has used it meanwhile
        by_token = invitation.number == TOKEN
        if not by_token:
            invitation.until = 0.0  # a code works once
            self._open.pop(invitation.number, None)
        member = PairedMember(message.name, exchange.certificate, (f"{host}:{message.port}",))
        if not (self.trust.admit(member) if by_token else self.trust.readmit(member)):
            raise PairingFailed("The swarm has as many members as it can have.")
        nonce = secrets.token_bytes(12)
        box = nonce + ChaCha20Poly1305(exchange.keys.box).encrypt(nonce, encode(self.trust.charter), None)
        return JoinFinishReply(exchange.keys.confirmation(exchange.keys.host), self.name, box.hex()), member

    def _expire(self) -> None:
        now = self.clock()
        self._open = {number: one for number, one in self._open.items() if one.until > now}
        self._exchanges = {session: one for session, one in self._exchanges.items() if one.until > now}


# -------------------------------------------------------------------------------------------- the newcomer


class Newcomer:
    """The newcomer's side: `start`, then `confirm`. `theirs` is the fingerprint that the host showed by TLS."""

    def __init__(self, code: str, certificate: str, theirs: str, key: str | None = None) -> None:
        """With `key`, the key of a token, the code is not read."""
        self._number, secret = (TOKEN, bytes.fromhex(key)) if key else split(code)
        self._certificate, self._theirs = certificate, theirs
        self._mine = fingerprint(certificate)
        self._side = SPAKE2_A(secret, idA=self._mine.encode(), idB=theirs.encode())
        self._message: bytes = self._side.start()

    def start(self) -> JoinStart:
        return JoinStart(self._number, self._message.hex(), self._certificate)

    def confirm(self, reply: JoinStartReply, name: str, port: int) -> Confirmation:
        """The second message, with this node's name and port, and the keys for its reply. Raises PairingFailed."""
        theirs = message_of(reply.message)
        try:
            secret: bytes = self._side.finish(theirs)
        except (SPAKEError, NotOnCurve, ValueError) as problem:
            raise PairingFailed(WRONG) from problem
        transcript = (self._number.encode(), self._mine.encode(), self._theirs.encode(), self._message, theirs)
        keys = keys_of(secret, transcript)
        return Confirmation(JoinFinish(reply.session, keys.confirmation(keys.newcomer), name, port), keys)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The newcomer's second message, and the keys that open its reply."""

    message: JoinFinish
    keys: Keys

    def charter_in(self, reply: JoinFinishReply) -> Charter:
        """The swarm's charter, once the host has proved that it knows the code too. Raises PairingFailed."""
        if not self.keys.confirms(self.keys.host, reply.confirmation):
            raise PairingFailed(WRONG)
        try:
            box = bytes.fromhex(reply.box)
            return decode(Charter, ChaCha20Poly1305(self.keys.box).decrypt(box[:12], box[12:], None))
        except (InvalidTag, ValueError) as problem:
            raise PairingFailed("The other machine sent no swarm key.") from problem
