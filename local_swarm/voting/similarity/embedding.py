"""Texts in, unit vectors out, by a small neural model.

The model is loaded when first used, in the background and from this disk.
Three kinds behind one face: sentence-transformers, a GGUF file in llama.cpp (no PyTorch: for Termux and small
machines), and none. Where nothing is on this disk this is an embedder that is never ready, and votes go by words.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from local_swarm.voting.ballots import Embed, Matrix
from local_swarm.voting.similarity.source import EmbeddingModel

REMEMBERED = 2_000  # texts
LONGEST = 8_000  # characters of a text that are looked at; models read fewer
BATCH = 16  # texts that are embedded at once, which bounds how long others wait for their turn


class Embedder:
    """`model` is `auto`, `none`, an id of the hub, a folder or the path of a .gguf file. `offline` is there for
    callers that tell it: nothing is asked of the hub in any case. `exact`: vectors as their model's makers publish
    them, for who keeps them; votes only want to know how alike texts are. `source`: whose process to use, if not one
    of its own."""

    def __init__(
        self, model: str, offline: bool = True, exact: bool = False, source: EmbeddingModel | None = None
    ) -> None:
        self.model, self.offline, self.exact = model, offline, exact
        self.source = source or EmbeddingModel(model)
        self._known: OrderedDict[str, Matrix] = OrderedDict()
        self._knowing = threading.Lock()

    def with_exact_vectors(self) -> Embedder:
        """One whose vectors are exact, of the same process."""
        return self if self.exact else Embedder(self.model, self.offline, exact=True, source=self.source)

    @property
    def installed(self) -> bool:
        """Whether there is anything to load: a model on this disk and the library that runs it."""
        return self.source.installed

    @property
    def loaded(self) -> str | None:
        """The folder or file that was loaded."""
        return str(self.source.loaded) if self.source.loaded else None

    def begin(self) -> None:
        """Start loading, once, where there is anything to load; returns at once."""
        self.source.begin()

    def function(self, wait_s: float = 0.0) -> Embed | None:
        """The embedding function, or None where it is not ready within that time; at once where nothing is loading."""
        return self.embed if self.source.wait(wait_s) else None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors (n, dimensions), those of texts met before from memory. Raises OSError where the model's process
        is lost."""
        cut = [text[:LONGEST].encode("utf-8", "replace").decode("utf-8") for text in texts]
        each = list(dict.fromkeys(cut))
        vectors: dict[str, Matrix] = {}
        for at in range(0, len(each), BATCH):
            vectors |= self._some(each[at : at + BATCH])
        return np.stack([vectors[text] for text in cut])

    def close(self) -> None:
        """End what was started for it and for the one that publishes."""
        self.source.close()

    def _some(self, texts: Sequence[str]) -> dict[str, Matrix]:
        with self._knowing:
            known = {text: self._known[text] for text in texts if text in self._known}
        if new := [text for text in texts if text not in known]:
            known |= zip(new, self.source.ask(new, self.exact), strict=True)
        with self._knowing:
            self._known.update(known)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known
