"""The sandbox's dispatcher: votes in as lines of JSON, outcomes out; it hands each program and its calls to a child of its own.

Standard library alone. The children are forked by the template, a process that this one starts and that never sees a job; here
are the jobs, the clock and whose turn it is. Run as `python -c "... main()" SETTINGS` by `link`; not to be imported elsewhere.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local_swarm.sandbox import turns
from local_swarm.sandbox.child import SandboxChild
from local_swarm.sandbox.messages import CHUNK, DIED, LATE, TOO_MUCH
from local_swarm.sandbox.turns import Task, Vote

TICK_S = 0.01  # between two looks at the clock while somebody is at work
READY_S = 5.0  # for a child to be forked and sealed
SPARE = 6  # children that wait for a program
UNWELL_S = 1.0  # after a child ended that had no program, none is forked in advance
MEMORY_BYTES = 768 << 20  # of all children together; then the largest ends
TRIES = 3  # children that may fail before they have met their program
LONGEST_ORDER = 32 << 20  # from the daemon: forty calls of 20,000 letters, twelve bytes each
STARTED_S = 60.0  # for the template, which the daemon does not wait for so long
MODULES = (
    "messages",
    "job",
    "system",
    "macos",
    "canonical",
    "scientific",
    "loops",
    "results",
    "calls",
    "template",
)
BOOT = """
import json, os, sys, types
def read(size):
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            os._exit(1)
        data += more
    return data
told = json.loads(read(int(read(8), 16)))
for name, source in told.pop("modules"):
    made = sys.modules[name] = types.ModuleType(name)
    made.__path__ = []
    exec(compile(source, name, "exec"), made.__dict__)
