"""Wishes in, what each stage of the attack saw out: a daemon, its honest users, and hostile clients, models or servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from hostile_clients.attacks import CHAT, chat
from hostile_clients.clients import HUNG_S, Bout, Sent
from hostile_clients.daemons import ROOT, Daemon, DidNotStart, Watch, daemon, free_port, listening
from hostile_clients.files import TEMPLATES, model_file
from hostile_clients.honest import Looks, Users
from hostile_clients.programs import HONEST, PROGRAMS, SCRIPTS
from hostile_clients.programs import QUESTION as VOTED
from hostile_clients.prompts import LEADS, run
from hostile_clients.verdict import Seen, together

FOLDER = ROOT / "scripts"
MEMBERS = ("victim", "second", "rogue")
SECOND_CLIENTS = 2  # hostile users of the second member
MEET_S = 30.0
VOTE_S = 3.0
CHATS = 3  # of a hostile model
TEMPLATE_S = 20.0
SERVERS_S = 60.0
WRONG_USE = 2
ROSTER = """members:
  - name: starter
    engine: llamacpp
    model: local-swarm-starter
    workers: 3
  - name: hostile
    url: http://127.0.0.1:{port}/v1
    workers: 2
"""
QUIET_S = 5.0
AFTER_S = 5.0
LINE_BYTES = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """`url`: a daemon that runs already; None starts one. `mcp`: its `/mcp` is attacked too."""

    folder: Path
    bout: Bout = field(default_factory=Bout)
    workers: int = 5
    mcp: bool = True
    url: str | None = None


@dataclass
class Stage:
    """A daemon under attack, from the first quiet look to its end."""

    daemon: Daemon
    users: Users
    watch: Watch
    quiet: Looks = field(default_factory=Looks)
    sent: list[Sent] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)

    def seen(self, stop_s: float | None, left: list[str]) -> Seen:
        return Seen(
            self.users.asked,
            self.users.looks,
            self.quiet,
            self.sent,
            self.watch.deaths,
            self.watch.held,
            self.daemon.troubles(),
            stop_s,
            left,
            self.watch.most_children,
            self.mishaps,
        )


@asynccontextmanager
async def busy(one: Daemon, strict: bool = True, ask: bool = True, quiet_s: float = QUIET_S) -> AsyncIterator[Stage]:
    """A stage with honest users at it, while the context lasts; before it the daemon is looked at in peace. Without `ask` the
    users look and ask nothing."""
    stage = Stage(one, Users(one.url, strict=strict), Watch(one))
    async with AsyncExitStack() as stack:
        still = Users(one.url)
        async with beside(still.look_on()):
            await asyncio.sleep(quiet_s)
        stage.quiet = still.looks
        for work in (stage.watch.run(), stage.users.look_on()):
            await stack.enter_async_context(beside(work))
        asking = asyncio.create_task(stage.users.ask_on() if ask else asyncio.sleep(0.0), name="asking")
        stack.push_async_callback(ended, asking)
        yield stage
        stage.users.over.set()
        await asking
        if ask and not stage.users.asked:
            stage.mishaps.append("No honest question was answered.")


@asynccontextmanager
async def beside(work: object) -> AsyncIterator[None]:
    """Something goes on while the context lasts."""
    assert asyncio.iscoroutine(work)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await ended(task)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def users(wish: Wish, say: Say) -> Seen:
    """Hostile clients at the users' door."""
    if wish.url:
        running_one = Daemon(wish.url, listening(wish.url), wish.folder, wish.folder / "nothing")
        async with busy(running_one) as stage:
            await attacked(stage.sent, wish, wish.url)
        return stage.seen(None, [])
    options = ["--starter", "--instances", str(wish.workers), "--no-federation", *(["--mcp"] if wish.mcp else [])]
    async with daemon(wish.folder / "users", *options) as one:
        say(f"{wish.bout.clients} hostile clients attack {one.url} for {wish.bout.seconds:.0f} s ...")
        async with busy(one) as stage:
            await attacked(stage.sent, wish, one.url)
            await asyncio.sleep(AFTER_S)
        stop_s, left = await asyncio.to_thread(one.stop)
        return stage.seen(stop_s, left)


