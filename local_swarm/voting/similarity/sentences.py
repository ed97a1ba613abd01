"""The folder of an embedding model in, vectors of texts out, by sentence-transformers. A program, see `companion`."""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from local_swarm.voting.similarity.companion import Encode, Matrix, serve

LIBRARY = "sentence_transformers"
MOST_TOKENS = 128  # of a text; MiniLM was trained on no more, and time grows with them

logger = logging.getLogger(__name__)


def load(folder: str) -> Encode:
    library = importlib.import_module(LIBRARY)
    whole = library.SentenceTransformer(folder, device="cpu", local_files_only=True)
    whole.max_seq_length = min(whole.max_seq_length or MOST_TOKENS, MOST_TOKENS)
    light: list[Any] = []  # made when first wanted

    def encode(texts: Sequence[str], rounded: bool) -> Matrix:
        if rounded and not light:
            light.append(in_eight_bits(whole))
        model = light[0] if rounded else whole
        vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=len(texts))
        return np.asarray(vectors, dtype=np.float64)

    return encode


def in_eight_bits(model: Any) -> Any:
    """A copy of the network with its matrices in eight bits, where this PyTorch and processor compute with them: a
    quarter less time a vote, vectors that differ by a cosine of 0.98 and as many right picks (MiniLM; other models
    were not measured)."""
    torch = importlib.import_module("torch")
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return model
    # Its makers are about to move it elsewhere, which users can do nothing about.
    warnings.filterwarnings("ignore", message="torch.(ao.)?quant", module="torch")
    try:
        quantization = importlib.import_module("torch.ao.quantization")
        torch.backends.quantized.engine = "fbgemm"
        wanted = {torch.nn.Linear: quantization.per_channel_dynamic_qconfig}
        return quantization.quantize_dynamic(model, wanted)
    except Exception as problem:  # whatever a version of PyTorch raises that no longer has it
        logger.info("Embeddings are computed in full precision (%s).", str(problem).split("\n")[0])
        return model


if __name__ == "__main__":
    serve(lambda: load(sys.argv[1]))