sys.modules["local_swarm.sandbox.template"].main(told)
"""


def main() -> None:
    settings = json.loads(sys.argv[1])
    control, problem = template(settings)
    say({"problem": problem.get("problem", "it ended at once"), **problem} if "tier" not in problem else problem)
    if control and "tier" in problem:
        SandboxServer(control, settings["width"]).serve()


def say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def template(settings: dict[str, Any]) -> tuple[socket.socket | None, dict[str, Any]]:
    """Start the process that children are forked from. The socket that it is asked by, and what it says of itself."""
    control, theirs = socket.socketpair()
    folders = [os.open(place, os.O_RDONLY) for place in settings["places"]]
    shown = [f"/proc/self/fd/{folder}" for folder in folders] if sys.platform == "linux" else settings["places"]
    package = Path(__file__).parent
    modules = [("local_swarm", ""), ("local_swarm.sandbox", "")]
    modules += [(f"local_swarm.sandbox.{name}", (package / f"{name}.py").read_text("utf-8")) for name in MODULES]
    told = {key: settings[key] for key in ("tier", "libraries", "first_uses")} | {"places": shown, "modules": modules}
    # As many threads as a library asks for would make the template impossible to fork.
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")}
    try:
        subprocess.Popen(
            [*settings["walls"], settings["interpreter"], "-s", "-S", "-B", "-P", "-c", BOOT],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=folders,
            env={"PYTHONHASHSEED": "0", **single},
        )
    except OSError as problem:
        return None, {"problem": str(problem)}
    theirs.close()
    for folder in folders:
        os.close(folder)
    control.settimeout(STARTED_S)
    data = json.dumps(told).encode()
    try:
        control.sendall(b"%08x" % len(data) + data)
        said = control.makefile("rb").readline()
    except OSError as problem:
        return None, {"problem": str(problem) or "no answer in time"}
    control.settimeout(None)
    return control, json.loads(said or b"{}")


class SandboxServer:
    """At most `width` calls at once, the others wait for their turns. Ends when its input does, or the template."""

    def __init__(self, control: socket.socket, width: int) -> None:
        self.control, self.width = control, width
        self.votes: dict[int, Vote] = {}
        self.owners: dict[SandboxChild, tuple[Vote, Task]] = {}  # the children that have a program
        self.children: dict[Task, SandboxChild] = {}
        self.spare: list[SandboxChild] = []
        self.failed: dict[Task, int] = {}
        self.numbers = 0
        self.unwell_until = 0.0
        self.selector = selectors.DefaultSelector()
        self.unread = bytearray()

    def serve(self) -> None:
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ)
        self.selector.register(self.control, selectors.EVENT_READ)
        self.restock()
        looked = time.monotonic()
        while True:
            busy = any(task.at_work for _, task in self.owners.values())
            found = self.selector.select(TICK_S if busy else None)
            for key, events in found:
                if key.fileobj is self.control or (key.fd == 0 and not self.read_orders()):
                    return  # nobody listens any more, or nobody forks
                if isinstance(key.data, SandboxChild) and not key.data.closed:
                    self.attend(key.data, events)
            if (now := time.monotonic()) - looked >= TICK_S:
                self.look(now)
                looked = now
            self.give_turns()
            if not self.owners and now > self.unwell_until:
                self.restock()

    def template_ended(self) -> bool:
        try:
            return not self.control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    # -------------------------------------------------------------------------------------------- the daemon's orders

    def read_orders(self) -> bool:
        """Take what the daemon says; False when it has gone."""
        data = os.read(0, CHUNK)
        self.unread += data
        if b"\n" in data:
            *lines, rest = bytes(self.unread).split(b"\n")
            self.unread = bytearray(rest)
            for line in lines:
                self.obey(json.loads(line))
        return bool(data) and len(self.unread) <= LONGEST_ORDER

    def obey(self, order: dict[str, Any]) -> None:
        """A job of a vote, or the end of one."""
        number: int = order["vote"]
        if "program" in order:
            vote = self.votes.setdefault(number, Vote(number, time.monotonic()))
            vote.tasks[order["job"]] = Task(order["job"], order["program"], tuple(order["calls"]))
        elif over := self.votes.pop(number, None):
            for task in over.tasks.values():
                self.release(task)

    def finish(self, vote: Vote, task: Task) -> None:
        """Every call of this program has its outcome."""
        self.release(task)
        del vote.tasks[task.place]
        say({"vote": vote.number, "job": task.place, "outcomes": task.told})

    # -------------------------------------------------------------------------------------------------- children

    def restock(self) -> None:
        while len(self.spare) < SPARE:
            self.spare.append(self.fork_child())

    def fork_child(self) -> SandboxChild:
        self.numbers += 1
        child = SandboxChild(self.numbers, self.control)
        self.selector.register(child.socket, selectors.EVENT_READ, child)
        return child

    def release(self, task: Task) -> None:
        """End the process of a program."""
        self.failed.pop(task, None)
        if child := self.children.pop(task, None):
            self.drop(child)

    def drop(self, child: SandboxChild) -> None:
        self.owners.pop(child, None)
        self.selector.unregister(child.socket)
        child.end()

    def attend(self, child: SandboxChild, events: int) -> None:
        """Send a child what is still to be sent, and hear it."""
        if events & selectors.EVENT_WRITE:
            self.send(child, b"")
        if not events & selectors.EVENT_READ:
            return
        ready = child.ready
        said = child.hear()
        if said == DIED and self.template_ended():
            return  # its end is not its program's doing, and is told as that of this process
        vote, task = self.owners.get(child, (None, None))
        if said is None and child.ready:
            return
        if vote is None or task is None:
            if said is not None:  # no child without a program has anything to say, but that it is ready
                self.spare.remove(child)
                self.drop(child)
                self.unwell_until = time.monotonic() + UNWELL_S
            return
        early = not ready or not (task.defined or task in self.failed)
        if said == DIED and early:
            self.again(vote, task)
        elif said is not None:
            self.settle(vote, task, child, said)

    def again(self, vote: Vote, task: Task) -> None:
        """A child ended before it met its program, or once while it read it: that need not be the program's doing."""
        times = self.failed.get(task, 0) + 1
        self.release(task)
        task.begun = task.at_work = False
        self.failed[task] = times
        if times >= TRIES:
            task.fill(DIED)
            self.finish(vote, task)

    # ----------------------------------------------------------------------------------------------------- turns

    def give_turns(self) -> None:
        while turn := turns.next_turn(self.votes.values(), self.width):
            self.give(*turn)

    def give(self, vote: Vote, task: Task) -> None:
        """A turn: for the next call, the program itself, or a call that was stopped."""
        now = time.monotonic()
        if not task.begun:
            child = self.spare.pop(0) if self.spare else self.fork_child()
            self.owners[child], self.children[task] = (vote, task), child
            task.begun = True
            say({"vote": vote.number, "job": task.place})
        child = self.children[task]
        child.turn_s = 0.0
        if task.stopped:
            task.stopped = False
            child.go_on(now)
        else:
            self.hand(task, child, now)

    def hand(self, task: Task, child: SandboxChild, now: float) -> None:
        """The next call, or the program itself."""
        task.at_work, task.asleep = True, False
        child.began(now)
        self.send(child, child.frame(task.next_text))

    def send(self, child: SandboxChild, data: bytes) -> None:
        left, before = child.send(data), child.full
        if left != before:
            child.full = left
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if left else 0)
            self.selector.modify(child.socket, events, child)

    def settle(self, vote: Vote, task: Task, child: SandboxChild, outcome: str) -> None:
        """A call has its outcome; the next follows at once while the turn lasts."""
        now = time.monotonic()
        if task.holding:
            self.charge(vote, task, child, now)
        if task.stopped:  # it had answered before it was
            child.go_on(now)
        if outcome in (DIED, TOO_MUCH) or not task.at_work:
            task.fill(outcome if outcome == DIED else TOO_MUCH)
        else:
            task.idle_s += child.idle_s
            task.take(outcome)
        if task.ended:
            self.finish(vote, task)
        elif child.turn_s < turns.CALLS_S:
            self.hand(task, child, now)
        else:
            child.rests()

    def charge(self, vote: Vote, task: Task, child: SandboxChild, now: float) -> None:
        """The time since it was last charged, if it has its turn."""
        passed = child.seconds_passed(now)
        if not task.asleep:
            task.used_s += passed
            vote.spent_s += passed

    # ----------------------------------------------------------------------------------------------------- clock

    def look(self, now: float) -> None:
        """Whoever has had enough is ended: calls, votes, and the largest where memory runs out."""
        for child, (vote, task) in list(self.owners.items()):
            if not child.ready:
                if now - child.made > READY_S:
                    self.again(vote, task)
                continue
            if not task.stopped:
                self.watch(vote, task, child, now)
        for vote in [one for one in self.votes.values() if one.tasks and one.enough(now, self.width)]:
            for task in list(vote.tasks.values()):
                task.fill(turns.CUT)
                self.finish(vote, task)
        self.bound_memory()

    def watch(self, vote: Vote, task: Task, child: SandboxChild, now: float) -> None:
        """What a program does with its time, and whether that was enough of it."""
        spent = child.look(now)
        if not task.at_work:
            if spent.loafing:  # it has answered and goes on computing
                task.fill(TOO_MUCH)
                self.finish(vote, task)
            return
        self.charge(vote, task, child, now)
        task.asleep = spent.asleep
        if turns.out_of_time(task, spent.wall_s, spent.worked_s, spent.waited_s, spent.in_all_s):
            task.fill(LATE)
            self.finish(vote, task)
        elif task.holding and child.turn_s > turns.TURN_S and turns.anybody_waits(self.votes.values()):
            task.stopped = True
            child.stop(now)

    def bound_memory(self) -> None:
        sizes = {child: child.memory_bytes() for child in self.owners}
        while sum(sizes.values()) > MEMORY_BYTES:
            largest = max(sizes, key=sizes.__getitem__)
            del sizes[largest]
            vote, task = self.owners[largest]
            task.fill("!MemoryError")
            self.finish(vote, task)
