"""The shape of a real model in, a GGUF file of that shape with random weights out: speed is the same, nothing is downloaded.

The tensors of an architecture are those that llama.cpp's `src/models/` asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from local_swarm.errors import ExtraMissing

Tensor = tuple[str, tuple[int, ...]]  # name and dimensions, the fastest first as in llama.cpp


@dataclass(frozen=True, slots=True)
class BenchShape:
    """`metadata` holds what an architecture needs beyond the rest, by the last part of its key."""

    name: str
    architecture: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    shared: int
    inner: int
    head_size: int
    context: int = 32_768
    metadata: dict[str, int] = field(default_factory=dict)

    def linear(self, layer: int) -> bool:
        """Whether a layer of a hybrid keeps a recurrent state in place of keys and values."""
        interval = self.metadata.get("full_attention_interval", 1)
        return (layer + 1) % interval != 0


EXPERTS = {"expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 32}
STATE = {"ssm.conv_kernel": 4, "full_attention_interval": 4}
SHAPES = {
    shape.name: shape
    for shape in (
        BenchShape(
            name="0.5b",
            architecture="qwen2",
            vocabulary=151_936,
            width=896,
            layers=24,
            heads=14,
            shared=2,
            inner=4864,
            head_size=64,
        ),
        BenchShape(
            name="1.5b",
            architecture="qwen2",
            vocabulary=151_936,
            width=1536,
            layers=28,
            heads=12,
            shared=2,
            inner=8960,
            head_size=128,
        ),
        BenchShape(
            name="3b",
            architecture="qwen2",
            vocabulary=151_936,
            width=2048,
            layers=36,
            heads=16,
            shared=2,
            inner=11_008,
            head_size=128,
        ),
        BenchShape(
            name="7b",
            architecture="qwen2",
            vocabulary=152_064,
            width=3584,
            layers=28,
            heads=28,
            shared=4,
            inner=18_944,
            head_size=128,
        ),
        BenchShape(
            name="0.8b-hybrid",
            architecture="qwen35",
            vocabulary=248_320,
            width=1024,
            layers=24,
            heads=8,
            shared=2,
            inner=3584,
            head_size=256,
            metadata={
                **STATE,
                "ssm.state_size": 128,
                "ssm.group_count": 16,
                "ssm.time_step_rank": 16,
                "ssm.inner_size": 2048,
            },
        ),
        BenchShape(
            name="tiny-dense",
            architecture="qwen2",
            vocabulary=512,
            width=64,
            layers=2,
            heads=4,
            shared=2,
            inner=128,
            head_size=16,
        ),
        BenchShape(
            name="tiny-experts",
            architecture="qwen3moe",
            vocabulary=512,
            width=64,
            layers=2,
            heads=4,
            shared=2,
            inner=128,
            head_size=16,
            metadata=EXPERTS,
        ),
        BenchShape(
            name="tiny-window",
            architecture="gemma3",
            vocabulary=512,
            width=64,
            layers=6,
            heads=4,
            shared=2,
            inner=128,
            head_size=16,
            metadata={"attention.sliding_window": 64},
        ),
        BenchShape(
            name="tiny-hybrid",
            architecture="qwen35",
            vocabulary=512,
            width=64,
            layers=4,
            heads=4,
            shared=2,
            inner=128,
            head_size=32,
            metadata={
                **STATE,
                "ssm.state_size": 16,
                "ssm.group_count": 2,
                "ssm.time_step_rank": 4,
                "ssm.inner_size": 64,
            },
        ),
    )
}


def tensors(shape: BenchShape) -> Iterator[Tensor]:
    yield "token_embd.weight", (shape.width, shape.vocabulary)
    yield "output_norm.weight", (shape.width,)
    for number in range(shape.layers):
        for name, size in layer(shape, number):
            yield f"blk.{number}.{name}", size


def layer(shape: BenchShape, number: int) -> Iterator[Tensor]:
    yield "attn_norm.weight", (shape.width,)
    if shape.architecture == "qwen35" and shape.linear(number):
        yield from delta_net(shape)
    else:
        yield from attention(shape)
    if shape.architecture in ("gemma3", "qwen35"):
        yield "post_attention_norm.weight", (shape.width,)
    if shape.architecture != "qwen35":
        yield "ffn_norm.weight", (shape.width,)
    if shape.architecture == "gemma3":
        yield "post_ffw_norm.weight", (shape.width,)
    if shape.architecture == "qwen3moe":
        yield from experts(shape)
    else:
        yield "ffn_gate.weight", (shape.width, shape.inner)
        yield "ffn_up.weight", (shape.width, shape.inner)
        yield "ffn_down.weight", (shape.inner, shape.width)


def attention(shape: BenchShape) -> Iterator[Tensor]:
    mine, shared = shape.heads * shape.head_size, shape.shared * shape.head_size
    gated = 2 if shape.architecture == "qwen35" else 1
    for name, size in (("attn_q", mine * gated), ("attn_k", shared), ("attn_v", shared)):
        yield f"{name}.weight", (shape.width, size)
        if shape.architecture == "qwen2":
            yield f"{name}.bias", (size,)
    yield "attn_output.weight", (mine, shape.width)
    if shape.architecture != "qwen2":
        yield "attn_q_norm.weight", (shape.head_size,)
        yield "attn_k_norm.weight", (shape.head_size,)


def delta_net(shape: BenchShape) -> Iterator[Tensor]:
    """Gated DeltaNet (Yang et al. 2024), the recurrent layer of Qwen3.5."""
    of = shape.metadata
    heads, values = of["ssm.time_step_rank"], of["ssm.inner_size"]
    convolved = 2 * of["ssm.state_size"] * of["ssm.group_count"] + values
    yield "attn_qkv.weight", (shape.width, convolved)
    yield "attn_gate.weight", (shape.width, values)
    yield "ssm_conv1d.weight", (of["ssm.conv_kernel"], convolved)
    yield "ssm_dt.bias", (heads,)
    yield "ssm_a", (heads,)
    yield "ssm_beta.weight", (shape.width, heads)
    yield "ssm_alpha.weight", (shape.width, heads)
    yield "ssm_norm.weight", (of["ssm.state_size"],)
    yield "ssm_out.weight", (values, shape.width)


def experts(shape: BenchShape) -> Iterator[Tensor]:
    count, inner = shape.metadata["expert_count"], shape.metadata["expert_feed_forward_length"]
    yield "ffn_gate_inp.weight", (shape.width, count)
    yield "ffn_gate_exps.weight", (shape.width, inner, count)
    yield "ffn_up_exps.weight", (shape.width, inner, count)
    yield "ffn_down_exps.weight", (inner, shape.width, count)


def values(name: str, size: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Random weights, small enough that activations stay in range; norms are ones, decay rates negative."""
    if "norm" in name:
        return np.ones(size, np.float32)
    if name.endswith("ssm_a"):
        return -random.uniform(0.5, 2.0, size).astype(np.float32)
    drawn = random.standard_normal(size[::-1], dtype=np.float32) * np.float32(0.5 / size[0] ** 0.5)
    return drawn if len(size) == 1 or "conv" in name else drawn.astype(np.float16)


