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
    marked: bool = False  # looks for what is marked; its last call is not its concern
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

# What belongs to others, and must not be found: a program and a call of an earlier vote, another program of this one, a later call
# of one's own, and the place of this code. Whoever looks for them holds them disguised, so as not to find itself.
EARLIER, BESIDE, LATER = "MARK_OF_AN_EARLIER_VOTE", "MARK_OF_A_PROGRAM_BESIDE", "MARK_OF_A_CALL_TO_COME"
MARKS = (EARLIER, BESIDE, LATER, str(Path(__file__).parents[2]))
DISGUISED = [bytes(octet ^ 1 for octet in mark.encode()) for mark in MARKS]
SOUGHT = f"""
import ctypes, gc, sys
gc.unfreeze()
MARKS = []
for disguised in {DISGUISED!r}:
    mark = bytearray(len(disguised))
    for at, octet in enumerate(disguised):
        mark[at] = octet ^ 1
    MARKS.append(mark)
"""

# All that can be reached from the collector's objects, the modules and the frames.
WALK = (
    SOUGHT
    + """
def walk(*extra):
    heap, seen, texts = [*gc.get_objects(), *extra, sys.modules], {}, {}
    frame = sys._getframe(1)
    while frame:
        heap += [frame.f_locals, frame.f_globals, frame.f_code]
        frame = frame.f_back
    for _ in range(3):  # the collector knows nearly all; what it does not know hangs on what it does
        held = {id(one): one for one in gc.get_referents(*heap)}
        texts |= {at: one for at, one in held.items() if type(one) in (str, bytes)}
        heap = [one for at, one in held.items() if at not in seen and type(one) not in (str, bytes, int, float)]
        seen |= held
    told = chr(0).join([one if type(one) is str else one.decode('latin-1') for one in texts.values()])
    told = told.encode('utf-8', 'replace')
    found = sum(mark in told for mark in MARKS)
    assert not found and len(texts) > 10_000, (found, len(texts))
    return 'nothing'
def traced():
    try:
        raise ValueError
    except ValueError as problem:
        return walk(problem.__traceback__, problem.__traceback__.tb_frame)
"""
)

# The memory itself: every page near an object that can be had. Whether a page can be read is asked of the kernel, by way of a futex.
SCAN = (
    SOUGHT
    + """
libc = ctypes.CDLL(None)
libc.memmem.restype = ctypes.c_void_p
libc.memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
PAGE, AT_ONCE = 4096, ctypes.create_string_buffer(16)
FUTEX = 202 if sys.maxsize and hasattr(libc, 'arch_prctl') else 98
def readable(page):
    ctypes.set_errno(0)
    libc.syscall.restype = ctypes.c_long
    done = CALL(FUTEX, ctypes.c_void_p(page * PAGE), 128, 0x5eed5eed, AT_ONCE, None, 0)
    return done == 0 or ctypes.get_errno() in (11, 110)
CALL = ctypes.CDLL(None, use_errno=True).syscall
RANGES = []
def survey():
    near = {id(one) // PAGE for one in gc.get_objects()}
    for page in sorted({page + step for page in near for step in range(-8, 9)}):
        if readable(page):
            if RANGES and RANGES[-1][1] == page:
                RANGES[-1][1] = page + 1
            else:
                RANGES.append([page, page + 1])
    return sum(end - start for start, end in RANGES)
def scan(mark):
    own = ctypes.addressof(ctypes.c_char.from_buffer(mark))
    found = 0
    for start, end in RANGES:
        at, left = start * PAGE, (end - start) * PAGE
        while hit := libc.memmem(at, left, own, len(mark)):
            found += hit != own
            left -= hit + 1 - at
            at = hit + 1
    assert not found, found
    return 'nothing'
"""
)
NOTHING = "='nothing'"

