"""A tokenizer, a shape and a recipe in, trained weights out. Runs on a graphics card where there is one; resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from starter.corpus import blocks
from starter.network import Network, Shape


@dataclass(frozen=True, slots=True)
class Recipe:
    """`batch` blocks of `length` tokens a step. `workers`: processes that write the lessons."""

    steps: int = 1200
    batch: int = 16
    length: int = 512
    rate: float = 2e-3
    warm_up: int = 100
    decay: float = 0.3  # this last share of the steps brings the rate down to zero
    seed: int = 1
    workers: int = 1

    @property
    def tokens(self) -> int:
        return self.steps * self.batch * self.length

    def rate_at(self, step: int) -> float:
        """Warm-up, plateau, linear decay (the "warmup-stable-decay" schedule, Hu et al. 2024)."""
        return self.rate * min(1.0, (step + 1) / self.warm_up, (self.steps - step) / (self.decay * self.steps))


class Lessons(IterableDataset[tuple[Tensor, Tensor]]):
    """(tokens (length + 1,), learn (length,)) without end; each worker process writes lessons of its own."""

    def __init__(self, tokenizer: Tokenizer, seed: int, length: int) -> None:
        self.text, self.seed, self.length = tokenizer.to_str(), seed, length

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        seed = self.seed * 1000 + (worker.id if worker else 0)
        for block in blocks(Tokenizer.from_str(self.text), seed, self.length):
            yield torch.from_numpy(block.tokens).long(), torch.from_numpy(block.learn)


def positions(batch: int, length: int, random: torch.Generator, context: int) -> Tensor:
    """(batch, length) positions of which every fourth row leaps ahead six times, so that far distances are known though blocks
    are short (the idea of positional skip-wise training, Zhu et al. 2023)."""
    ahead = torch.zeros(batch, length, dtype=torch.long)
    far = context - length - 1
    shares = torch.rand(batch // 4, 6, generator=random)
    reach = torch.rand(batch // 4, 1, generator=random) * far
    leaps = (shares / shares.sum(1, keepdim=True) * reach).long()
    ahead[: batch // 4].scatter_add_(1, torch.randint(length, leaps.shape, generator=random), leaps)
    return torch.arange(length) + ahead.cumsum(1)


def optimizers(network: Network, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices, AdamW for embeddings and norms."""
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and "embedding" not in name]
    others = [p for name, p in network.named_parameters() if p.ndim != 2 or "embedding" in name]
    return [
        torch.optim.Muon(matrices, lr=recipe.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def arithmetic(device: torch.device) -> AbstractContextManager[object]:
    """Half precision on a graphics card, full on a processor."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def train(
    tokenizer: Tokenizer,
    shape: Shape,
    recipe: Recipe,
    checkpoint: Path,
    say: Callable[[str], None] = print,
    every: int = 200,
) -> Network:
    """Train, or go on from `checkpoint`. Loss counts only what an assistant would write."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    network: Network = Network(shape).to(device)
    hidden_of = torch.compile(network) if device.type == "cuda" else network
    ways = optimizers(network, recipe)
    first = resume(network, ways, checkpoint, device)
    random = torch.Generator().manual_seed(recipe.seed + first)
    lessons = Lessons(tokenizer, recipe.seed + first, recipe.length)
    source = DataLoader(lessons, recipe.batch, num_workers=recipe.workers, pin_memory=device.type == "cuda")
    began, losses = time.monotonic(), list[Tensor]()
    for step, (tokens, learn) in enumerate(islice(source, recipe.steps - first), first):
        places = positions(recipe.batch, recipe.length, random, shape.context)
        tokens, learn, places = (one.to(device, non_blocking=True) for one in (tokens, learn, places))
        for way in ways:
            for group in way.param_groups:
                group["lr"] = recipe.rate_at(step)
        with arithmetic(device):
            hidden = hidden_of(tokens[:, :-1], places)
            loss = functional.cross_entropy(network.logits(hidden[learn]).float(), tokens[:, 1:][learn])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for way in ways:
            way.step()
            way.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        if (step + 1) % every == 0 or step + 1 == recipe.steps:
            pace = (time.monotonic() - began) / (step + 1 - first)
            mean = float(torch.stack(losses).mean())
            say(f"step {step + 1}/{recipe.steps}  loss {mean:.4f}  {recipe.batch * recipe.length / pace:.0f} tokens/s")
            losses.clear()
            keep(network, ways, checkpoint, step + 1)
    network.cpu()
    return network


def keep(network: Network, ways: list[torch.optim.Optimizer], checkpoint: Path, step: int) -> None:
    state = {"network": network.state_dict(), "optimizers": [way.state_dict() for way in ways], "step": step}
    torch.save(state, checkpoint)


def resume(network: Network, ways: list[torch.optim.Optimizer], checkpoint: Path, device: torch.device) -> int:
    """Load a checkpoint if there is one; the steps that are done."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    for way, saved in zip(ways, state["optimizers"], strict=True):
        way.load_state_dict(saved)
    return int(state["step"])
