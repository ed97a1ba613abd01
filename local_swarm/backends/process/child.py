"""The process of an engine: commands on standard input, reports on standard output, until the input closes.

It knows engines as `StepEngine`s; each engine's own `child` brings what loads it. A crash of a library ends this
process alone.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from typing import BinaryIO

from local_swarm.backends.process import messages
from local_swarm.backends.process.engine import EngineLoader, PreparedCommand, StepEngine
from local_swarm.backends.process.failures import job_failure
from local_swarm.errors import EngineUnfit, SwarmError

ENGINE_BEAT_S = 1.0
LONGEST_EXCEPTION = 300  # characters of an exception
LAST_S = 1.5  # from the end of the input to the end of the process, whatever it does


Prepared = tuple[messages.Command, PreparedCommand | Exception]
Commands = queue.SimpleQueue[messages.Command | None]  # None: the input has closed
PreparedCommands = queue.SimpleQueue[Prepared | None]

logger = logging.getLogger(__name__)


def main(load: EngineLoader, libraries: Sequence[str]) -> int:
    """Import the engine's libraries, load what the command line describes, and serve it. Ends the process itself, with 1 where it
    cannot be loaded: a thread reads the input, which the interpreter's own end would wait for."""
    reports = own_standard_output()
    commands: Commands = queue.SimpleQueue()
    threading.Thread(target=listen, args=(sys.stdin.buffer, commands), daemon=True).start()
    try:
        import_libraries(libraries)
        send_reports(reports, [messages.Imported()])
        engine, loaded = load(messages.Load(**json.loads(sys.argv[1])))
    except (Exception, SystemExit) as problem:  # the edge of the engine
        send_reports(reports, [failure_report(problem)])
        os._exit(1)
    send_reports(reports, [loaded])
    prepared: PreparedCommands = queue.SimpleQueue()
    threading.Thread(target=prepare_commands, args=(engine, commands, prepared), daemon=True).start()
    serve(engine, prepared, reports)
    reports.flush()
    os._exit(0)  # threads may be within a library, which the interpreter's own end would take away from under them


def import_libraries(names: Sequence[str]) -> None:
    """Raises EngineUnfit, with the library's own reason."""
    for name in names:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as problem:  # a library may raise anything while it is imported
            raise EngineUnfit(f"{name} is installed, but cannot be imported: {reason(problem)}") from problem


def failure_report(problem: BaseException) -> messages.LoadFailed:
    if isinstance(problem, SwarmError):
        return messages.LoadFailed(type(problem).__name__, problem.message)
    logger.error("The engine could not load its model.", exc_info=problem)
    return messages.LoadFailed("BadModelFile", f"The engine could not load its model: {reason(problem)}")


def reason(problem: BaseException) -> str:
    """An exception in one line."""
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:LONGEST_EXCEPTION]}"


def own_standard_output() -> BinaryIO:
    """Standard output for reports alone: what any library prints goes to standard error instead."""
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return private


def listen(source: BinaryIO, commands: Commands) -> None:
    """Queue commands until the input closes. The daemon is gone then, so the process ends soon, whatever it is
    doing."""
    for line in source:
        try:
            commands.put(messages.decode_command(line))
        except ValueError as problem:
            logger.error("The daemon sent a command that cannot be read: %s", problem)
    commands.put(None)
    time.sleep(LAST_S)
    os._exit(0)


def prepare_commands(engine: StepEngine, commands: Commands, prepared: PreparedCommands) -> None:
    """Tokenize beside the steps: a long text takes a second or two. Grammars are made in a further thread, so that
    commands without one need not wait for them."""
    slow: Commands = queue.SimpleQueue()
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


def prepare_slow(engine: StepEngine, commands: Commands, prepared: PreparedCommands) -> None:
    while (command := commands.get()) is not None:
        prepared.put(prepare_command(engine, command))


def prepare_command(engine: StepEngine, command: messages.Command) -> Prepared:
    """A command with its tokens and grammar, or with the exception that kept them from being made: `handle` reports
    that."""
    try:
        if isinstance(command, messages.EmbedText):
            return command, PreparedCommand(engine.model.tokenize(command.text))
        if not isinstance(command, messages.Generate):
            return command, PreparedCommand([])
        grammar = engine.constraints(command.schema) if command.schema and engine.constraints else None
        return command, PreparedCommand(engine.model.tokenize(command.text), grammar)
    except Exception as problem:
        return command, problem


def send_reports(pipe: BinaryIO, reports: list[messages.Report]) -> None:
    if reports:
        pipe.write(b"".join(messages.encode(report) for report in reports))
        pipe.flush()


def serve(engine: StepEngine, commands: PreparedCommands, reports: BinaryIO) -> None:
    """Step while there is work, sleep while there is none, send a beat every second."""
    next_beat = time.monotonic()
    while True:
        try:
            prepared = commands.get(block=engine.idle, timeout=ENGINE_BEAT_S)
            while True:
                if prepared is None:
                    return
                handle(engine, *prepared, reports)
                prepared = commands.get_nowait()
        except queue.Empty:
            pass
        send_reports(reports, engine.step())
        if time.monotonic() >= next_beat:
            next_beat = time.monotonic() + ENGINE_BEAT_S
            send_reports(reports, [engine.beat()])


def handle(
    engine: StepEngine, command: messages.Command, known: PreparedCommand | Exception, reports: BinaryIO
) -> None:
    """Carry out a command. An exception is reported as this job's failure and touches no other job."""
    try:
        if isinstance(known, Exception):
            raise known
        execute(engine, command, known, reports)
    except Exception as problem:  # the edge of the engine
        number = 0 if isinstance(command, messages.Forget) else command.job
        unfit = isinstance(known, ValueError) and isinstance(command, messages.Generate) and command.schema
        failure = messages.JobInvalid(number, str(problem)) if unfit else job_failure(number, problem)
        send_reports(reports, [failure])


def execute(engine: StepEngine, command: messages.Command, known: PreparedCommand, reports: BinaryIO) -> None:
    if isinstance(command, messages.Generate):
        send_reports(reports, [engine.submit(command, known)])
    elif isinstance(command, messages.Cancel):
        engine.cancel(command)
    elif isinstance(command, messages.EmbedText):
        send_reports(reports, [embed_text(engine, command, known.tokens)])
    else:
        engine.forget()


def embed_text(engine: StepEngine, command: messages.EmbedText, tokens: list[int]) -> messages.Report:
    """A text's vector, computed between two steps. Daemons ask for one at a time, so that answers go on in between."""
    pool = engine.pool
    if pool is None:
        return messages.JobInvalid(command.job, "This engine makes no vectors.")
    if len(tokens) > pool.room:
        return messages.JobRefused(command.job, len(tokens), pool.room)
    return messages.Pooled(command.job, list(pool.vector(tokens)), len(tokens))
