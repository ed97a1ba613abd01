"""The command line: words in, a swarm or an answer out. Every error is one sentence and an exit code.

To add a command, write a function in the module of its subject beside this one, and name it in COMMANDS. Its parameters are its
options; `options` has those that several commands share. The first sentence of its docstring is its line in the help. It prints
with `console`. The order of COMMANDS is that of the help; two words make a command of a group. What takes long to import is
imported within the function: `--help` and `detect` answer at once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping

from local_swarm.cli import bench, clients, config, machine, mcp, models, peers
from local_swarm.cli.app import create_app
from local_swarm.cli.ask import ask
from local_swarm.cli.console import accept_every_character, err, with_label
from local_swarm.cli.setup import setup
from local_swarm.cli.start import start
from local_swarm.cli.status import status
from local_swarm.cli.vote import vote
from local_swarm.commands import program_name
from local_swarm.errors import SwarmError, is_machine_fault, machine_fault
from local_swarm.intake import sanitize_text
from local_swarm.paths import home, keep
from local_swarm.terminal import log_to_stderr

COMMANDS: Mapping[str, Callable[..., None]] = {
    "start": start,
    "ask": ask,
    "status": status,
    "detect": machine.detect,
    "plan": models.plan,
    "models": models.list_models,
    "models add": models.add_model,
    "download": models.download,
    "config show": config.show_settings,
    "config schema": config.print_schema,
    "setup": setup,
    "opencode": clients.opencode,
    "clients": clients.clients,
    "mcp": mcp.mcp,
    "key": clients.key,
    "invite": peers.invite,
    "join": peers.join,
    "peers": peers.peers,
    "forget": peers.forget,
    "doctor": peers.doctor,
    "vote": vote,
    "bench federation": bench.bench_federation,
    "bench engine": bench.bench_engine,
    "bench vote": bench.bench_vote,
    "bench live": bench.bench_live,
    "bench api": bench.bench_api,
}
GROUPS = {
    "models": "List the catalogue: which models fit, which are on this disk.",
    "config": "Show the settings and where they come from.",
    "bench": "Measure speed and quality on this machine.",
}
COMPLETION = ("--install-completion", "--show-completion")  # shells complete the installed program alone

app = create_app(COMMANDS, GROUPS)


def run() -> None:
    """The program. Known errors are told in a sentence; of unknown ones the trace goes to a file."""
    accept_every_character(sys.stdout, sys.stderr)
    log_to_stderr()
    try:
        app(prog_name="local-swarm" if sys.argv[1:2] and sys.argv[1] in COMPLETION else program_name())
    except SwarmError as problem:
        err.print(with_label("error:", "bold red", f" {problem.message}"))
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as problem:
        err.print(with_label("error:", "bold red", f" {explain_failure(problem)}"))
        sys.exit(1)


def explain_failure(problem: Exception) -> str:
    """What the machine refused is told as it is. Of all else the trace is kept, where there is room for it."""
    first = problem
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, OSError) and is_machine_fault(first):
        return machine_fault(first)
    trace = sanitize_text("".join(traceback.format_exception(problem)))
    try:
        path = home() / "logs" / "crash.txt"
        keep(path, trace)
    except OSError as refused:
        return f"This should not have happened: {trace.strip().splitlines()[-1]} ({machine_fault(refused)})"
    return f"This should not have happened. What is known stands in {path}."


if __name__ == "__main__":
    run()