async def attacked(sent: list[Sent], wish: Wish, url: str) -> None:
    """Let a process of hostile clients at it, until that is over."""
    words = ["--url", url, *wish.bout.words()]
    await told("hostile_clients.clients", [*words, *(["--mcp"] if wish.mcp else [])], wish.bout.seconds, sent)


async def told(module: str, words: Sequence[str], seconds: float, sent: list[Sent]) -> None:
    """Run a module of ours and take down what it tells. It ends by itself, and is made to if it does not."""
    async with running(module, words) as process:
        assert process.stdout
        async with asyncio.timeout(seconds + 2 * HUNG_S):
            while line := await process.stdout.readline():
                sent.append(Sent(**json.loads(line)))
            if await process.wait():
                raise RuntimeError(f"{module} failed.")


@asynccontextmanager
async def running(module: str, words: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "PYTHONPATH": f"{FOLDER}{os.pathsep}{ROOT}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        cwd=FOLDER,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


# --------------------------------------------------------------------------------------------- models and servers


async def models(wish: Wish, say: Say) -> Seen:
    """Model files whose templates do harm, one daemon after the other. Nobody gets an answer there, but everybody is told so."""
    seen = []
    for number, (name, template) in enumerate(TEMPLATES.items()):
        say(f"a model with a hostile template: {name} ...")
        home = wish.folder / f"model{number}"
        home.mkdir(parents=True, exist_ok=True)
        options = ["--model", str(model_file(home / "hostile.gguf", template)), "--instances", "2", "--no-federation"]
        seen.append(await of_model(name, home, options))
        (home / "hostile.gguf").unlink()
    return together(seen)


async def of_model(name: str, home: Path, options: Sequence[str]) -> Seen:
    try:
        async with daemon(home, *options) as one:
            async with busy(one, quiet_s=1.0, ask=False) as stage, aiohttp.ClientSession() as http:
                stage.sent += [await chatted(http, one.url, name) for _ in range(CHATS)]
                await asyncio.sleep(1.0)
            stop_s, left = await asyncio.to_thread(one.stop)
            return stage.seen(stop_s, left)
    except DidNotStart as problem:
        refused = problem.code == WRONG_USE and "Traceback" not in str(problem)
        return Seen(mishaps=[] if refused else [f"With the template {name!r}: {problem}"])


async def chatted(http: aiohttp.ClientSession, url: str, name: str) -> Sent:
    began = time.time()
    try:
        async with asyncio.timeout(TEMPLATE_S), http.post(f"{url}{CHAT}", json=chat("hi", max_tokens=5)) as response:
            outcome, said = str(response.status), await response.text()
    except TimeoutError:
        outcome, said = "hung", ""
    except (aiohttp.ClientError, OSError) as problem:
        outcome, said = "cut", repr(problem)
    return Sent(f"template: {name}", began, time.time(), outcome, said[:300])


async def servers(wish: Wish, say: Say) -> Seen:
    """A hostile server votes along with honest workers."""
    port = free_port()
    roster = wish.folder / "roster.yaml"
    wish.folder.mkdir(parents=True, exist_ok=True)
    roster.write_text(ROSTER.format(port=port), encoding="utf-8")
    async with running("hostile_clients.servers", ["--port", str(port)]):
        await listened(port)
        async with daemon(wish.folder / "servers", "--roster", str(roster), "--no-federation") as one:
            seconds = min(wish.bout.seconds, SERVERS_S)
            say(f"a hostile server votes at {one.url} for {seconds:.0f} s ...")
            async with busy(one, strict=False) as stage:
                await asyncio.sleep(seconds)
            stop_s, left = await asyncio.to_thread(one.stop)
            return stage.seen(stop_s, left)


# ------------------------------------------------------------------------------------------------ members and votes


async def federation(wish: Wish, say: Say) -> Seen:
    """Three real daemons become members of one federation; then a script takes over the third one's key, and one daemon's users
    must lose nothing. The second one's own users mean harm, too: what they ask is passed on."""
    async with AsyncExitStack() as stack:
        homes = [wish.folder / name for name in MEMBERS]
        victim, second = [
            await stack.enter_async_context(member(home, name))
            for home, name in zip(homes[:2], MEMBERS[:2], strict=True)
        ]
        async with member(homes[2], MEMBERS[2]) as third:
            await joined(victim, second, third)
            port = await asyncio.to_thread(third.peers_port)
        seconds = wish.bout.seconds
        say(f"a hostile member attacks {victim.url} for {seconds:.0f} s ...")
        door = f"127.0.0.1:{await asyncio.to_thread(victim.peers_port)}"
        words = ["--pem", str(homes[2] / "network" / "identity.pem"), "--port", str(port), "--door", door]
        words += wish.bout.words()
        async with busy(victim, strict=False) as stage:
            users = replace(wish, bout=replace(wish.bout, clients=SECOND_CLIENTS), mcp=False)
            others: list[Sent] = []
            await asyncio.gather(
                told("hostile_clients.member", words, seconds, stage.sent),
                attacked(others, users, second.url),
            )
            stage.mishaps += await asyncio.to_thread(sent_away, victim, MEMBERS[2])
            await asyncio.sleep(AFTER_S)
        stop_s, left = await asyncio.to_thread(victim.stop)
        return stage.seen(stop_s, left)


@asynccontextmanager
async def member(home: Path, name: str) -> AsyncIterator[Daemon]:
    settings = {
        "LOCAL_SWARM_NETWORK_NAME": name,
        "LOCAL_SWARM_FEDERATION_DISCOVERY_METHOD": "static",
        "LOCAL_SWARM_NETWORK_FEDERATION_PORT": str(free_port()),
    }
    async with daemon(home, "--starter", "--instances", "3", "--federation", **settings) as one:
        yield one


async def joined(first: Daemon, *others: Daemon) -> None:
    """Carry a code from the first to each of the others, and wait until the first sees them. Raises RuntimeError."""
    place = f"127.0.0.1:{first.peers_port()}"
    for other in others:
        code = (await asyncio.to_thread(first.command, "invite", {}))["code"]
        said = await asyncio.to_thread(other.command, "join", {"code": code, "peer": place})
        if "joined" not in said:
            raise RuntimeError(f"A daemon could not join another: {said}")
    for _ in range(round(MEET_S / 0.2)):
        peers = await asyncio.to_thread(first.command, "peers")
        if [one["state"] for one in peers].count("ok") >= len(others):
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"The daemons did not meet within {MEET_S:.0f} s: {peers}")


