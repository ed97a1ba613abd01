"""The starter's GGUF file in, a folder of safetensors out that MLX and Transformers load: the same weights, rounded alike.

llama.cpp turns pairs of neighbours (0, 1), (2, 3) ... where Hugging Face's Llama turns the two halves of a head, so the rows of
queries and keys are put into their order (the inverse of `permute` in llama.cpp's convert_hf_to_gguf.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from local_swarm.models.gguf import read_header

# Qwen2's way to cut texts before merging, which the starter's file asks for.
CUT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
TOP = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
CONTROL, USER_DEFINED = 3, 4


def convert(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    reader, header = gguf.GGUFReader(source), read_header(source)
    heads, shared = header.number("attention.head_count") or 1, header.number("attention.head_count_kv") or 1
    weights = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        name = tensor_name(tensor.name)
        if name.endswith("q_proj.weight"):
            values = halves(values, heads)
        elif name.endswith("k_proj.weight"):
            values = halves(values, shared)
        weights[name] = np.ascontiguousarray(values)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    write_settings(header.metadata, folder)
    write_template(header.metadata, list(reader.fields["tokenizer.ggml.tokens"].contents()), folder)
    tokenizer_of(reader).save(str(folder / "tokenizer.json"))


def tensor_name(name: str) -> str:
    if name in TOP:
        return TOP[name]
    _, number, rest = name.split(".", 2)
    return f"model.layers.{number}.{NAMES[rest.removesuffix('.weight')]}.weight"


def halves(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows (heads x size, width) of turned pairs as rows of turned halves."""
    rows, width = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def write_settings(metadata: Any, folder: Path) -> None:
    def told(key: str) -> Any:
        return metadata[f"llama.{key}"]

    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": told("embedding_length"),
        "intermediate_size": told("feed_forward_length"),
        "num_hidden_layers": told("block_count"),
        "num_attention_heads": told("attention.head_count"),
        "num_key_value_heads": told("attention.head_count_kv"),
        "max_position_embeddings": told("context_length"),
        "rms_norm_eps": told("attention.layer_norm_rms_epsilon"),
        "rope_theta": told("rope.freq_base"),
        "rope_parameters": {"rope_type": "default", "rope_theta": told("rope.freq_base")},
        "vocab_size": told("vocab_size"),
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "dtype": "float32",
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def tokenizer_of(reader: gguf.GGUFReader) -> Tokenizer:
    def told(key: str) -> list[Any]:
        return list(reader.fields[f"tokenizer.ggml.{key}"].contents())

    tokens, kinds = told("tokens"), told("token_type")
    merges = [tuple(pair.split(" ")) for pair in told("merges")]
    made = Tokenizer(models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=merges))
    cut = pre_tokenizers.Split(Regex(CUT), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(
        [AddedToken(t, special=True) for t, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    )
    tags = [t for t, kind in zip(tokens, kinds, strict=True) if kind == USER_DEFINED]
    made.add_tokens([AddedToken(t, special=False, normalized=False) for t in tags])
    return made


def write_template(metadata: Any, tokens: list[str], folder: Path) -> None:
    """The chat template, which begins with the token that llama.cpp adds by itself, and the texts of the special tokens."""
    settings = {f"{which}_token": tokens[metadata[f"tokenizer.ggml.{which}_token_id"]] for which in ("bos", "eos")}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    template = "{{- bos_token }}" + str(metadata["tokenizer.chat_template"])
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
