"""A GGUF header in, what its file is for out: a model that writes text, or another thing, told by name and with what to do. Pure.

Keys and names: github.com/ggml-org/ggml, docs/gguf.md, and gguf-py's constants.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from local_swarm.errors import BadModelFile
from local_swarm.models.gguf import Header

MOST_LAYERS = 512  # llama.cpp's bound, LLAMA_MAX_LAYERS; beyond it its process ends
MOST_HEADS = 1 << 16
WIDEST = 1 << 20  # values of one token within the network
RANK_POOLING = 4
REMOVED = frozenset((4, 5, 31, 32, 33, 36, 37, 38))  # ggml's numbers of types that it no longer has
DIFFUSION = ("dream", "llada", "rnd1", "diffusion-gemma")
AUDIO = ("wavtokenizer", "snac", "whisper", "kokoro", "qwen3tts", "pockettts", "outetts-vocoder")
ENCODERS = ("bert", "embedding", "llama-embed", "t5encoder")
DRAFTS = ("eagle3", "dflash", "gemma4-assistant")
ANOTHER = "Give the file of a language model."
INSTRUCT = "Give the language model's own file, which usually lies beside it."
IMAGE = re.compile(
    r"^(?:model\.diffusion_model\.|first_stage_model\.|double_blocks\.|transformer_blocks\.|decoder\.up_blocks\.)"
)
BASE = (
    "this model has no chat template, as base models have none: it continues texts and may not answer. "
    "An instruct or chat version of it answers better"
)
CHATML = "this model has no chat template; its vocabulary has the marks of ChatML, so that is used"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a file is, where it is no model that writes text. `holds` tells it by the header."""

    what: str
    cure: str
    holds: Callable[[Header], bool]


def is_named(*beginnings: str) -> Callable[[Header], bool]:
    return lambda header: header.architecture.startswith(beginnings)


def is_of_type(name: str) -> Callable[[Header], bool]:
    return lambda header: header.text("general.type") == name


def has_tensors(*marks: str) -> Callable[[Header], bool]:
    """Whether every mark is in some tensor's name."""
    return lambda header: all(any(mark in name for name in header.names) for mark in marks)


def has_key(mark: str) -> Callable[[Header], bool]:
    return lambda header: any(key.startswith(mark) for key in header.metadata)


def either(*tests: Callable[[Header], bool]) -> Callable[[Header], bool]:
    return lambda header: any(test(header) for test in tests)


def pooling(header: Header) -> int:
    """How it makes one vector of a text, 0 where it does not. Only models for vectors and for ranking say this."""
    return header.number("pooling_type") or 0


def is_causal(header: Header) -> bool:
    return header.metadata.get(f"{header.architecture}.attention.causal", True) is not False


def is_image_model(header: Header) -> bool:
    return any(IMAGE.match(name) for name in header.names)


def has_vocabulary(header: Header) -> bool:
    told = header.text("tokenizer.ggml.model")
    return told not in ("", "none", "no_vocab") and bool(header.metadata.get("tokenizer.ggml.tokens"))


