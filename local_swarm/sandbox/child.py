"""One child of the template, as the dispatcher sees it: a socket, a clock, and what has come of the answer that is due.

Standard library alone.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from dataclasses import dataclass

from local_swarm.sandbox import turns
from local_swarm.sandbox.clock import NOTHING, Clock
from local_swarm.sandbox.messages import CHUNK, DIED, LENGTH, LONGEST_OUTCOME, REQUEST, TOO_MUCH

CREDENTIALS = struct.Struct("=iII")  # of a sender, as the kernel tells them: process, user, group
DROWSY_S = 0.02  # without work for so long a call is asleep
LOAFING_S = 0.03  # of processor time that a child may take with no call to answer


@dataclass(frozen=True, slots=True)
class Spent:
    """On the call that is at work. `worked_s` is None where it cannot be seen."""

    wall_s: float
    worked_s: float | None
    waited_s: float
    in_all_s: float
    asleep: bool
    loafing: bool


class SandboxChild:
    """`ready` once it is sealed and can be sent its program; `idle_s`: how much of the call at work it has slept."""

    def __init__(self, number: int, control: socket.socket) -> None:
        """Has the template fork it; `control` is the socket that the template is asked by."""
        self.number, self.control = number, control
        self.ready = self.closed = self.full = False
        self.clock: Clock | None = None
        self.turn_s = self.idle_s = self.made = self.since = self.charged = 0.0
        self.start = self.last = NOTHING
        self.stirred = self.looked = self.stopped_at = 0.0
        self.base_bytes = 0
        self.out = bytearray()
        self.heard = b""
        self.socket, theirs = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):  # what comes says from which process, by its number out here
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.setblocking(False)
        socket.send_fds(control, [REQUEST.pack(b"f", number)], [theirs.fileno()])
        theirs.close()

    def end(self) -> None:
        self.closed = True
        if self.clock:
            self.clock.close()
        self.socket.close()
        self.order(b"k")

    def order(self, what: bytes) -> None:
        with contextlib.suppress(OSError):
            self.control.send(REQUEST.pack(what, self.number))

    # ------------------------------------------------------------------------------------------------- its words

    def frame(self, text: str) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        return LENGTH.pack(len(data)) + data

    def send(self, data: bytes) -> bool:
        """As much as it takes; whether something is left."""
        self.out += data
        with contextlib.suppress(OSError):  # that it is full is heard when it is not, that it has ended by reading
            del self.out[: self.socket.send(self.out)]
        return bool(self.out)

    def hear(self) -> str | None:
        """The outcome that it tells, None while there is none yet. It ends whatever it says beyond one line."""
        try:
            data, extra, *_ = self.socket.recvmsg(CHUNK, 0 if self.ready else 64)
        except BlockingIOError:
            return None
        except OSError:
            return DIED
        if not data:
            return DIED
        self.heard += data
        if not self.ready:
            _, ended, self.heard = self.heard.partition(b"\n")
            if not ended:
                return None
            self.begin(extra)
        line, ended, more = self.heard.partition(b"\n")
        if len(line) > LONGEST_OUTCOME or more:
            return TOO_MUCH
        if not ended:
            return None
        self.heard = b""
        return line.decode("utf-8", "replace")

    def begin(self, extra: list[tuple[int, int, bytes]]) -> None:
        """It is sealed. From its first word on it can be watched."""
        self.ready = True
        sender = next((CREDENTIALS.unpack(data)[0] for *_, data in extra if len(data) == CREDENTIALS.size), None)
        self.clock = Clock(sender)
        self.base_bytes = self.clock.memory_bytes()
        self.began(time.monotonic())  # what it took to fork it is not its program's time

    # ------------------------------------------------------------------------------------------------- its time

    def began(self, now: float) -> None:
        """A call is sent."""
        self.since = self.charged = self.stirred = self.looked = now
        self.made = self.made or now
        self.idle_s = 0.0
        if self.clock:
            self.start = self.last = self.clock.read() or NOTHING

    def rests(self) -> None:
        """Its turn is over, and it has no call to answer."""
        if self.clock:
            self.start = self.clock.read() or NOTHING

    def stop(self, now: float) -> None:
        """Its turn is over within a call."""
        self.stopped_at = now
        self.order(b"s")

    def go_on(self, now: float) -> None:
        """The time that it was stopped does not count."""
        self.since += now - self.stopped_at
        self.charged = self.stirred = self.looked = now
        self.order(b"c")

    def seconds_passed(self, now: float) -> float:
        passed, self.charged = now - self.charged, now
        self.turn_s += passed
        return passed

    def look(self, now: float) -> Spent:
        wall = now - self.since
        reading = self.clock.read() if self.clock else None
        if reading is None:
            return Spent(wall, worked_s=None, waited_s=0.0, in_all_s=0.0, asleep=False, loafing=False)
        step = reading.since(self.last)
        if step.worked + step.waited > (now - self.looked) / 4:
            self.stirred = now
        self.last, self.looked = reading, now
        call = reading.since(self.start)
        self.idle_s = turns.idle(wall, call.worked, call.waited)
        asleep = now - self.stirred > DROWSY_S
        loafing = call.worked > LOAFING_S
        return Spent(
            wall,
            worked_s=call.worked,
            waited_s=call.waited,
            in_all_s=reading.worked,
            asleep=asleep,
            loafing=loafing,
        )

    def memory_bytes(self) -> int:
        return max(0, self.clock.memory_bytes() - self.base_bytes) if self.clock else 0
