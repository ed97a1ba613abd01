"""Texts in, unit vectors out, by a GGUF model that llama.cpp runs in a process of its own, as it does all models here.

Run as a program it is that process: lines of JSON in, lines of JSON out, until its input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CONTEXT = 512  # tokens that are read of a text
START_S = 60.0
ANSWER_S = 60.0


class GgufModel:
    """Loads at once. Raises OSError where the model cannot be loaded or its process has ended."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-m", __name__, str(path)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
        )  # fmt: skip
        self._heard(START_S)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Vectors (n, dimensions) of length 1."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(list(texts)) + "\n")
        self._process.stdin.flush()
        vectors = np.asarray(json.loads(self._heard(ANSWER_S)), dtype=np.float64)
        unit: NDArray[np.float64] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _heard(self, within_s: float) -> str:
        """Its next line; one that says nothing for so long is ended."""
        assert self._process.stdout
        watch = threading.Timer(within_s, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            self.close()
            raise OSError("the embedding model's process ended")
        return line


def main() -> None:
    """The process: load, say so, answer."""
    library = importlib.import_module("llama_cpp")
    words = sys.stdout
    sys.stdout = sys.stderr  # llama.cpp may print
    threads = max(1, (os.cpu_count() or 2) // 2)
    model = library.Llama(sys.argv[1], embedding=True, n_ctx=CONTEXT, n_batch=CONTEXT, n_threads=threads, verbose=False)
    words.write("ready\n")
    words.flush()
    for line in sys.stdin:
        vectors = [pooled(model.embed(text or " ", normalize=False, truncate=True)) for text in json.loads(line)]
        words.write(json.dumps(vectors) + "\n")
        words.flush()


def pooled(vectors: list[float] | list[list[float]]) -> list[float]:
    """One vector for a text: models without pooling of their own give one for each token, of which this is the mean."""
    mean: list[float] = np.atleast_2d(np.asarray(vectors, dtype=np.float64)).mean(axis=0).tolist()
    return mean


if __name__ == "__main__":
    main()
