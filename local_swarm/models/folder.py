"""A folder of safetensors in, what its `config.json` says out, in a GGUF header's words. Knows no engine and runs nothing.

Keys are those of Hugging Face's configurations; MLX folders have the same ones and add `quantization`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.models.folder_kind import indexed_files, list_folder, require_settings, require_weights

LARGEST_CONFIG = 1 << 24  # bytes of one JSON file
LONGEST_VOCABULARY = 1 << 26  # characters that are searched


@dataclass(frozen=True, slots=True)
class Folder:
    """`path` is the folder; `config` that of its language model, where a vision model wraps one. `chatml`: whether its
    vocabulary has the marks of ChatML."""

    path: Path
    weights_bytes: int
    config: Mapping[str, Any]
    chat_template: str | None
    chatml: bool = True

    @property
    def architecture(self) -> str:
        return str(self.config.get("model_type", "unknown"))

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def quantization(self) -> str:
        """`4bit` of a quantised folder, else the type of its weights."""
        told = self.config.get("quantization") or self.config.get("quantization_config")
        if isinstance(told, dict) and isinstance(told.get("bits"), int):
            return f"{told['bits']}bit"
        return str(self.config.get("dtype") or self.config.get("torch_dtype") or "unknown")

    @property
    def mlx(self) -> bool:
        """Whether its weights are packed as only MLX packs them."""
        return isinstance(self.config.get("quantization"), dict)

    @property
    def context(self) -> int | None:
        return self.number("max_position_embeddings")

    def number(self, key: str) -> int | None:
        value = self.config.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

    def kv_bytes_per_token(self, bytes_per_value: float = 2.0) -> int:
        """Bytes of keys and values for one position of one row; layers with a recurrent state have none. 0 where not told."""
        layers, heads, width = map(self.number, ("num_hidden_layers", "num_attention_heads", "hidden_size"))
        if not layers or not heads or not width:
            return 0
        kinds = self.config.get("layer_types")
        full = sum("attention" in str(kind) and "linear" not in str(kind) for kind in kinds) if kinds else layers
        size = self.number("head_dim") or width // heads
        return int(full * (self.number("num_key_value_heads") or heads) * size * 2 * bytes_per_value)


def read_folder(path: Path) -> Folder:
    """Raises BadModelFile for what is no model folder, says what it is, and what to do."""
    files = list_folder(path)
    config = require_settings(files, read_json(path / "config.json"))
    weights = require_weights(files, config, read_json(path / "model.safetensors.index.json"))
    inner = config.get("text_config")
    words = {**config, **inner} if isinstance(inner, dict) else config
    return Folder(path, sum(file.stat().st_size for file in weights), words, template_of(path), has_chatml(path))


def has_chatml(path: Path) -> bool:
    """Whether the vocabulary has the marks of ChatML."""
    try:
        with (path / "tokenizer.json").open(encoding="utf-8", errors="replace") as file:
            return '"<|im_start|>"' in file.read(LONGEST_VOCABULARY)
    except OSError:
        return False


def is_whole(path: Path) -> bool:
    """Whether settings and all weights are there, as far as their index tells. Links that a broken download left lead nowhere."""
    if not (path / "config.json").is_file():
        return False
    if named := indexed_files(read_json(path / "model.safetensors.index.json")):
        return all((path / name).is_file() for name in named)
    return any(file.is_file() for file in path.glob("*.safetensors"))


def template_of(path: Path) -> str | None:
    """The chat template: a file of its own, or a part of `tokenizer_config.json`; of several, the one called `default`."""
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    told = (read_json(path / "tokenizer_config.json") or {}).get("chat_template")
    if isinstance(told, list):
        named = {one.get("name"): one.get("template") for one in told if isinstance(one, dict)}
        told = named.get("default")
    return told if isinstance(told, str) else None


def read_json(path: Path) -> Mapping[str, Any] | None:
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
