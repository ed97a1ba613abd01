"""The path of a GGUF file in, vectors of texts out, by llama.cpp. A program, see `companion`.

It needs no PyTorch, so it serves Termux and small machines.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import numpy as np

from local_swarm.voting.similarity.companion import Encode, Matrix, serve

CONTEXT = 512  # tokens that are read of a text


def load(path: str) -> Encode:
    library = importlib.import_module("llama_cpp")
    threads = max(1, (os.cpu_count() or 2) // 2)
    model = library.Llama(path, embedding=True, n_ctx=CONTEXT, n_batch=CONTEXT, n_threads=threads, verbose=False)

    def encode(texts: Sequence[str], _rounded: bool) -> Matrix:
        return np.stack([mean_pool(model.embed(text or " ", normalize=False, truncate=True)) for text in texts])

    return encode


def mean_pool(vectors: list[float] | list[list[float]]) -> Matrix:
    """One vector for a text: models without pooling of their own give one for each token, of which this is the mean."""
    mean: Matrix = np.atleast_2d(np.asarray(vectors, dtype=np.float64)).mean(axis=0)
    return mean


if __name__ == "__main__":
    serve(lambda: load(sys.argv[1]))
