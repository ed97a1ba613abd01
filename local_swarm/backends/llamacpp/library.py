"""llama.cpp's C functions in, three plain objects out: a Model, a Context that decodes batches, a Sampler per sequence.

The only file that touches `llama_cpp`. It knows tokens, sequence numbers and cells; it knows no prompts, jobs or processes.
Calls were checked against llama.h of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray

from local_swarm.errors import BadModelFile, DoesNotFit

MAX_SEQUENCES = 256  # llama.cpp's own bound, LLAMA_MAX_SEQ
KV_TYPES = {"f16": 1, "q8_0": 8}  # ggml's numbers of the types a cache may have
FLASH_ATTENTION_AUTO, FLASH_ATTENTION_OFF = -1, 0
PENALTY_WINDOW = 64  # last tokens that penalties look at, llama.cpp's default


class Log:
    """Keeps the last complaints of the library, which say why a load failed."""

    def __init__(self, keep: int = 20) -> None:
        self.keep = keep
        self.lines: list[str] = []

    def __call__(self, level: int, text: bytes, _data: object) -> None:
        if level == 4:  # GGML_LOG_LEVEL_ERROR
            self.lines = [*self.lines[-self.keep :], text.decode("utf-8", "replace").strip()]

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else "no reason given"


log = Log()
_log_callback = lib.llama_log_callback(log)  # kept here: C holds only a bare pointer to it


def open_library() -> None:
    lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
    lib.llama_backend_init()


@dataclass(frozen=True, slots=True)
class Spot:
    """One token of a batch: where it goes, and whether the scores after it are wanted."""

    token: int
    position: int
    sequence: int
    wanted: bool


class Model:
    """Weights and vocabulary of a GGUF file. Raises BadModelFile when llama.cpp cannot load it."""

    def __init__(self, path: Path, gpu_layers: int) -> None:
        params = lib.llama_model_default_params()
        self.on_gpu = gpu_layers > 0 and bool(lib.llama_supports_gpu_offload())
        params.n_gpu_layers = gpu_layers if self.on_gpu else 0
        handle = lib.llama_model_load_from_file(str(path).encode(), params)
        if not handle:
            raise BadModelFile(f"llama.cpp cannot load {path}: {log.last}. Use another file of this model.")
        self.handle = handle
        self.vocab = lib.llama_model_get_vocab(handle)
        self.vocabulary = lib.llama_vocab_n_tokens(self.vocab)
        self._pieces: dict[int, bytes] = {}

    @property
    def trained_context(self) -> int:
        return int(lib.llama_model_n_ctx_train(self.handle))

    @property
    def parameters(self) -> int:
        return int(lib.llama_model_n_params(self.handle))

    @property
    def recurrent(self) -> bool:
        return bool(lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle))

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a rendered prompt: special tokens are recognised, a beginning token added when the model wants one."""
        data = text.encode()
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

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for: perhaps part of a character, nothing for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(64)
            size = lib.llama_token_to_piece(self.vocab, token, buffer, 64, 0, False)
            if size < 0:
                buffer = ctypes.create_string_buffer(-size)
                size = lib.llama_token_to_piece(self.vocab, token, buffer, -size, 0, False)
            known = self._pieces[token] = buffer.raw[:size]
        return known

    def special_text(self, which: str) -> str:
        """The text of the `bos` or `eos` token, as chat templates write it; empty where there is none."""
        token = {"bos": lib.llama_vocab_bos, "eos": lib.llama_vocab_eos}[which](self.vocab)
        text = lib.llama_vocab_get_text(self.vocab, token) if token >= 0 else None
        return text.decode("utf-8", "replace") if text else ""

    def ends(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    @property
    def start_token(self) -> int:
        return max(int(lib.llama_vocab_bos(self.vocab)), 0)

    def close(self) -> None:
        lib.llama_model_free(self.handle)


class Context:
    """Memory for many sequences in one pool of cells, and the decoding of batches over it."""

    def __init__(
        self, model: Model, cells: int, sequences: int, batch: int, threads: int, kv_type: str = "f16"
    ) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = batch
        params.n_seq_max = sequences
        params.n_outputs_max = min(batch, sequences)
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True  # one pool: forks share the cells of their prompt
        params.swa_full = True  # a sliding window's cells could not be shared by forks
        params.type_k = params.type_v = KV_TYPES[kv_type]
        # On a processor the fused attention visits each (token, head, cell) one by one; eight voices decode faster as plain
        # matrix products (starter model, one thread, a step of 8 sequences: 7.4 and 4.3 ms).
        params.flash_attn_type = FLASH_ATTENTION_AUTO if model.on_gpu else FLASH_ATTENTION_OFF
        params.no_perf = True
        handle = lib.llama_init_from_model(model.handle, params)
        if not handle:
            raise DoesNotFit(
                f"There is not enough memory for a context of {cells} tokens: {log.last}. Ask for a smaller --context."
            )
        self.handle, self.model, self.cells, self.sequences, self.batch_size = handle, model, cells, sequences, batch
        self.memory = lib.llama_get_memory(handle)
        self.batch = lib.llama_batch_init(batch, 0, 1)

    def decode(self, spots: Sequence[Spot]) -> bool:
        """Run the network over the batch. False when no cells are left for it; nothing has changed then.

        Raises RuntimeError when llama.cpp reports a failure that leaves the memory in doubt.
        """
        batch = self.batch
        for i, spot in enumerate(spots):
            batch.token[i] = spot.token
            batch.pos[i] = spot.position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = spot.sequence
            batch.logits[i] = spot.wanted
        batch.n_tokens = len(spots)
        result = lib.llama_decode(self.handle, batch)
        if result not in (0, 1):
            raise RuntimeError(f"llama_decode returned {result}: {log.last}")
        return bool(result == 0)

    def scores(self, rows: int) -> NDArray[np.float32]:
        """Logits (rows, vocabulary) of the wanted spots of the last batch, in batch order; a view, valid until the next."""
        return np.ctypeslib.as_array(lib.llama_get_logits(self.handle), shape=(rows, self.model.vocabulary))

    def fork(self, source: int, target: int) -> None:
        """Give `target` all that `source` has read. Full range only: a partial copy is silently wrong for recurrent state."""
        lib.llama_memory_seq_cp(self.memory, source, target, -1, -1)

    def free(self, sequence: int) -> None:
        lib.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def clear(self) -> None:
        lib.llama_memory_clear(self.memory, True)

    def close(self) -> None:
        lib.llama_batch_free(self.batch)
        lib.llama_free(self.handle)


@dataclass(frozen=True, slots=True)
class Draw:
    """How one sequence draws its tokens; temperature 0 takes the most likely."""

    temperature: float
    seed: int
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0

    @property
    def penalises(self) -> bool:
        return self.repeat_penalty != 1.0 or self.frequency_penalty != 0.0 or self.presence_penalty != 0.0


class Sampler:
    """llama.cpp's sampler chain for one sequence: penalties, truncation, temperature, one draw from a seeded generator."""

    def __init__(self, draw: Draw, vocabulary: int) -> None:
        self.chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        parts = []
        if draw.penalises:
            parts.append(
                lib.llama_sampler_init_penalties(
                    vocabulary, PENALTY_WINDOW, draw.repeat_penalty, draw.frequency_penalty, draw.presence_penalty
                )
            )
        if draw.temperature <= 0:
            parts.append(lib.llama_sampler_init_greedy())
        else:
            parts += [
                lib.llama_sampler_init_top_k(draw.top_k),
                lib.llama_sampler_init_top_p(draw.top_p, 1),
                lib.llama_sampler_init_min_p(draw.min_p, 1),
                lib.llama_sampler_init_temp(draw.temperature),
                lib.llama_sampler_init_dist(draw.seed & 0xFFFFFFFF),
            ]
        for part in parts:
            lib.llama_sampler_chain_add(self.chain, part)

    def draw(self, context: Context, spot: int) -> int:
        """The next token after the spot of that index in the last batch."""
        return int(lib.llama_sampler_sample(self.chain, context.handle, spot))

    def close(self) -> None:
        lib.llama_sampler_free(self.chain)
