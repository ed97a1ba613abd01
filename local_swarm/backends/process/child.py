"""The process of an engine: commands on standard input, reports on standard output, until the input closes. Knows no engine.

Each engine's own `child` brings what loads it. Whatever a library does here, crash included, happens to this process alone.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from local_swarm.backends.process import messages
from local_swarm.backends.process.failures import PreparedCommand, job_failure
from local_swarm.errors import SwarmError

BEAT_S = 1.0
LAST_S = 1.5  # from the end of the input to the end of the process, whatever it does


Prepared = tuple[messages.Command, PreparedCommand | Exception]

logger = logging.getLogger(__name__)


def main(load: Callable[[messages.Load, BinaryIO], Any]) -> int:
    """`load` makes the engine and says that it is loaded; engines of other kinds bring their own."""
    reports = own_standard_output()
    commands: queue.SimpleQueue[messages.Command | None] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(sys.stdin.buffer, commands), daemon=True).start()
    try:
        engine = load(messages.Load(**json.loads(sys.argv[1])), reports)
    except SwarmError as problem:
        send_reports(reports, [messages.LoadFailed(type(problem).__name__, problem.message)])
        return 1
    prepared: queue.SimpleQueue[Prepared | None] = queue.SimpleQueue()
    threading.Thread(target=prepare_commands, args=(engine, commands, prepared), daemon=True).start()
    serve(engine, prepared, reports)
    reports.flush()
    os._exit(0)  # threads may be within a library, which the interpreter's own end would take away from under them


def own_standard_output() -> BinaryIO:
    """Standard output for reports alone: what any library prints goes to standard error instead."""
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return private


def listen(source: BinaryIO, commands: queue.SimpleQueue[messages.Command | None]) -> None:
    """Until the input closes, which means that the daemon is gone: then nothing that happens here may outlive it for long."""
    for line in source:
        try:
            commands.put(messages.decode_command(line))
        except ValueError as problem:
            logger.error("An order that nobody understands: %s", problem)
    commands.put(None)
    time.sleep(LAST_S)
    os._exit(0)


def prepare_commands(
    engine: Any, commands: queue.SimpleQueue[messages.Command | None], prepared: queue.SimpleQueue[Prepared | None]
) -> None:
    """What takes long is done beside the steps: a long text is tokens after a second or two. What makes a grammar has a thread of
    its own, so that nobody else waits for it."""
    slow: queue.SimpleQueue[messages.Command | None] = queue.SimpleQueue()
    threading.Thread(target=prepare_slow, args=(engine, slow, prepared), daemon=True).start()
    bound = set[int]()  # jobs that went there: what is said of them later must come later
    while (command := commands.get()) is not None:
        if isinstance(command, messages.Generate) and command.schema:
            bound.add(command.job)
        if isinstance(command, messages.Generate | messages.Cancel) and command.job in bound:
            slow.put(command)
        else:
            prepared.put(prepare_command(engine, command))
        if isinstance(command, messages.Cancel):
            bound.discard(command.job)
    prepared.put(None)


def prepare_slow(
    engine: Any, commands: queue.SimpleQueue[messages.Command | None], prepared: queue.SimpleQueue[Prepared | None]
) -> None:
    while (command := commands.get()) is not None:
        prepared.put(prepare_command(engine, command))


def prepare_command(engine: Any, command: messages.Command) -> Prepared:
    """A command with all that can be known before it is carried out; or with what went wrong, which is told where all failures
    are."""
    try:
        if isinstance(command, messages.EmbedText):
            return command, PreparedCommand(engine.model.tokenize(command.text))
        if not isinstance(command, messages.Generate):
            return command, PreparedCommand([])
        grammar = engine.constraints(command.schema) if command.schema and hasattr(engine, "constraints") else None
        return command, PreparedCommand(engine.model.tokenize(command.text), grammar)
    except Exception as problem:
        return command, problem


def send_reports(reports: BinaryIO, told: list[messages.Report]) -> None:
    if told:
        reports.write(b"".join(messages.encode(report) for report in told))
        reports.flush()


def serve(engine: Any, orders: queue.SimpleQueue[Prepared | None], reports: BinaryIO) -> None:
    """Step while there is work, sleep while there is none, tell that we live."""
    next_beat = time.monotonic()
    while True:
        try:
            order = orders.get(block=engine.idle, timeout=BEAT_S)
            while True:
                if order is None:
                    return
                handle(engine, *order, reports)
                order = orders.get_nowait()
        except queue.Empty:
            pass
        send_reports(reports, engine.step())
        if time.monotonic() >= next_beat:
            next_beat = time.monotonic() + BEAT_S
            send_reports(reports, [engine.beat()])


def handle(engine: Any, command: messages.Command, known: PreparedCommand | Exception, reports: BinaryIO) -> None:
    """An exception is told as this job's failure: whatever one order holds, the others are not touched."""
    try:
        if isinstance(known, Exception):
            raise known
        execute(engine, command, known, reports)
    except Exception as problem:  # the edge of the engine
        number = 0 if isinstance(command, messages.Forget) else command.job
        unfit = isinstance(known, ValueError) and isinstance(command, messages.Generate) and command.schema
        send_reports(reports, [messages.JobInvalid(number, str(problem)) if unfit else job_failure(number, problem)])


def execute(engine: Any, command: messages.Command, known: PreparedCommand, reports: BinaryIO) -> None:
    if isinstance(command, messages.Generate):
        send_reports(reports, [engine.submit(command, known)])
    elif isinstance(command, messages.Cancel):
        engine.cancel(command)
    elif isinstance(command, messages.EmbedText):
        send_reports(reports, [embed_text(engine, command, known.tokens)])
    else:
        engine.forget()


def embed_text(engine: Any, command: messages.EmbedText, tokens: list[int]) -> messages.Report:
    """A text's vector, between two steps. Daemons ask for one at a time, so that answers go on in between. Whether an engine has
    a pool is its own business; vLLM's has none."""
    pool = engine.pool
    if pool is None:
        return messages.JobInvalid(command.job, "This engine makes no vectors.")
    if len(tokens) > pool.room:
        return messages.JobRefused(command.job, len(tokens), pool.room)
    return messages.Pooled(command.job, pool.vector(tokens), len(tokens))
