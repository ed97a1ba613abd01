"""Token ids in, next-token logits out: a small Llama (RMSNorm, rotary positions, SwiGLU, tied embeddings) in PyTorch.

Layer names and the rotation of neighbouring pairs follow llama.cpp's `llama` architecture, so weights are exported as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    vocabulary: int = 2048
    width: int = 128
    layers: int = 4
    heads: int = 4
    shared: int = 2  # key/value heads, each read by heads / shared query heads (grouped-query attention)
    inner: int = 352
    context: int = 32_768
    rope_base: float = 10_000.0
    epsilon: float = 1e-5


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.shared = shape.heads, shape.shared
        narrow = shape.width // shape.heads * shape.shared
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, narrow, bias=False)
        self.value = nn.Linear(shape.width, narrow, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, width = x.shape
        q = self.query(x).view(batch, length, self.heads, -1).transpose(1, 2)
        k = self.key(x).view(batch, length, self.shared, -1).transpose(1, 2)
        v = self.value(x).view(batch, length, self.shared, -1).transpose(1, 2)
        each = self.heads // self.shared
        k, v = rotate(k, cos, sin).repeat_interleave(each, 1), v.repeat_interleave(each, 1)
        mixed = functional.scaled_dot_product_attention(rotate(q, cos, sin), k, v, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.up = nn.Linear(shape.width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.attention = Attention(shape)
        self.feed_forward_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.feed_forward = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Network(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.apply(self._start)

    def _start(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, Attention):
            nn.init.normal_(module.output.weight, std=0.02 / (2 * self.shape.layers) ** 0.5)
        if isinstance(module, FeedForward):
            nn.init.normal_(module.down.weight, std=0.02 / (2 * self.shape.layers) ** 0.5)

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Hidden states (batch, length, width) for tokens and positions (batch, length); `logits` makes them scores."""
        cos, sin = rotation(positions, self.shape)
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.embedding.weight)


def rotation(positions: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines (batch, 1, length, head_size / 2) of the angles of RoPE (Su et al. 2021)."""
    half = shape.width // shape.heads // 2
    frequencies = shape.rope_base ** (-torch.arange(half, device=positions.device) / half)
    angles = positions[:, None, :, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
