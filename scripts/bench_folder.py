"""An engine for folders and a size in, seconds for one answer and for N answers to one prompt out, as JSON.

    python scripts/bench_folder.py mlx --n 8 --prompt-tokens 512 --new-tokens 64

The model has random weights in the shape of a small Llama, so that it can be made anywhere; its answers are noise and all have
the full length. Every measurement has a prompt of its own: nothing is remembered from the one before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]

import numpy as np
from safetensors.numpy import save_file

from local_swarm.backends.base import Seat
from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description
from local_swarm.backends.process.messages import Load
from local_swarm.backends.process.process_status import resident_bytes
from local_swarm.models import starter
from local_swarm.types import Candidate, Message, Prompt, Sampling
from starter.folder import convert

WORDS = [
    "even",
    "odd",
    "numbers",
    "list",
    "words",
    "text",
    "return",
    "sum",
    "function",
    "keep",
    "each",
    "item",
    "value",
]


def random_model(folder: Path, width: int, layers: int) -> int:
    """The starter's vocabulary and template around a larger network of random weights; how many it has."""
    convert(starter.PATH, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    heads, inner, vocabulary = width // 64, width * 11 // 4, config["vocab_size"]
    config |= {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // 4,
        "eos_token_id": 10**6,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    random = np.random.default_rng(0)
    shapes = {"model.embed_tokens.weight": (vocabulary, width), "model.norm.weight": (width,)}
    for layer in range(layers):
        name = f"model.layers.{layer}"
        shapes |= {
            f"{name}.self_attn.q_proj.weight": (width, width),
            f"{name}.self_attn.k_proj.weight": (width // 4, width),
            f"{name}.self_attn.v_proj.weight": (width // 4, width),
            f"{name}.self_attn.o_proj.weight": (width, width),
            f"{name}.mlp.gate_proj.weight": (inner, width),
            f"{name}.mlp.up_proj.weight": (inner, width),
            f"{name}.mlp.down_proj.weight": (width, inner),
            f"{name}.input_layernorm.weight": (width,),
            f"{name}.post_attention_layernorm.weight": (width,),
        }
    weights = {
        name: (random.normal(size=shape) * 0.02).astype(np.float32) if len(shape) > 1 else np.ones(shape, np.float32)
        for name, shape in shapes.items()
    }
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return sum(weight.size for weight in weights.values())


def question(tokens: int, number: int) -> Prompt:
    random = np.random.default_rng(number)
    text = " ".join(random.choice(WORDS, size=tokens))
    return Prompt((Message("user", text),), sampling=Sampling())


async def time_answers(engine: ProcessBackend, prompt: Prompt, seats: int) -> tuple[float, list[Candidate], int]:
    """(seconds, answers, tokens of the prompt)."""
    asked = [Seat(f"w{n}", 0.0 if n == 0 else 0.8, n) for n in range(seats)]
    began = time.monotonic()
    async with aclosing(engine.generate(prompt, asked)) as events:
        found = [event async for event in events if isinstance(event, Candidate)]
    return time.monotonic() - began, found, found[0].usage.prompt_tokens


async def measure(options: argparse.Namespace, folder: Path, parameters: int) -> dict[str, object]:
    context = 2 * options.prompt_tokens + options.new_tokens + 64
    load = Load(
        path=str(folder),
        context=context,
        answer_tokens=options.new_tokens,
        cells=(options.n + 1) * context,
        sequences=options.n,
        threads=options.threads,
    )
    engine = ProcessBackend(load, Description("random", "llama", None, engine=options.engine))
    await engine.start()
    try:
        empty = resident_bytes(engine.pid) or 0
        one, several, sizes, most = [], [], [], 0
        for number in range(options.repeats):
            seconds, _, size = await time_answers(engine, question(options.prompt_tokens, 2 * number), 1)
            one.append(seconds)
            seconds, found, size = await time_answers(
                engine, question(options.prompt_tokens, 2 * number + 1), options.n
            )
            several.append(seconds)
            sizes += [size, *(candidate.usage.completion_tokens for candidate in found)]
            most = max(most, resident_bytes(engine.pid) or 0)
    finally:
        await engine.close()
    one_s, n_s = statistics.median(one), statistics.median(several)
    return {
        "engine": options.engine,
        "parameters": parameters,
        "n": options.n,
        "threads": options.threads,
        "prompt_tokens": sizes[0],
        "new_tokens": sizes[1],
        "one_s": round(one_s, 2),
        "n_s": round(n_s, 2),
        "n_over_one": round(n_s / one_s, 2),
        "resident_mb": [empty >> 20, most >> 20],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=["mlx", "transformers"])
    usual = {"n": 8, "prompt-tokens": 512, "new-tokens": 64, "repeats": 3, "threads": 2, "width": 768, "layers": 8}
    for name, value in usual.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        parameters = random_model(Path(scratch), options.width, options.layers)
        print(json.dumps(asyncio.run(measure(options, Path(scratch), parameters))))


if __name__ == "__main__":
    main()