ATTEMPTS: tuple[Attempt, ...] = (
    Attempt("walks frames and objects", WALK, ("walk()", f"'{LATER}' and 0"), (NOTHING,), marked=True),
    Attempt("walks tracebacks", WALK, ("traced()", f"'{LATER}' and 0"), (NOTHING,), marked=True),
    Attempt(
        "scans memory",
        SCAN,
        ("survey() > 500 and 'nothing'", *(f"scan(MARKS[{n}])" for n in range(4)), f"'{LATER}' and 0"),
        (NOTHING,),
        marked=True,
    ),
    Attempt(
        "reads a file",
        "",
        ("open('/etc/passwd').read()", "open('/proc/self/status').read()", "open('/proc/1/environ').read()"),
    ),
    Attempt("reads its own code", "import sys", ("open(sys.modules['local_swarm.sandbox.server'].__file__).read()",)),
    Attempt(
        "lists folders",
        "import os",
        ("os.listdir('/')", "os.listdir('/tmp')", "os.stat('/')", "os.readlink('/proc/self/exe')"),
    ),
    Attempt(
        "writes",
        "import os, pathlib",
        (
            "open('/tmp/ESCAPED', 'w')",
            "open('ESCAPED', 'w')",
            "os.mkdir('/tmp/ESCAPED')",
            "pathlib.Path('MARKER').write_text('x')",
            "os.open('/dev/null', os.O_WRONLY)",
        ),
    ),
    Attempt(
        "deletes",
        "import os",
        ("os.unlink('MARKER')", "os.rename('MARKER', '/tmp/x')", "os.chmod('MARKER', 0)", "os.chdir('/')"),
    ),
    Attempt(
        "connects",
        "import socket",
        (
            "socket.create_connection(('127.0.0.1', PORT), 1)",
            "socket.socket()",
            "socket.socket(socket.AF_UNIX)",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
            "socket.getaddrinfo('localhost', 80)",
            "socket.socketpair()",
        ),
    ),
    Attempt(
        "starts programs",
        "import os",
        (
            "os.system('true') == 0 or 1/0",
            "os.popen('id').read() or 1/0",
            "os.execv('/bin/sh', ['sh'])",
            "os.posix_spawn('/bin/true', ['true'], {})",
        ),
    ),
    Attempt(
        "multiplies",
        "import os, threading\ndef bomb():\n    while True:\n        os.fork()",
        ("bomb()", "os.fork()", "os.vfork()", "threading.Thread(target=print).start()"),
    ),
    Attempt(
        "eats memory",
        "def grow():\n    a = []\n    while True:\n        a.append(bytearray(1 << 24))",
        ("len(bytearray(1 << 34))", "len('a' * 10**10)", "[0] * 10**9", "grow()"),
        (REFUSED, LATE),
        slow=True,
    ),
    Attempt(
        "grows by doubling",
        "def f():\n    x = [1]\n    while True:\n        x = x + x",
        ("f()",),
        (REFUSED, LATE),
        slow=True,
    ),
    Attempt(
        "signals others",
        "import os, signal",
        ("os.kill(os.getppid(), 9)", "os.kill(1, 9)", "os.kill(-1, 9)", "os.killpg(0, 9)", "os.kill(os.getpid(), 9)"),
    ),
    Attempt("raises its limits", "import resource", ("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",)),
    Attempt(
        "raw system calls",
        RAW,
        (
            "raw(2, b'/etc/passwd', 0, 0)",
            "raw(257, -100, b'/etc/passwd', 0, 0)",
            "raw(41, 2, 1, 0)",
            "raw(56, 17, 0, 0, 0, 0)",
            "raw(57)",
            "raw(435, 0, 0)",
            "raw(59, b'/bin/sh', 0, 0)",
            "raw(101, 16, 1, 0, 0)",
            "raw(62, 1, 9)",
            "raw(310, 1, 0, 0, 0, 0, 0)",
            "raw(425, 8, 0)",
            "raw(321, 0, 0, 0)",
            "raw(272, 0x10000000)",
            "raw(165, 0, 0, 0, 0, 0)",
            "raw(319, b'x', 0)",
            "raw(161, b'/')",
            "raw(0x40000000 + 2, b'/etc/passwd', 0, 0)",
            "raw(424, 1, 9, 0, 0)",
            "raw(317, 0, 0, 0)",
            "raw(157, 4, 1)",
            "raw(250, 0)",
            "raw(31, 0)",
            "raw(240, 0)",
        ),
    ),
    Attempt("endless loop", "def f():\n    while True:\n        pass", ("f()",) * 6, (LATE,), slow=True),
    Attempt(
        "endless loop that cannot be interrupted",
        "def f():\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass",
        ("f()", "f()"),
        (LATE, ENDED),
        slow=True,
    ),
    Attempt(
        "loop with its clock taken away",
        "import signal\ndef f():\n    signal.setitimer(signal.ITIMER_PROF, 0)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0)\n    signal.signal(signal.SIGPROF, signal.SIG_IGN)\n    while True:\n        pass",
        ("f()", "f()"),
        (LATE, ENDED, REFUSED),
        slow=True,
    ),
    Attempt("loop within the interpreter", "", ("sum(range(10**12))", "10**10**9"), (LATE, ENDED, REFUSED), slow=True),
    Attempt("sleeps", "import time", ("time.sleep(1000)", "time.sleep(1000)"), (LATE,), slow=True),
    Attempt(
        "endless output",
        "import sys\ndef f():\n    while True:\n        print('x' * 1000)\ndef g():\n    while True:\n"
        "        sys.__stdout__.write('x')",
        ("f()", "g()"),
        (LATE, REFUSED),
        slow=True,
    ),
    Attempt(
        "endless value",
        "def f():\n    while True:\n        yield 1\na = []\na.append(a)\nd = {}\nd['d'] = d",
        ("f()", "a", "d", "iter(int, 1)", "'x' * 10**8", "[[]] * 10**7"),
        (REFUSED, LATE, "=<", "='", "=[0,", "=[1,"),
        slow=True,
    ),
    Attempt(
        "floods the pipe",
        "import os\ndef f():\n    while True:\n        os.write(3, b'=1\\n' * 10000)",
        ("f()",) * 3,
        ("=1", "!TooMuch"),
        slow=True,
    ),
    Attempt(
        "garbage in the pipe",
        "import os",
        ("os.write(3, b'\\xff\\x00{\"id\": 0}\\n' * 50)",) * 2,
        ("\ufffd", REFUSED, "="),
    ),
    Attempt(
        "deep recursion",
        "import sys\ndef f(n):\n    return f(n + 1)\ndef g():\n    sys.setrecursionlimit(10**9)\n    return f(0)",
        ("f(0)", "g()"),
        (REFUSED, LATE),
    ),
    Attempt(
        "deep C recursion",
        "import sys\nsys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6):\n    x = [x]",
        ("repr(x)", "x == [x]"),
        (REFUSED, LATE, "=0"),
        slow=True,
    ),
    Attempt("crashes", "import ctypes", ("ctypes.string_at(0)", "1"), (ENDED,)),
    Attempt("exits", "import os", ("os._exit(0)", "1"), (ENDED,)),
    Attempt("aborts", "import os", ("os.abort()", "1"), (ENDED,)),
    Attempt("closes the pipe", "import os", ("os.close(3)", "1"), (ENDED,)),
    Attempt("leaves by SystemExit", "import sys", ("sys.exit(0)", "exec('raise KeyboardInterrupt')"), (REFUSED,)),
    Attempt("does not compile", "def f(:", ("f()",), (REFUSED,)),
    Attempt("calls that are none", "", ("import os", "", "1 +", "x = 1"), (REFUSED,)),
    Attempt(
        "looks for secrets", "import os, gc, sys", ("os.environ['SECRET']", "os.environ['HOME']", "os.environ['PATH']")
    ),
    Attempt(
        "looks for open files",
        "import os",
        (
            "[os.fstat(n) and 1 for n in range(0, 3)]",
            "os.read(0, 1)",
            "os.read(4, 1)",
            "os.write(1, b'x')",
            "os.fstat(5)",
        ),
    ),
    Attempt(
        "blocks signals",
        "import signal, time",
        (
            "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
            "signal.signal(signal.SIGPROF, signal.SIG_IGN)",
            "signal.setitimer(signal.ITIMER_PROF, 0)",
            "signal.alarm(1) == 2**32 - 1 and 1/0",
            "signal.sigtimedwait([signal.SIGPROF], 100)",
            "signal.sigwait([signal.SIGPROF])",
            "signal.pause() or 1/0",
            "signal.siginterrupt(signal.SIGPROF, False)",
            "signal.set_wakeup_fd(3)",
        ),
    ),
    Attempt(
        "blocks signals by number",
        RAW,
        (
            "raw(14, 0, b'\\xff' * 8, 0, 8)",
            "raw(13, 27, b'\\x01' + bytes(31), 0, 8)",
            "raw(38, 2, bytes(32), 0)",
            "raw(37, 0)",
            "raw(128, b'\\xff' * 8, 0, 0, 8)",
            "raw(131, 0, 0)",
            "raw(289, -1, b'\\xff' * 8, 8, 0)",
            "raw(222, 0, 0, 0)",
            "raw(283, 1, 0)",
        ),
    ),
    Attempt(
        "stops its parent",
        "import os, signal",
        (
            "os.kill(os.getppid(), signal.SIGSTOP)",
            "os.kill(0, signal.SIGSTOP)",
            "os.kill(os.getpid(), signal.SIGSTOP)",
            "signal.raise_signal(signal.SIGSTOP)",
            "signal.pthread_kill(1, signal.SIGKILL)",
            "os.setsid()",
            "os.setpgid(0, 0)",
        ),
    ),
    Attempt(
        "asks the template",
        "import os, socket, struct",
        (
            "os.write(0, struct.pack('=cI', b'k', 1))",
            "os.read(0, 5)",
            "socket.socket(fileno=3).getpeername() or 1/0",
            "socket.send_fds(socket.socket(socket.AF_UNIX), [b'f'], [3])",
            "os.dup(3)",
            "os.dup2(3, 0)",
        ),
    ),
    Attempt(
        "reaches through its socket",
        "import os, socket",
        (
            "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, 3).sendmsg([b'=1'])",
            "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, 3).recv(1)",
            "os.lseek(3, 0, 0)",
            "os.fdopen(3, 'rb').detach().seek(0)",
        ),
    ),
    Attempt(
        "reads ahead",
        "import os\ndef f():\n    os.set_blocking(3, False)\n    return os.read(3, 1000)",
        ("f()", "'" + LATER + "'"),
        (REFUSED, f"='{LATER}'"),
    ),
    Attempt(
        "waits for what comes",
        "import os\ndef f():\n    return os.read(3, 1000)",
        ("f()", "'" + LATER + "'"),
        (LATE,),
        slow=True,
    ),
    Attempt(
        "answers in advance", "import os\ndef f():\n    os.write(3, b'=7\\n=7\\n=7\\n')", ("f()",) * 4, ("!TooMuch",)
    ),
    Attempt(
        "answers and goes on",
        "import os\ndef f():\n    os.write(3, b'=7\\n')\n    while True:\n        pass",
        ("f()",) * 4,
        ("=7", LATE, "!TooMuch"),
        slow=True,
    ),
    Attempt(
        "answers by halves",
        "import os, time\ndef f():\n    while True:\n        os.write(3, b'=')\n        time.sleep(0.001)",
        ("f()",) * 2,
        (LATE, "!TooMuch"),
        slow=True,
    ),
    Attempt("answers without end", "import os\ndef f():\n    os.write(3, b'=' * 5000)", ("f()",) * 2, ("!TooMuch",)),
    Attempt(
        "sleeps a little in each call",
        "import time\ndef f():\n    time.sleep(0.3)\n    return 7",
        ("f()",) * 12,
        ("=7", LATE),
        slow=True,
    ),
    Attempt(
        "ends in atexit",
        "import atexit, os\natexit.register(os._exit, 0)\nos.register_at_fork(before=print)",
        ("7", "exit()"),
        ("=7", REFUSED),
    ),
    Attempt(
        "ends the stack",
        "import sys, threading\nsys.setrecursionlimit(10**8)\nclass A:\n    def __getattr__(self, n):\n        return getattr(self, n + 'x')\n"
        "    def __repr__(self):\n        return repr(self)",
        ("A().x", "repr(A())", "eval('(' * 10**5)"),
        (REFUSED, LATE),
        slow=True,
    ),
    Attempt(
        "calls for a crash",
        "import faulthandler, ctypes",
        ("faulthandler.enable()", "faulthandler.dump_traceback_later(0.1)", "ctypes.memset(8, 0, 8)"),
        (REFUSED, ENDED),
    ),
    Attempt(
        "asks for more of everything",
        RAW + "import resource",
        (
            "resource.prlimit(0, resource.RLIMIT_CPU, (9, 9))",
            "resource.setrlimit(resource.RLIMIT_NPROC, (-1, -1))",
            "raw(157, 1, 0)",
            "raw(157, 38, 0, 0, 0)",
            "raw(157, 22, 0, 0, 0)",
            "raw(317, 1, 0, 0)",
            "raw(141, 0, 0, -20)",
            "raw(203, 0, 8, b'\\xff' * 8)",
            "raw(144, 0, 1, bytes(4))",
        ),
    ),
    Attempt(
        "runs out of processes",
        "import os, threading\ndef f():\n    n = 0\n    for _ in range(1000):\n        try:\n            threading.Thread(target=print).start()\n"
        "            n += 1\n        except RuntimeError:\n            pass\n    return n",
        ("f()",),
        ("=0", LATE),
    ),
    Attempt(
        "keeps memory",
        "a = []\ndef f():\n    a.append(bytearray(b'x' * (100 << 20)))\n    return 7",
        ("f()",) * 6,
        ("=7", REFUSED, LATE),
        slow=True,
    ),
    Attempt(
        "takes its environment apart",
        "import builtins, sys\nfor m in list(sys.modules.values()):\n"
        "    for n in ('canonical', 'outcomes', 'one', 'within', 'seal', 'send'):\n        if hasattr(m, n):\n"
        "            setattr(m, n, lambda *a, **k: '=fake')\nbuiltins.len = builtins.repr = builtins.str = builtins.isinstance = lambda *a: 1",
        ("0", "1"),
        ("=", REFUSED, LATE),
    ),
)

