"""Nothing in, answers out that do harm where they are read or run: programs that sleep, spin, eat and lie, texts that degenerate."""

from __future__ import annotations

import random
from collections.abc import Mapping

from hostile_clients.prompts import LEADS, run

HONEST = "```python\ndef f(x):\n    return x + 1\n```"
QUESTION = "Write a Python function f(x: int) that adds one. For example, f(1) returns 2."

# Bodies of modules that define `f`.
PROGRAMS: Mapping[str, str] = {
    "sleeps with signals blocked": (
        "import signal, time\ndef f(x):\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n    time.sleep(100)"
    ),
    "sleeps at import": "import time\ntime.sleep(100)\ndef f(x):\n    return x + 1",
    "sleeps in a lock": "import threading\ndef f(x):\n    a = threading.Lock()\n    a.acquire()\n    a.acquire()",
    "spins": "def f(x):\n    while True:\n        pass",
    "spins at import": "while True:\n    pass\ndef f(x):\n    return 1",
    "spins and swallows": (
        "def f(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass"
    ),
    "ignores every signal": (
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except Exception: pass\n"
        "def f(x):\n    while True: pass"
    ),
    "spins in C": "def f(x):\n    return sum(range(10 ** 15))",
    "a power of powers": "def f(x):\n    return 10 ** 10 ** 9",
    "a regular expression": "import re\ndef f(x):\n    return re.match('^(a+)+$', 'a' * 60 + '!')",
    "eats memory": "def f(x):\n    held = []\n    while True:\n        held.append(bytearray(1 << 24))",
    "eats memory at once": "def f(x):\n    return bytearray(1 << 38)",
    "writes 200 MB": "def f(x):\n    return 'x' * 200_000_000",
    "prints for ever": "import os\ndef f(x):\n    while True:\n        print('x' * 100_000, flush=True)",
    "writes to every descriptor": (
        "import os\ndef f(x):\n    for n in range(64):\n        try: os.write(n, b'\\x00' * 4096)\n        except OSError: pass\n"
        "    return x + 1"
    ),
    "closes every descriptor": "import os\ndef f(x):\n    os.closerange(0, 256)\n    return x + 1",
    "forks": "import os\ndef f(x):\n    while True:\n        os.fork()",
    "threads": "import threading, time\ndef f(x):\n    while True: threading.Thread(target=time.sleep, args=(99,)).start()",
    "recurses": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x):\n    return f(x)",
    "a null pointer": "import ctypes\ndef f(x):\n    return ctypes.string_at(0)",
    "ends": "import os\ndef f(x):\n    os._exit(0)",
    "kills its group": "import os, signal\ndef f(x):\n    os.killpg(0, 9)",
    "kills its parent": "import os, signal\ndef f(x):\n    os.kill(os.getppid(), 9)",
    "stops itself": "import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGSTOP)",
    "a hostile repr": "class A:\n    def __repr__(self):\n        while True: pass\ndef f(x):\n    return A()",
    "equal to everything": "class A(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f(x):\n    return A()",
    "an endless generator": "def f(x):\n    while True:\n        yield x",
    "a list of itself": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "a deep list": "def f(x):\n    a = []\n    for _ in range(10 ** 6): a = [a]\n    return a",
    "raises a novel": "def f(x):\n    raise ValueError('x' * 50_000_000)",
    "an at-exit that spins": "import atexit\n@atexit.register\ndef g():\n    while True: pass\ndef f(x):\n    return x + 1",
    "imports everything": "import antigravity, this, tkinter, numpy, pandas, sympy, torch\ndef f(x):\n    return x + 1",
    "threads of arithmetic": "import numpy\ndef f(x):\n    a = numpy.ones((4000, 4000))\n    while True: a = a @ a",
    "reads frames": (
        "import sys\ndef f(x):\n    at = sys._getframe()\n    while at:\n        for v in list(at.f_locals.values()): str(v)\n"
        "        at = at.f_back\n    return x"
    ),
    "a million lines": "def f(x):\n" + "    x += 1\n" * 50_000 + "    return x",
    "deep brackets": "def f(x):\n    return " + "(" * 5_000 + "x" + ")" * 5_000,
    "a deep expression": "def f(x):\n    return " + "+".join(["x"] * 20_000),
    "deep indentation": "def f(x):\n" + "".join(" " * n + "if x:\n" for n in range(1, 400)) + " " * 400 + "return 1",
    "many functions": "\n".join(f"def f{n}(x): return x" for n in range(20_000)) + "\ndef f(x): return x + 1",
    "one long text": "def f(x):\n    return " + repr("x" * 1_000_000),
}

SCRIPTS: Mapping[str, str] = {
    "JavaScript that spins": "```javascript\nfunction f(x) { while (true) {} }\n```",
    "JavaScript that eats": "```javascript\nfunction f(x) { const a = []; while (true) a.push(new Array(1e6).fill(x)); }\n```",
    "JavaScript that waits": "```javascript\nfunction f(x) { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); }\n```",
    "deep JSON": "[" * 100_000 + "]" * 100_000,
    "JSON of long numbers": "[" + "9" * 100_000 + "]",
    "a number of a million digits": "The answer is " + "9" * 1_000_000,
    "an exponent": "Answer: 1e999999999",
    "a power": "Answer: 9**9**9**9",
    "a fraction": "Answer: 1/" + "0" * 1000,
    "a call in fragments": '<tool_call>{"name": "f", "arguments": ' + '{"a":' * 20_000,
    "brackets of several languages": "```cpp\n" + "{(" * 20_000 + "\n```",
    "rust of one line": "```rust\n" + "fn f(){" * 10_000 + "\n```",
}


def answer(name: str) -> str:
    """The answer of that name, whole."""
    return f"Here it is.\n\n```python\n{PROGRAMS[name]}\n```" if name in PROGRAMS else SCRIPTS[name]


def compared(dice: random.Random) -> tuple[str, list[str]]:
    """A name and some answers to `QUESTION` that are to be compared: eight alike in their hostility, or a mixture."""
    kind = dice.randrange(3)
    if kind == 0:
        name = dice.choice(sorted(PROGRAMS))
        return f"8 programs: {name}", [f"```python\nX = {n}\n{PROGRAMS[name]}\n```" for n in range(8)] + [HONEST] * 3
    if kind == 1:
        names = [dice.choice(sorted([*PROGRAMS, *SCRIPTS])) for _ in range(6)]
        return f"programs: {', '.join(names)}", [*map(answer, names), HONEST, HONEST]
    name, size = dice.choice(sorted(LEADS)), dice.choice((2_000, 15_000, 60_000))
    return f"answers: {name} * {size}", [f"{n} {run(name, size)} Answer: {n}" for n in range(5)]
