"""A model folder's tokenizer in, texts to tokens and tokens to bytes out. Knows no network.

The folder's `tokenizer.json` is read by Hugging Face's `tokenizers`, which runs no code of the folder. A token's bytes
follow from how the tokenizer writes them: GPT-2's letters for bytes, or SentencePiece's `▁` for a space and `<0x0A>`
for a byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from local_swarm.backends.constraint import Constraints
from local_swarm.errors import BadModelFile

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
ENDINGS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "<end_of_turn>", "</s>", "<|return|>", "<|eom_id|>")


class Vocabulary:
    """`bos` and `eos`: the texts of the special tokens that chat templates write. Raises BadModelFile."""

    def __init__(self, folder: Path) -> None:
        try:
            self.source = (folder / "tokenizer.json").read_text(encoding="utf-8")
            self.tokenizer = Tokenizer.from_str(self.source)
        except Exception as problem:  # the library raises nothing narrower
            raise BadModelFile(f"{folder} has no tokenizer.json that can be read ({problem}).") from problem
        config = settings(folder / "tokenizer_config.json")
        self.bos, self.eos = text_of(config.get("bos_token")), text_of(config.get("eos_token"))
        self.special = frozenset(
            token for token, added in self.tokenizer.get_added_tokens_decoder().items() if added.special
        )
        self.endings = frozenset(self._endings(folder))
        self._pieces: dict[int, bytes] = {}

    def _endings(self, folder: Path) -> Iterable[int]:
        """Tokens that end an answer: those that the model names, and those that are known to end a turn."""
        for name in ("generation_config.json", "config.json"):
            token = settings(folder / name).get("eos_token_id")
            yield from token if isinstance(token, list) else [token] if isinstance(token, int) else []
        for text in (self.eos, *ENDINGS):
            token = self.tokenizer.token_to_id(text) if text else None
            if token is not None and token in self.special:
                yield token

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a rendered prompt. Templates write special tokens themselves, so none is added."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def constraints(self) -> Constraints:
        """What makes constraints over these tokens."""

        def tokenizer() -> Any:
            from llguidance import LLTokenizer

            return LLTokenizer(self.source, n_vocab=len(self), eos_token=sorted(self.endings))

        return Constraints(tokenizer, self.endings)

    def ends(self, token: int) -> bool:
        return token in self.endings

    def piece(self, token: int, kept: frozenset[str] = frozenset()) -> bytes:
        """The bytes a token stands for: perhaps part of a character, nothing for control tokens but those that are
        `kept`."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        if kept and token in self.special and (text := self.tokenizer.id_to_token(token) or "") in kept:
            return text.encode()
        return known

    def _piece(self, token: int) -> bytes:
        text = self.tokenizer.id_to_token(token) or ""
        if token in self.special:
            return b""
        if self.letters and all(letter in LETTERS for letter in text):
            return bytes(LETTERS[letter] for letter in text)
        if byte := BYTE.fullmatch(text):
            return bytes([int(byte[1], 16)])
        return text.replace("▁", " ").encode()

    def text(self, token: int) -> str:
        """A token for people: parts of characters and control tokens too."""
        return self.piece(token).decode("utf-8", "replace") or str(self.tokenizer.id_to_token(token) or "")

    @cached_property
    def letters(self) -> bool:
        """Whether its tokens are written in GPT-2's letters for bytes."""
        return '"ByteLevel"' in json.dumps(json.loads(self.source).get("decoder"))


def letters_for_bytes() -> dict[str, int]:
    """GPT-2's table (openai/gpt-2, encoder.py): printable bytes stand for themselves, the others for letters from 256
    on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


LETTERS = letters_for_bytes()


def settings(path: Path) -> Mapping[str, Any]:
    """A JSON file's object; an absent or broken file says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(token: Any) -> str:
    """A special token as `tokenizer_config.json` writes it: a text, or an object that has it as `content`."""
    return str(token.get("content") or "") if isinstance(token, dict) else str(token or "")