BESIDE_IT = Job(f"x = '{BESIDE}'", (f"'{BESIDE}' and len(x)",) * 3)
FRAMES = "import sys\nframe, held = sys._getframe(), {}\nwhile frame:\n    held |= frame.f_locals\n    frame = frame.f_back\n"

ATTEMPTS = (
    *ATTEMPTS,
    Attempt(
        "stops the clock within",
        FRAMES + "def f():\n    held['watch'].until = 1e9\n    while True:\n        pass",
        ("f()", "f()"),
        (LATE,),
        slow=True,
    ),
    Attempt(
        "takes the harness's tongue",
        FRAMES + "tell = held['tell']\ndef f():\n    tell('=9')\n    tell('=9')",
        ("f()",) * 3,
        ("!TooMuch", "=9", "=None"),
    ),
    Attempt(
        "tells several lines",
        FRAMES + "def f():\n    held['tell']('=9\\n=9\\n{\"vote\": 0}')\n    return 1",
        ("f()",) * 3,
        ("=9", "!TooMuch", "=1"),
    ),
    Attempt(
        "takes the harness's ear",
        FRAMES + "def f():\n    return held['receive']()",
        ("f()", f"'{LATER}'"),
        (LATE,),
        slow=True,
    ),
    Attempt(
        "watches every call of the harness",
        "import sys\nlog = []\nsys.setprofile(lambda f, e, a: log.append(repr(f.f_locals)))\n"
        "def f():\n    return any('" + LATER[:9] + "' + '" + LATER[9:] + "' in one for one in log)",
        ("f()", "f()", f"'{LATER}' and 0"),
        ("=0", LATE),
        slow=True,
    ),
    Attempt(
        "names itself like an answer",
        "def f():\n    raise type('A' + chr(10) + '=1', (Exception,), {})",
        ("f()", "f()"),
        (REFUSED,),
    ),
    Attempt(
        "names a module like an answer",
        "def f():\n    raise ModuleNotFoundError('no', name='a' + chr(10) + '=1')",
        ("f()", "f()"),
        ("?module",),
    ),
    Attempt(
        "replaces all modules",
        "import sys, types\nfor name in list(sys.modules):\n    sys.modules[name] = types.ModuleType(name)",
        ("1", "2"),
        ("=", REFUSED),
    ),
    Attempt(
        "takes the builtins away",
        "import builtins\nfor name in dir(builtins):\n    if not name.startswith('_'):\n        setattr(builtins, name, None)",
        ("1", "2"),
        (ENDED, REFUSED, "="),
    ),
    Attempt(
        "reads nothing for ever", "import os\nos.read = os.write = lambda *given: b''", ("1",), (ENDED, LATE), slow=True
    ),
    Attempt(
        "sleeps when it is forgotten",
        "import time\nclass A:\n    def __del__(self):\n        time.sleep(100)\na = A()",
        ("1", "2"),
        ("=",),
    ),
    Attempt(
        "spins when it is forgotten",
        "class A:\n    def __del__(self):\n        while True:\n            pass\ndef f():\n    A()\n    return 1",
        ("f()",) * 2,
        ("=1", LATE),
        slow=True,
    ),
    Attempt(
        "raises every signal",
        "import signal\ndef f():\n    for number in range(1, 65):\n        try:\n            signal.raise_signal(number)\n"
        "        except OSError:\n            pass\n    return 1",
        ("f()",),
        ("=1",),
    ),
    Attempt(
        "closes its half of the socket",
        "import socket\ndef f():\n    socket.socket(fileno=3).shutdown(2)",
        ("f()", "1"),
        (REFUSED, "=1"),
    ),
    Attempt(
        "nests beyond all bounds",
        "def f():\n    a = []\n    for _ in range(50):\n        a = [a, a]\n    return a",
        ("f()",),
        ("!ValueTooLarge", LATE),
        slow=True,
    ),
)

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
        first = await sandbox.run([HONEST, Job(f"x = '{EARLIER}'", (f"'{EARLIER}' + x",) * 3)])
        told: list[Outcomes] = []
        for job in jobs:  # each in a vote of its own, since a vote has two seconds
            told += (await sandbox.run([job, HONEST, BESIDE_IT]) or [])[:2]
        last = await sandbox.run([HONEST, LIAR]) or []
        same = sandbox._links[PLAIN] is link and process.returncode is None
        try:
            listener.accept()
            reached = True
        except TimeoutError:
            reached = False
        found: dict[str, object] = {
            "user": os.getuid(),
            "tier": sandbox.tier,
            "outcomes": dict(zip([one.name for one in attempts], told[::2], strict=True)),
            "liar": last[1],
            "honest": [*(first or [])[:1], *told[1::2], last[0]],
            "same": same,
            "reached": reached,
            "marker": marker.read_text(),
            "left": [p for p in ("/tmp/ESCAPED", "ESCAPED") if Path(p).exists()],
        }
        await sandbox.close()
        return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(tried(sys.argv[1], "--thorough" in sys.argv))))
