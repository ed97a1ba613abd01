"""Trained weights and a tokenizer in, a GGUF file out that llama.cpp runs as it is."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer

from starter.corpus import CONTROL_TOKENS, END_OF_TEXT, TAG_TOKENS, TEMPLATE, TURN_END
from starter.network import Network

NAMES = {
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.output": "attn_output",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
    "attention_norm": "attn_norm",
    "feed_forward_norm": "ffn_norm",
}
TOP = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}


def tensor_name(name: str) -> str:
    """Ours to llama.cpp's: `layers.3.attention.query.weight` is `blk.3.attn_q.weight`."""
    if name in TOP:
        return TOP[name]
    _, number, rest = name.split(".", 2)
    return f"blk.{number}.{NAMES[rest.removesuffix('.weight')]}.weight"


def write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    kinds = [
        gguf.TokenType.CONTROL
        if t in CONTROL_TOKENS
        else gguf.TokenType.USER_DEFINED
        if t in TAG_TOKENS
        else gguf.TokenType.NORMAL
        for t in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(tokens.index(END_OF_TEXT))
    writer.add_eos_token_id(tokens.index(TURN_END))
    writer.add_pad_token_id(tokens.index(END_OF_TEXT))
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def export(network: Network, tokenizer: Tokenizer, path: Path, description: str) -> None:
    """Matrices as Q8_0, norms as they are."""
    shape = network.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Local Swarm Starter")
    writer.add_description(description)
    writer.add_author("Local Swarm")
    writer.add_license("apache-2.0")
    writer.add_tags(["starter", "demonstration"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.shared)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    write_tokenizer(writer, tokenizer)
    for name, value in network.state_dict().items():
        weights = value.float().numpy()
        if weights.ndim == 2:
            packed = gguf.quantize(weights, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(tensor_name(name), packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(tensor_name(name), weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
