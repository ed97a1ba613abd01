"""The name of an embedding model in, vectors by its process out.

The model is looked for on this disk only, and loaded in the background when first used. A process that is lost is
started again. What is missing here is named.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from local_swarm.commands import command, extra_command
from local_swarm.models.embedding import BEST_ON_DISK, NONE, SMALL, copies_of, is_repository, on_disk
from local_swarm.voting.similarity import gguf, sentences
from local_swarm.voting.similarity.companion import Companion, Matrix

MOST_LOST = 3  # processes that ended by themselves; then no further one is started
FETCH = command("download", "embedding")

logger = logging.getLogger(__name__)


class EmbeddingModel:
    """`model` is `auto`, `none`, an id of the hub, a folder or the path of a .gguf file."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.loaded: Path | None = None  # what it became
        self.ready = False
        self._closed = False
        self._lost = 0
        self._companion: Companion | None = None
        self._done = threading.Event()
        self._begun, self._asking = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None

    # ----------------------------------------------------------------------------------------- what there is

    @property
    def installed(self) -> bool:
        """Whether there is anything to load: a model on this disk and the library that runs it."""
        return self._library and bool(on_disk(self.model))

    @property
    def missing(self) -> str | None:
        """What is not here, without a full stop; None where nothing is missing, or no model is asked for."""
        if self.model in (NONE, ""):
            return None
        if not self._library:
            package = "llama-cpp-python" if self.model.endswith(".gguf") else "sentence-transformers"
            return f"The embedding model needs {package}, which is not installed"
        if not on_disk(self.model):
            named = "No embedding model" if self.model == BEST_ON_DISK else f"The embedding model {self.model}"
            return f"{named} is {'' if self.model == BEST_ON_DISK else 'not '}on this disk"
        return None

    @property
    def remedy(self) -> str:
        """The sentence that says how to get what is missing, with a blank before it."""
        if self.missing is None or not self._library:
            extra = "llamacpp" if self.model.endswith(".gguf") else "embeddings"
            return f" Install it: {extra_command(extra)}" if self.missing else ""
        return f" Fetch one: {FETCH}" if is_repository(self.model) else ""

    def lack(self, means: str) -> str | None:
        """Why answers were compared by these `means` and not by meaning, and what to do about it; None where nothing
        is amiss."""
        so = f", so the answers were compared by {means}."
        if self.ready:
            return None
        if self._thread:
            return f"The embedding model {'cannot be loaded' if self._done.is_set() else 'is still loading'}{so}"
        if self.model in (NONE, ""):
            return f"No embedding model is wished for{so}"
        why = self.missing or f"The embedding model {'keeps ending' if self._lost else 'is not loaded yet'}"
        return f"{why}{so}{self.remedy}"

    @cached_property
    def _library(self) -> bool:
        return find_spec("llama_cpp" if self.model.endswith(".gguf") else sentences.LIBRARY) is not None

    # ------------------------------------------------------------------------------------------------- life

    def begin(self) -> None:
        """Start loading, once, where there is anything to load; returns at once. A daemon thread: a slow load must
        not hold up the end of the program."""
        with self._begun:
            if self._thread is None and not self._closed and self._lost < MOST_LOST and self.installed:
                self._done.clear()
                self._thread = threading.Thread(target=self._load, name="embedder", daemon=True)
                self._thread.start()

    def wait(self, within_s: float) -> bool:
        """Whether it is ready by then; at once where nothing is loading."""
        if self._thread is not None:
            self._done.wait(within_s)
        return self.ready

    def ask(self, texts: Sequence[str], exact: bool) -> Matrix:
        """Vectors (n, dimensions), when those who asked before have theirs. Raises OSError where its process is
        lost."""
        with self._asking:
            companion = self._companion
            if companion is None or self.loaded is None:
                raise OSError("the embedding model was closed")
            try:
                return companion.embed(texts, rounded=not exact and is_small(self.loaded))
            except OSError:
                self._give_up(companion)
                raise

    def _give_up(self, companion: Companion) -> None:
        """The next `begin` loads it again, a few times."""
        companion.close()
        with self._begun:
            self._companion, self._thread, self.ready = None, None, False
            self._lost += 1

    def close(self) -> None:
        """End what was started for it."""
        with self._begun:
            self._closed, self.ready = True, False
            companion, self._companion = self._companion, None
        if companion:
            companion.close()

    def _load(self) -> None:
        try:
            for path in on_disk(self.model):
                try:
                    if self._loads(path):
                        return
                except OSError as problem:
                    logger.info("No embedding model %s (%s).", path, problem)
            logger.info("Answers are compared by structure.")
        finally:
            self._done.set()

    def _loads(self, path: Path) -> bool:
        """Whether it is loaded now, or nobody wants it any more. Raises OSError where it cannot be."""
        module = gguf if path.suffix == ".gguf" else sentences
        with self._begun:
            if self._closed:
                return True
            companion = self._companion = Companion(module.__name__, str(path))
        try:
            companion.ready()
        except OSError:
            companion.close()
            raise
        with self._begun:
            self.loaded, self.ready = path, not self._closed
        return True


def is_small(path: Path) -> bool:
    """Whether it is a copy of the model that loses nothing by eight bits."""
    return path in copies_of(SMALL)
