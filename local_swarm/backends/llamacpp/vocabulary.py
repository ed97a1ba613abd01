"""The vocabulary of a loaded GGUF model in, texts to tokens and tokens to bytes out. Knows no weights and no KV cache.

Beside `library` the only file that touches `llama_cpp`.
"""

from __future__ import annotations

import ctypes
from typing import Any

from llama_cpp import llama_cpp as lib

from local_swarm.backends.constraint import Constraints

CONTROL, USER_DEFINED = 1 << 3, 1 << 4  # llama.h's attributes of a token


class GgufVocabulary:
    """`vocab` is llama.cpp's handle, valid as long as its model is loaded; `vocabulary` the number of tokens."""

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab
        self.vocabulary = int(lib.llama_vocab_n_tokens(vocab))
        self._pieces: dict[int, bytes] = {}

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a rendered prompt, special tokens recognized. A beginning token is added when the model wants
        one."""
        data = text.encode(errors="replace")
        room = len(data) + 8
        while True:
            buffer = (lib.llama_token * room)()
            count = lib.llama_tokenize(self.vocab, data, len(data), buffer, room, True, True)
            if count >= 0:
                return self._without_double_start(buffer[:count])
            room = -count

    def _without_double_start(self, tokens: list[int]) -> list[int]:
        """A template may write the beginning token that the tokenizer adds as well; models know only one."""
        start = lib.llama_vocab_bos(self.vocab)
        return tokens[1:] if tokens[:2] == [start, start] and start >= 0 else tokens

    def piece(self, token: int, kept: frozenset[str] = frozenset()) -> bytes:
        """The bytes a token stands for: perhaps part of a character, nothing for control tokens but those that are
        `kept`."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._bytes(token)
        if not known and kept and (name := self._name(token)).decode("utf-8", "replace") in kept:
            return name
        return known

    def _bytes(self, token: int, special: bool = False) -> bytes:
        """What a token stands for; `special`: control tokens too."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            size = lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, special)
            if size >= 0:
                return buffer.raw[:size]
            size = -size

    def text(self, token: int) -> str:
        """A token for people: parts of characters and control tokens too."""
        return (self.piece(token) or self._name(token)).decode("utf-8", "replace")

    def _name(self, token: int) -> bytes:
        """As the vocabulary lists a token; control tokens too."""
        return bytes(lib.llama_vocab_get_text(self.vocab, token) or b"")

    def special_text(self, which: str) -> str:
        """The text of the `bos` or `eos` token, as chat templates write it; empty where there is none."""
        token = {"bos": lib.llama_vocab_bos, "eos": lib.llama_vocab_eos}[which](self.vocab)
        return self._name(token).decode("utf-8", "replace") if token >= 0 else ""

    @property
    def fill(self) -> list[str] | None:
        """The texts that stand before a prefix, before a suffix and before what the model fills in; None if it
        cannot."""
        marks = (lib.llama_vocab_fim_pre, lib.llama_vocab_fim_suf, lib.llama_vocab_fim_mid)
        tokens = [mark(self.vocab) for mark in marks]
        texts = [self._name(token).decode("utf-8", "replace") for token in tokens if token >= 0]
        return texts if len(texts) == 3 and all(texts) else None

    def ends(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    def constraints(self) -> Constraints:
        """What makes grammars over these tokens. It raises ValueError where llguidance is not installed."""
        endings = frozenset(token for token in range(self.vocabulary) if self.ends(token))

        def tokenizer() -> Any:
            from llguidance import LLTokenizer

            function = ctypes.cast(lib._lib.llama_tokenize, ctypes.c_void_p).value
            tokens = [self._for_grammars(token) for token in range(self.vocabulary)]
            made: Any = LLTokenizer  # its stub does not tell this way of making one
            return made.from_llamacpp(
                tokens=tokens, vocab_ptr=self.vocab, tokenize_fptr=function, eos_token=sorted(endings), slices=None
            )

        return Constraints(tokenizer, endings)

    def _for_grammars(self, token: int) -> bytes:
        """A token's bytes as llguidance wants them: control tokens, and marks that users of the model made, after a
        byte that no text has."""
        text, kind = self._bytes(token, special=True), int(lib.llama_vocab_get_attr(self.vocab, token))
        mark = kind & USER_DEFINED and text.startswith(b"<") and text.endswith(b">")
        return b"\xff" + text if kind & CONTROL or mark else text

    @property
    def start_token(self) -> int:
        return max(int(lib.llama_vocab_bos(self.vocab)), 0)
