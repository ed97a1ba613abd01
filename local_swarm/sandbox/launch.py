"""Node in, Node that can only compute out: seals this process off and becomes the interpreter of one JavaScript program.

Standard library alone. Run as `python -c "... main()" TIER NODE LIBRARIES SCRIPT` by `host`. Unlike Python's server, Node
is started behind the walls: it may read itself and the libraries it is linked with, and start threads, but no processes.
"""

from __future__ import annotations

import os
import signal
import sys

from local_swarm.sandbox import system
from local_swarm.sandbox.messages import CPU_S

MEMORY_BYTES = 512 << 20  # that can be written; Node reserves far more address space than it ever uses
HEAP_MIB = 128


def main() -> None:
    tier, node, libraries, script = sys.argv[1:]
    if tier == "namespaces":
        system.unshare()
        if child := os.fork():
            signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    system.no_new_privileges()
    loaded = [path for path in libraries.split(os.pathsep) if path]
    os.closerange(3, 256)
    system.no_files(
        readable=["/dev/null", "/etc/ld.so.cache", *loaded],
        programs=[node, *(path for path in loaded if "/ld-" in path)],
    )
    system.drop_privileges()
    system.die_with_parent()  # forgotten when the user changes, so only now
    system.limits(None, CPU_S, files=32, data_bytes=MEMORY_BYTES)
    system.only(system.STARTING)
    # Without a compiler of its own no page is ever both made and run here; wasm goes with it.
    flags = ["--jitless", f"--max-old-space-size={HEAP_MIB}", "--no-warnings", "--v8-pool-size=1"]
    os.execve(node, [node, *flags, "-e", script], {"OPENSSL_CONF": "/dev/null"})
