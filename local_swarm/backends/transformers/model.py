"""A folder of safetensors in, a `RowModel` out. The only file that touches `torch` and `transformers`.

Checked against transformers 5.24 and torch 2.13. Every row of a batch holds the whole prompt, as `generate` with
`num_return_sequences` would; the prompt is prefilled once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, DynamicCache

from local_swarm.backends.lockstep.model import Memory
from local_swarm.backends.sampling import Scores
from local_swarm.commands import extra_command
from local_swarm.errors import BadModelFile, DoesNotFit, ExtraMissing, UsageError

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


class TransformersModel:
    """A `RowModel`. `adapters`: (folder of a PEFT adapter, its weight). Code that comes with a model is never run.

    Raises BadModelFile for what cannot be loaded, DoesNotFit where memory runs out, UsageError for a device or a kind of
    quantization that is not there.
    """

    room = 2048

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        dtype: str = "auto",
        quantization: str | None = None,
        adapters: Sequence[tuple[Path, float]] = (),
    ) -> None:
        self.device = torch.device(select_device(device))
        try:
            self.model = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=select_dtype(dtype, self.device),
                device_map={"": self.device} if quantization else None,
                quantization_config=bitsandbytes_config(quantization, self.device),
                trust_remote_code=False,
                local_files_only=True,
            )
            if not quantization:
                self.model.to(self.device)
            if adapters:
                self.model = apply_adapters(self.model, adapters)
        except torch.OutOfMemoryError as problem:
            raise DoesNotFit(f"{folder.name} does not fit into the memory of {self.device}.") from problem
        except (OSError, ValueError, KeyError, RuntimeError) as problem:
            raise BadModelFile(
                f"Transformers cannot load {folder}: {' '.join(str(problem).split())[:300]}"
            ) from problem
        self.model.eval()
        self.on_gpu = self.device.type != "cpu"
        self.parameters = sum(int(one.numel()) for one in self.model.parameters())
        self.vocabulary = int(self.decode(memory := self.new_memory(), [0]).shape[1])
        self.cuttable = all(type(layer).__name__ == "DynamicLayer" for layer in memory.layers)

    def new_memory(self) -> Memory:
        return DynamicCache(config=self.model.config)

    def prefill(self, memory: Memory, tokens: Sequence[int]) -> None:
        self._forward(memory, [list(tokens)])

    def decode(self, memory: Memory, tokens: Sequence[int]) -> Scores:
        scores: Scores = self._forward(memory, [[token] for token in tokens]).logits[:, -1, :].float().cpu().numpy()
        return scores

    def _forward(self, memory: Memory, rows: list[list[int]]) -> Any:
        tokens = torch.tensor(rows, device=self.device)
        with torch.inference_mode():
            return self.model(input_ids=tokens, cache=memory, use_cache=True, logits_to_keep=1)

    def copy_rows(self, memory: Memory, rows: int) -> Memory:
        with torch.inference_mode():
            made = copy.deepcopy(memory)
        return made if rows == 1 else self.select_rows(made, [0] * rows)

    def select_rows(self, memory: Memory, rows: Sequence[int]) -> Memory:
        with torch.inference_mode():  # a row may be chosen several times
            memory.reorder_cache(torch.tensor(list(rows), dtype=torch.long, device=self.device))
        return memory

    def truncate(self, memory: Memory, tokens: int) -> None:
        memory.crop(tokens - memory.get_seq_length())

    def vector(self, tokens: Sequence[int]) -> Sequence[float]:
        with torch.inference_mode():
            output = self.model(input_ids=torch.tensor([list(tokens)], device=self.device), output_hidden_states=True)
            hidden = output.hidden_states[-1][0].float().mean(dim=0).cpu().numpy()
        unit: list[float] = (hidden / max(float(np.linalg.norm(hidden)), 1e-12)).round(7).tolist()
        return unit


def select_device(device: str) -> str:
    """`auto`: CUDA (AMD's ROCm builds of PyTorch answer to that name too), else Apple's chip, else the processor."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, works in there.items() if works)
    if not there.get(device.split(":")[0]):
        raise UsageError(
            f"This PyTorch has no device {device!r}; here it has {', '.join(n for n, w in there.items() if w)}."
        )
    return device


def select_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """`auto`: half precision on graphics chips, and single on processors, whose half is slower."""
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16 if bfloat_works(device) else torch.float16
    return DTYPES[dtype]


def bfloat_works(device: torch.device) -> bool:
    return device.type == "mps" or (device.type == "cuda" and bool(torch.cuda.is_bf16_supported()))


def bitsandbytes_config(quantization: str | None, device: torch.device) -> BitsAndBytesConfig | None:
    """bitsandbytes' ways to keep weights: int8, int4 (its fp4) and nf4 (Dettmers et al. 2023, QLoRA)."""
    if quantization is None:
        return None
    if device.type not in ("cuda", "cpu"):
        raise UsageError(
            f"quantization: {quantization} is bitsandbytes', which cannot use {device}. Leave it out, or set device: cpu."
        )
    if find_spec("bitsandbytes") is None:
        raise ExtraMissing("transformers", f"quantization: {quantization} takes bitsandbytes, which is not installed")
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    kind = "nf4" if quantization == "nf4" else "fp4"
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_compute_dtype=torch.bfloat16)


def apply_adapters(model: Any, adapters: Sequence[tuple[Path, float]]) -> Any:
    """The model with its adapters, several of them added up by weight. Raises UsageError where PEFT is not installed."""
    try:
        from peft import PeftModel
    except ImportError as problem:
        raise UsageError(f"Adapters for Transformers need PEFT: {extra_command('transformers')}") from problem
    made = PeftModel.from_pretrained(model, str(adapters[0][0]), adapter_name="a0")
    for number, (folder, _) in enumerate(adapters[1:], start=1):
        made.load_adapter(str(folder), adapter_name=f"a{number}")
    weights = [weight for _, weight in adapters]
    made.add_weighted_adapter([f"a{n}" for n in range(len(adapters))], weights, "sum", combination_type="cat")
    made.set_adapter("sum")
    return made
