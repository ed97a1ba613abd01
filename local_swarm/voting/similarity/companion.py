"""Texts in, unit vectors out, by a child process that has loaded an embedding model.

The daemon itself imports no such library. The child's environment says, before it starts, what it may ask of the
network. Lines of JSON to it, lines of JSON from it, until its input ends.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from local_swarm.paths import SILENT

START_S = 120.0  # PyTorch from a slow disk
ANSWER_S = 30.0  # for as many texts as are sent at once

Matrix = NDArray[np.float64]
Encode = Callable[[Sequence[str], bool], Matrix]  # texts, and whether rounded vectors will do


class Companion:
    """The process, started at once. `module` is run as a program; it calls `serve`."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, **SILENT},
            start_new_session=True,  # signals for the daemon's group are not for it
        )

    def ready(self) -> None:
        """Wait until the model is loaded. Raises OSError where it cannot be, and that soon enough."""
        self._next_line(START_S)

    def embed(self, texts: Sequence[str], rounded: bool) -> Matrix:
        """Vectors (n, dimensions) of length 1. `rounded`: only how alike they are is wanted.

        Raises OSError where the process has ended or cannot do it."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps([list(texts), rounded]) + "\n")
            self._process.stdin.flush()
        except ValueError as problem:  # it was closed meanwhile
            raise OSError("the embedding model's process was closed") from problem
        told = self._next_line(ANSWER_S)
        vectors = np.frombuffer(base64.b64decode(told["vectors"]), dtype=np.float32).astype(np.float64)
        vectors = vectors.reshape(len(texts), -1)
        unit: Matrix = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit

    def close(self) -> None:
        """End the process; whoever waits for its words is told that it ended."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # what was still to be written has no reader
                if pipe:
                    pipe.close()

    def _next_line(self, within_s: float) -> dict[str, str]:
        """Its next line; one that says nothing for so long is ended."""
        assert self._process.stdout
        watch = threading.Timer(within_s, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        except ValueError as problem:
            raise OSError("the embedding model's process was closed") from problem
        finally:
            watch.cancel()
        if not line:
            raise OSError("the embedding model's process ended")
        told: dict[str, str] = json.loads(line)
        if "problem" in told:
            raise OSError(told["problem"])
        return told


def serve(load: Callable[[], Encode]) -> None:
    """The process: load, say so, answer. What a library prints goes nowhere; when the input ends, so does all of it
    at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the daemon decides when this ends
    words = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # one at most: the daemon waits for each answer
    threading.Thread(target=listen, args=(lines,), daemon=True).start()

    def tell(what: dict[str, str]) -> None:
        words.write(json.dumps(what) + "\n")
        words.flush()

    try:
        encode = load()
    except Exception as problem:  # a foreign library at the border: whatever it raises
        tell({"problem": reason_of(problem)})
        return
    tell({})
    while True:
        try:
            vectors = np.ascontiguousarray(encode(*json.loads(lines.get())), dtype=np.float32)
            tell({"vectors": base64.b64encode(vectors.tobytes()).decode("ascii")})
        except Exception as problem:
            tell({"problem": reason_of(problem)})


def listen(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def reason_of(problem: Exception) -> str:
    return str(problem).split("\n")[0] or type(problem).__name__
