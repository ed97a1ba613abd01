"""Conversations in, token blocks out: rendering by the model's own chat template, the tokenizer, and the packed corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import jinja2
import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from starter.conversations import conversation
from starter.questions import Conversation

TEMPLATE = (Path(__file__).parent / "template.jinja").read_text(encoding="utf-8")
VOCABULARY_SIZE = 2048
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)
TAG_TOKENS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>")
# How text is cut before merging: letters together, digits one by one. llama.cpp knows this cut as `qwen2`.
CUT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def environment() -> jinja2.Environment:
    made = jinja2.Environment(trim_blocks=False)
    made.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return made


_template = environment().from_string(TEMPLATE)


def render(messages: Conversation, ask: bool = True) -> str:
    """The text of a conversation; with `ask` it ends where the assistant begins to write."""
    tools = next((m["tools"] for m in messages if "tools" in m), None)
    return _template.render(messages=messages, tools=tools, add_generation_prompt=ask)


def turns(messages: Conversation) -> Iterator[tuple[str, str]]:
    """Each assistant turn as (what the model is given, what it must write), the first part only once per conversation."""
    done = 0
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        given = render(messages[:index])
        full = render(messages[: index + 1], ask=False)
        yield given[done:], full[len(given) :].removesuffix("\n")
        done = len(full) - 1


def train_tokenizer(seed: int, conversations: int = 30_000) -> Tokenizer:
    """Byte-level BPE over rendered conversations."""
    random = Random(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CUT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(t, special=True) for t in CONTROL_TOKENS] + [
        AddedToken(t, special=False, normalized=False) for t in TAG_TOKENS
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ("".join(a + b for a, b in turns(conversation(random))) for _ in range(conversations)), trainer
    )
    return tokenizer


class Block(NamedTuple):
    """`tokens[i]` is to be followed by `tokens[i + 1]`; `learn[i]` says whether that counts."""

    tokens: np.ndarray  # int16 (length + 1,)
    learn: np.ndarray  # bool (length,)


def lessons(tokenizer: Tokenizer, random: Random) -> Iterator[tuple[list[int], list[bool]]]:
    """Endless conversations as tokens, each with whether the model has to predict it: its own words and where its turn ends."""
    start = int(tokenizer.token_to_id(END_OF_TEXT) or 0)
    while True:
        tokens, learn = [start], [False]
        for given, answer in turns(conversation(random)):
            for text, wanted in ((given, False), (answer, True)):
                ids = tokenizer.encode(text).ids
                tokens += ids
                learn += [wanted] * len(ids)
        yield tokens, learn


def blocks(tokenizer: Tokenizer, seed: int, length: int) -> Iterator[Block]:
    """The lessons end to end, cut into pieces of one length; neighbours share the token at the cut."""
    tokens: list[int] = []
    learn: list[bool] = []
    for more, wanted in lessons(tokenizer, Random(seed)):
        tokens += more
        learn += wanted
        while len(tokens) > length:
            yield Block(np.array(tokens[: length + 1], np.int16), np.array(learn[1 : length + 1], bool))
            del tokens[:length], learn[:length]
