"""Texts in, vectors out, as OpenAI's API has it: numbers, or base64 of little-endian 32-bit floats."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from local_swarm.api.schemas import Name, Wire
from local_swarm.errors import BadRequest
from local_swarm.types import Embedded

MOST_TEXTS = 2048  # as OpenAI's API


class Embeds(Protocol):
    """Whoever makes vectors of texts. Raises SwarmError."""

    async def __call__(self, texts: Sequence[str]) -> Embedded: ...


class EmbeddingsRequest(Wire):
    input: (
        str
        | Annotated[list[str], Field(fail_fast=True)]
        | Annotated[list[int], Field(fail_fast=True)]
        | Annotated[list[list[int]], Field(fail_fast=True)]
    )
    model: Name | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None

    def texts(self) -> list[str]:
        """Raises BadRequest for tokens by number, nothing, or too much."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if any(not isinstance(text, str) for text in texts):
            raise BadRequest("input must be text; tokens by number are not taken.", param="input")
        if not 1 <= len(texts) <= MOST_TEXTS or any(text == "" for text in texts):
            raise BadRequest(f"input must be 1 to {MOST_TEXTS} texts, none of them empty.", param="input")
        return [str(text) for text in texts]

    def body(self, made: Embedded) -> dict[str, Any]:
        vectors = np.asarray(made.vectors, dtype=np.float64)
        if self.dimensions is not None:
            vectors = truncate_vectors(vectors, self.dimensions)
        tokens = made.tokens if made.tokens is not None else 0
        body = {
            "object": "list",
            "model": made.model,
            "data": [
                {"object": "embedding", "index": place, "embedding": self.encode_vector(vector)}
                for place, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return {**body, "note": made.note} if made.note else body

    def encode_vector(self, vector: NDArray[np.float64]) -> str | list[float]:
        if self.encoding_format == "base64":
            return base64.b64encode(vector.astype("<f4").tobytes()).decode()
        return [float(number) for number in vector.astype(np.float32)]


def truncate_vectors(vectors: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """The first dimensions, at length 1 again (Matryoshka embeddings, Kusupati et al. 2022). Raises BadRequest."""
    if dimensions > vectors.shape[1]:
        raise BadRequest(f"These vectors have {vectors.shape[1]} dimensions, not {dimensions}.", param="dimensions")
    cut = vectors[:, :dimensions]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    unit: NDArray[np.float64] = cut / np.where(lengths == 0, 1.0, lengths)
    return unit
