"""A tokenizer, a shape and a number of steps in, trained weights out. Checkpoints make it resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from starter.corpus import Block, blocks
from starter.network import Network, Shape


@dataclass(frozen=True, slots=True)
class Recipe:
    steps: int = 5000
    batch: int = 16
    length: int = 512
    rate: float = 2e-3
    warm_up: int = 100
    decay: float = 0.3  # this last share of the steps brings the rate down to zero
    seed: int = 1

    def rate_at(self, step: int) -> float:
        """Warm-up, plateau, linear decay (the "warmup-stable-decay" schedule, Hu et al. 2024)."""
        return self.rate * min(1.0, (step + 1) / self.warm_up, (self.steps - step) / (self.decay * self.steps))


def positions(batch: int, length: int, random: Random, context: int) -> Tensor:
    """Positions that now and then leap ahead, so that far distances are known though blocks are short
    (the idea of positional skip-wise training, Zhu et al. 2023)."""
    rows = []
    for _ in range(batch):
        leaps = torch.zeros(length, dtype=torch.long)
        if random.random() < 0.25:
            room = random.randint(0, context - length - 1)
            for _ in range(random.randint(1, 6)):
                leap = random.randint(0, room)
                leaps[random.randrange(length)] += leap
                room -= leap
        rows.append(torch.arange(length) + leaps.cumsum(0))
    return torch.stack(rows)


def batches(source: Iterator[Block], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        group = [next(source) for _ in range(size)]
        yield torch.stack([torch.from_numpy(b.tokens) for b in group]).long(), torch.stack([torch.from_numpy(b.learn) for b in group])


def optimizers(network: Network, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices, AdamW for embeddings and norms."""
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and "embedding" not in name]
    others = [p for name, p in network.named_parameters() if p.ndim != 2 or "embedding" in name]
    return [
        torch.optim.Muon(matrices, lr=recipe.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def train(
    tokenizer: Tokenizer, shape: Shape, recipe: Recipe, checkpoint: Path, say: Callable[[str], None] = print, every: int = 100
) -> Network:
    """Train, or go on from `checkpoint`. Loss counts only what an assistant would write."""
    torch.manual_seed(recipe.seed)
    random = Random(recipe.seed)
    network = Network(shape)
    ways = optimizers(network, recipe)
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        for way, saved in zip(ways, state["optimizers"], strict=True):
            way.load_state_dict(saved)
        first = state["step"]
    source = batches(blocks(tokenizer, recipe.seed + first, recipe.length), recipe.batch)
    began, total = time.monotonic(), 0.0
    for step in range(first, recipe.steps):
        tokens, learn = next(source)
        for way in ways:
            for group in way.param_groups:
                group["lr"] = recipe.rate_at(step)
        hidden = network(tokens[:, :-1], positions(*learn.shape, random, shape.context))
        loss = functional.cross_entropy(network.logits(hidden[learn]), tokens[:, 1:][learn])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for way in ways:
            way.step()
            way.zero_grad(set_to_none=True)
        total += loss.item()
        if (step + 1) % every == 0 or step + 1 == recipe.steps:
            say(f"step {step + 1}/{recipe.steps}  loss {total / every:.4f}  {(time.monotonic() - began) / (step + 1 - first):.2f} s a step")
            total = 0.0
            torch.save({"network": network.state_dict(), "optimizers": [w.state_dict() for w in ways], "step": step + 1}, checkpoint)
    return network
