"""Ways out that a hostile program may try, each with what must come of it. Run as a program it tries them all and tells, as JSON.

It runs as whoever starts it, so that the same attempts can be made as root and as an ordinary user.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from local_swarm.sandbox.host import PLAIN, Sandbox
from local_swarm.sandbox.job import Job, Outcomes

REFUSED = "!"  # the outcome is an exception
ABSENT = "?"  # or a module that is not here
LATE = "~"
ENDED = "!Died"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`may`: how each outcome may begin."""

    name: str
    program: str
    calls: tuple[str, ...]
    may: tuple[str, ...] = (REFUSED, ABSENT)
    slow: bool = False  # takes seconds of processor time, whatever the walls are made of


RAW = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def raw(*given):
    result = libc.syscall(*[ctypes.c_long(x) if isinstance(x, int) else x for x in given])
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "IN"
"""

ATTEMPTS = (
    Attempt("reads a file", "", ("open('/etc/passwd').read()", "open('/proc/self/status').read()", "open('/proc/1/environ').read()")),
    Attempt("reads its own code", "import sys", ("open(sys.modules['local_swarm.sandbox.server'].__file__).read()",)),
    Attempt("lists folders", "import os", ("os.listdir('/')", "os.listdir('/tmp')", "os.stat('/')", "os.readlink('/proc/self/exe')")),
    Attempt("writes", "import os, pathlib", ("open('/tmp/ESCAPED', 'w')", "open('ESCAPED', 'w')", "os.mkdir('/tmp/ESCAPED')",
                                             "pathlib.Path('MARKER').write_text('x')", "os.open('/dev/null', os.O_WRONLY)")),
    Attempt("deletes", "import os", ("os.unlink('MARKER')", "os.rename('MARKER', '/tmp/x')", "os.chmod('MARKER', 0)", "os.chdir('/')")),
    Attempt("connects", "import socket", ("socket.create_connection(('127.0.0.1', PORT), 1)", "socket.socket()",
                                          "socket.socket(socket.AF_UNIX)", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
                                          "socket.getaddrinfo('localhost', 80)", "socket.socketpair()")),
    Attempt("starts programs", "import os", ("os.system('true') == 0 or 1/0", "os.popen('id').read() or 1/0", "os.execv('/bin/sh', ['sh'])",
                                             "os.posix_spawn('/bin/true', ['true'], {})")),
    Attempt("multiplies", "import os, threading\ndef bomb():\n    while True:\n        os.fork()", ("bomb()", "os.fork()", "os.vfork()",
            "threading.Thread(target=print).start()")),
    Attempt("eats memory", "def grow():\n    a = []\n    while True:\n        a.append(bytearray(1 << 24))",
            ("len(bytearray(1 << 34))", "len('a' * 10**10)", "[0] * 10**9", "grow()"), (REFUSED, LATE), slow=True),
    Attempt("grows by doubling", "def f():\n    x = [1]\n    while True:\n        x = x + x", ("f()",), (REFUSED, LATE), slow=True),
    Attempt("signals others", "import os, signal", ("os.kill(os.getppid(), 9)", "os.kill(1, 9)", "os.kill(-1, 9)", "os.killpg(0, 9)",
                                                    "os.kill(os.getpid(), 9)")),
    Attempt("raises its limits", "import resource", ("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",)),
    Attempt("raw system calls", RAW, ("raw(2, b'/etc/passwd', 0, 0)", "raw(257, -100, b'/etc/passwd', 0, 0)", "raw(41, 2, 1, 0)",
            "raw(56, 17, 0, 0, 0, 0)", "raw(57)", "raw(435, 0, 0)", "raw(59, b'/bin/sh', 0, 0)", "raw(101, 16, 1, 0, 0)", "raw(62, 1, 9)",
            "raw(310, 1, 0, 0, 0, 0, 0)", "raw(425, 8, 0)", "raw(321, 0, 0, 0)", "raw(272, 0x10000000)", "raw(165, 0, 0, 0, 0, 0)",
            "raw(319, b'x', 0)", "raw(161, b'/')", "raw(0x40000000 + 2, b'/etc/passwd', 0, 0)", "raw(424, 1, 9, 0, 0)", "raw(317, 0, 0, 0)",
            "raw(157, 4, 1)", "raw(250, 0)", "raw(31, 0)", "raw(240, 0)")),
    Attempt("endless loop", "def f():\n    while True:\n        pass", ("f()",) * 6, (LATE,), slow=True),
    Attempt("endless loop that cannot be interrupted", "def f():\n    while True:\n        try:\n            while True:\n                pass\n"
            "        except BaseException:\n            pass", ("f()", "f()"), (LATE, ENDED), slow=True),
    Attempt("loop with its clock taken away", "import signal\ndef f():\n    signal.setitimer(signal.ITIMER_PROF, 0)\n"
            "    signal.setitimer(signal.ITIMER_REAL, 0)\n    signal.signal(signal.SIGPROF, signal.SIG_IGN)\n    while True:\n        pass",
            ("f()", "f()"), (LATE, ENDED, REFUSED), slow=True),
    Attempt("loop within the interpreter", "", ("sum(range(10**12))", "10**10**9"), (LATE, ENDED, REFUSED), slow=True),
    Attempt("sleeps", "import time", ("time.sleep(1000)", "time.sleep(1000)"), (LATE,), slow=True),
    Attempt("endless output", "import sys\ndef f():\n    while True:\n        print('x' * 1000)\ndef g():\n    while True:\n"
            "        sys.__stdout__.write('x')", ("f()", "g()"), (LATE, REFUSED), slow=True),
    Attempt("endless value", "def f():\n    while True:\n        yield 1\na = []\na.append(a)\nd = {}\nd['d'] = d",
            ("f()", "a", "d", "iter(int, 1)", "'x' * 10**8", "[[]] * 10**7"), (REFUSED, LATE, "=<", "='"), slow=True),
    Attempt("floods the pipe", "import os\ndef f():\n    while True:\n        os.write(3, b'=1\\n' * 10000)", ("f()",) * 3, ("=1", "!TooMuch"), slow=True),
    Attempt("garbage in the pipe", "import os", ("os.write(3, b'\\xff\\x00{\"id\": 0}\\n' * 50)",) * 2, ("\ufffd", REFUSED, "=")),
    Attempt("deep recursion", "import sys\ndef f(n):\n    return f(n + 1)\ndef g():\n    sys.setrecursionlimit(10**9)\n    return f(0)",
            ("f(0)", "g()"), (REFUSED, LATE)),
    Attempt("deep C recursion", "import sys\nsys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6):\n    x = [x]", ("repr(x)", "x == [x]"),
            (REFUSED, LATE, "=0"), slow=True),
    Attempt("crashes", "import ctypes", ("ctypes.string_at(0)", "1"), (ENDED,)),
    Attempt("exits", "import os", ("os._exit(0)", "1"), (ENDED,)),
    Attempt("aborts", "import os", ("os.abort()", "1"), (ENDED,)),
    Attempt("closes the pipe", "import os", ("os.close(3)", "1"), (ENDED,)),
    Attempt("leaves by SystemExit", "import sys", ("sys.exit(0)", "exec('raise KeyboardInterrupt')"), (REFUSED,)),
    Attempt("does not compile", "def f(:", ("f()",), (REFUSED,)),
    Attempt("calls that are none", "", ("import os", "", "1 +", "x = 1"), (REFUSED,)),
    Attempt("looks for secrets", "import os, gc, sys", ("os.environ['SECRET']", "os.environ['HOME']", "os.environ['PATH']")),
    Attempt("looks for open files", "import os", ("[os.fstat(n) and 1 for n in range(0, 3)]", "os.read(0, 1)", "os.read(4, 1)", "os.write(1, b'x')",
                                                   "os.fstat(5)")),
    Attempt("takes its environment apart", "import builtins, sys\nfor m in list(sys.modules.values()):\n"
            "    for n in ('canonical', 'outcomes', 'one', 'within', 'seal', 'send'):\n        if hasattr(m, n):\n"
            "            setattr(m, n, lambda *a, **k: '=fake')\nbuiltins.len = builtins.repr = builtins.str = builtins.isinstance = lambda *a: 1",
            ("0", "1"), ("=", REFUSED, LATE)),
)  # fmt: skip

HONEST = Job("def f(x):\n    return x * 2", ("f(2)", "f('a')", "f([1])"))
LIAR = Job(
    "class Liar(int):\n    def __eq__(self, other): return True\n    def __hash__(self): return 4\n    def __repr__(self): return '4'\n"
    "    def __index__(self): return 4\n    def __str__(self): return '4'\n    __class__ = property(lambda self: int)\n"
    "class Evil:\n    def __reduce__(self): return (print, ('unpickled',))\n    def __getattribute__(self, name): return 4\n"
    "class Text(str):\n    def __repr__(self): return \"'4'\"\nclass Row(list):\n    def __iter__(self): return iter([4])\n",
    ("Liar(3)", "Evil()", "Text('3')", "Row([3])"),
)


def filled(text: str, port: int, marker: Path) -> str:
    return text.replace("PORT", str(port)).replace("MARKER", str(marker))


async def tried(tier: str, thorough: bool) -> dict[str, object]:
    """Everything, the slow ones if `thorough`, with an honest program before, among and after."""
    attempts = [one for one in ATTEMPTS if thorough or not one.slow]
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
        listener.settimeout(0.01)
        marker = Path(folder) / "marker"
        marker.write_text("untouched")
        os.environ["SECRET"] = "s3cr3t"
        port = listener.getsockname()[1]
        sandbox = Sandbox([tier])  # type: ignore[list-item]
        if not await sandbox.start():
            return {"reason": sandbox.reason}
        jobs = [
            Job(filled(one.program, port, marker), tuple(filled(call, port, marker) for call in one.calls))
            for one in attempts
        ]
        link = sandbox._links[PLAIN]
        process = link.process
        assert process
        first = await sandbox.run([HONEST])
        told: list[Outcomes] = []
        for job in jobs:  # each in a vote of its own, since a vote has two seconds
            told += await sandbox.run([job, HONEST]) or []
        last = await sandbox.run([HONEST, LIAR]) or []
        same = sandbox._links[PLAIN] is link and process.returncode is None
        try:
            listener.accept()
            reached = True
        except TimeoutError:
            reached = False
        found: dict[str, object] = {
            "user": os.getuid(), "tier": sandbox.tier, "outcomes": dict(zip([one.name for one in attempts], told[::2], strict=True)),
            "liar": last[1], "honest": [*(first or []), *told[1::2], last[0]], "same": same,
            "reached": reached, "marker": marker.read_text(), "left": [p for p in ("/tmp/ESCAPED", "ESCAPED") if Path(p).exists()],
        }  # fmt: skip
        await sandbox.close()
        return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(tried(sys.argv[1], "--thorough" in sys.argv))))