def write(shape: BenchShape, path: Path, seed: int = 1) -> None:
    """A GGUF file, matrices in half precision. Raises ExtraMissing where the package `gguf` is."""
    try:
        import gguf
    except ImportError as problem:
        raise ExtraMissing("bench", "Making model files takes the package gguf, which is not installed") from problem
    writer = gguf.GGUFWriter(path, shape.architecture)
    writer.add_name(f"random {shape.name}")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.shared)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    if shape.architecture == "qwen35":
        writer.add_rope_dimension_count(shape.head_size // 4)
        writer.add_array("qwen35.rope.dimension_sections", [shape.head_size // 8 - 2, 1, 1, 0])
    for key, number in shape.metadata.items():
        writer.add_uint32(f"{shape.architecture}.{key}", number)
    write_vocabulary(writer, shape.vocabulary)
    random = np.random.default_rng(seed)
    for name, size in tensors(shape):
        writer.add_tensor(name, values(name, size, random))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_vocabulary(writer: object, size: int) -> None:
    """Every byte is a token, so that any text is as long in tokens as in bytes; the rest is filler."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (chr(256 + place) for place in range(256))
    letters = [
        chr(byte) if byte in printable else next(others) for byte in range(256)
    ]  # byte-level BPE's alphabet (GPT-2)
    tokens = [*letters, "ab", *(f"w{number}" for number in range(size - 258)), "<|end|>"]
    add = writer.__getattribute__
    add("add_tokenizer_model")("gpt2")
    add("add_tokenizer_pre")("gpt-2")
    add("add_token_list")(tokens)
    add("add_token_types")([1] * (size - 1) + [3])
    add("add_token_merges")(["a b"])
    add("add_eos_token_id")(size - 1)