def sent_away(one: Daemon, name: str) -> list[str]:
    """What went wrong when a member was sent away, if anything did."""
    said = one.command("forget", {"name": name})
    peers = one.command("peers")
    if "error" in said:
        return [f"The hostile member cannot be sent away: {said}"]
    return [
        f"The hostile member is still there: {peer}" for peer in peers if peer["name"] == name and peer["state"] == "ok"
    ]


async def votes(wish: Wish, say: Say) -> Seen:
    """The command that votes over given answers, with hostile ones. No daemon."""
    wish.folder.mkdir(parents=True, exist_ok=True)
    file = wish.folder / "votes.jsonl"
    asked = {
        f"8 times {name}": [f"```python\nX = {n}\n{text}\n```" for n in range(8)] for name, text in PROGRAMS.items()
    }
    asked |= {f"8 times {name}": [text] * 8 for name, text in SCRIPTS.items()}
    asked |= {f"{name} * 20000": [f"{n} {run(name, 20_000)} Answer: {n}" for n in range(8)] for name in LEADS}
    lines = [
        {"id": name, "prompt": VOTED, "candidates": [{"text": text} for text in (*texts, *[HONEST] * 3)]}
        for name, texts in asked.items()
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    say(f"{len(lines)} votes over hostile answers ...")
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(wish.folder / "votes")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local_swarm",
        "vote",
        str(file),
        "--json",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        async with asyncio.timeout(len(lines) * 10.0):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Seen(mishaps=["The command vote did not end."])
    found = [json.loads(line) for line in out.splitlines()]
    mishaps = [f"A vote took {one['seconds']:.1f} s: {one['id']}" for one in found if one["seconds"] > VOTE_S]
    if process.returncode or len(found) != len(lines):
        mishaps.append(
            f"The command vote ended with {process.returncode} after {len(found)} of {len(lines)} lines: {err[-300:]!r}"
        )
    return Seen(sent=[Sent(f"vote: {one['id']}", 0.0, one["seconds"], "200") for one in found], mishaps=mishaps)


async def listened(port: int) -> None:
    """Wait until somebody listens there, for some seconds."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