PURPOSES = (  # the first that holds tells what a file is
    Purpose(
        "a projector (mmproj), with which a language model sees or hears",
        INSTRUCT,
        either(is_of_type("mmproj"), is_named("clip"), has_key("clip.")),
    ),
    Purpose(
        "a LoRA adapter, which changes another model",
        "Give the model it was made for, and name the adapter under `adapters` in a roster.",
        either(is_of_type("adapter"), has_key("adapter."), has_tensors(".lora_a", ".lora_b")),
    ),
    Purpose("a control vector, which steers another model", ANOTHER, is_named("controlvector")),
    Purpose(
        "an importance matrix, which only quantization reads",
        ANOTHER,
        either(is_of_type("imatrix"), has_key("imatrix.")),
    ),
    Purpose("an image or video model, which writes no text", ANOTHER, is_image_model),
    Purpose("an audio model, which writes no text", ANOTHER, is_named(*AUDIO)),
    Purpose(
        "a vocabulary without weights", "Give the file with the model's weights.", lambda header: not header.tensors
    ),
    Purpose("a draft head, which only speeds up another model", INSTRUCT, is_named(*DRAFTS)),
    Purpose(
        "a diffusion language model, which writes all words at once and needs a program of its own",
        ANOTHER,
        either(is_named(*DIFFUSION), has_key("diffusion.")),
    ),
    Purpose(
        "a reranker, which scores texts and writes none",
        ANOTHER,
        lambda header: pooling(header) == RANK_POOLING or has_key(f"{header.architecture}.classifier.")(header),
    ),
    Purpose(
        "an encoder-decoder model such as T5, which is not run here",
        "Give a decoder model, such as one of the catalogue.",
        either(lambda header: header.architecture == "t5", has_tensors("enc.blk.", "dec.blk.")),
    ),
    Purpose(
        "an embedding model, which makes vectors of texts and writes none",
        "Set models.embedding to it to compare answers with it, and give another model to answer.",
        lambda header: (
            pooling(header) > 0 or not is_causal(header) or any(word in header.architecture for word in ENCODERS)
        ),
    ),
    Purpose(
        "only a part of a model, such as a draft head (MTP), or damaged: it has no table of words",
        INSTRUCT,
        lambda header: has_vocabulary(header) and bool(header.names) and not has_tensors("token_embd")(header),
    ),
    Purpose(
        "no language model: it has no vocabulary",
        ANOTHER,
        lambda header: bool(header.names) and not has_vocabulary(header),
    ),
)


def require_text_model(header: Header) -> Header:
    """The header itself, where its file can write text. Raises BadModelFile that says what the file is and what to do."""
    found = next((one for one in PURPOSES if one.holds(header)), None)
    if found:
        raise BadModelFile(f"{header.path} is {found.what}. {found.cure}")
    kind = header.text("general.type")
    if kind not in ("", "model"):
        raise BadModelFile(f"{header.path} says that it is of the type '{kind[:40]}', not a model. {ANOTHER}")
    if removed := header.unknown_types & REMOVED:
        raise BadModelFile(
            f"{header.path} has weights of the type {min(removed)}, which llama.cpp has given up. "
            "Download a newer file of this model."
        )
    if problem := implausible(header):
        raise BadModelFile(f"{header.path} is damaged, or no model that is known here: {problem}. Use another file.")
    return header


def implausible(header: Header) -> str | None:
    """A number without which no model can be, or which none has; None where all are likely."""
    named = header.metadata.get("general.architecture")
    if not isinstance(named, str) or not named:
        return "its header names no architecture"
    bounds = (("block_count", 1, MOST_LAYERS), ("embedding_length", 1, WIDEST), ("context_length", 0, 1 << 32))
    for key, least, most in bounds:
        value = header.metadata.get(f"{named}.{key}")
        if value is None:
            return f"its header tells no {key}"
        if not isinstance(value, int) or not least <= value <= most:
            return f"its header tells {key} {str(value)[:40]}"
    heads = header.number("attention.head_count") or 0
    most_kv = header.number("attention.head_count_kv") or 0
    if heads > MOST_HEADS or (heads and most_kv > heads):
        return f"its header tells {heads} attention heads and {most_kv} for keys and values"
    return None


def template_remarks(template: str | None, chatml: bool) -> list[str]:
    """What is to be said where a model has no chat template of its own. `chatml`: whether it knows the marks of ChatML."""
    return [] if template else [CHATML if chatml else BASE]


def remarks(header: Header) -> list[str]:
    """What the user should know of a model before it runs, as halves of sentences."""
    said = template_remarks(header.chat_template, header.chatml)
    if header.unknown_types:
        numbers = ", ".join(map(str, sorted(header.unknown_types)))
        said.append(
            f"this model has weights of the type {numbers}, which is not known here: llama.cpp may be too old for it"
        )
    return said
