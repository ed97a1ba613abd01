"""llama.cpp's C functions in, plain objects out: a LoadedModel, a Batch of tokens, a Context that decodes batches.

Beside `vocabulary` the only file that touches `llama_cpp`. It knows tokens, sequence numbers and cells of the KV cache
(each the keys and values of one token); it knows no requests and no processes. Calls were checked against llama.h of
llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray

from local_swarm.backends.llamacpp.load_log import LoadLog, context_failure, load_failure
from local_swarm.backends.llamacpp.vocabulary import GgufVocabulary
from local_swarm.backends.sampling import Scores
from local_swarm.errors import BadModelFile, DoesNotFit
from local_swarm.models.memory_shape import PIECE, is_attention_fused

KV_TYPES = {"f16": 1, "q8_0": 8}  # ggml's numbers of the types a cache may have
FLASH_ATTENTION_AUTO, FLASH_ATTENTION_OFF = -1, 0
POOLING_OWN, POOLING_NONE, POOLING_MEAN = -1, 0, 1
POOL_ROOM = 2048  # tokens of a text of which a vector is made
PARTIAL_ONLY = 1  # of a sequence's state only what cannot be cut: recurrent memory


Wanted = Literal["all", "last", "none"]  # after which tokens of a part of a batch the scores are wanted


log = LoadLog()
_log_callback = lib.llama_log_callback(log)  # kept here: C holds only a bare pointer to it


def open_library() -> None:
    lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
    lib.llama_backend_init()


def has_graphics() -> bool:
    """Whether this build of the library can use a graphics card."""
    return bool(lib.llama_supports_gpu_offload())


class LoadedModel(GgufVocabulary):
    """Weights and vocabulary of a GGUF file. Raises BadModelFile when llama.cpp cannot load it, DoesNotFit where memory ends."""

    def __init__(self, path: Path, gpu_layers: int, main_gpu: int = 0, split: Sequence[float] = ()) -> None:
        """`split`: how much of the model each graphics card gets, by default in proportion to its memory."""
        params = lib.llama_model_default_params()
        params.main_gpu = main_gpu
        self._split = (ctypes.c_float * lib.llama_max_devices())(*split)  # C reads it while the model loads
        if split:
            params.tensor_split = self._split
        self.on_gpu = gpu_layers > 0 and has_graphics()
        params.n_gpu_layers = gpu_layers if self.on_gpu else 0
        log.clear()
        handle = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not handle:
            raise load_failure(path, log.reason, f"llama-cpp-python {version('llama-cpp-python')}")
        self.handle, self.path = handle, path
        super().__init__(lib.llama_model_get_vocab(handle))
        self.adapters: list[tuple[int, float]] = []

    def adapt(self, path: str, scale: float) -> None:
        """Add a low-rank change (LoRA, Hu et al. 2021) to the weights of contexts made from now on. Raises
        BadModelFile."""
        log.clear()
        handle = lib.llama_adapter_lora_init(self.handle, os.fsencode(path))
        if not handle:
            raise BadModelFile(
                f"llama.cpp cannot use the adapter {path}: {log.reason}. It must be a GGUF made for this model."
            )
        self.adapters.append((handle, scale))

    @property
    def trained_context(self) -> int:
        return int(lib.llama_model_n_ctx_train(self.handle))

    @property
    def parameters(self) -> int:
        return int(lib.llama_model_n_params(self.handle))

    @property
    def recurrent(self) -> bool:
        """Whether some of the memory is a state that each token overwrites: it cannot be cut, only copied whole."""
        return bool(lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle))

    @property
    def window(self) -> int:
        """How far back some layers look, 0 where all look back all the way."""
        return int(lib.llama_model_n_swa(self.handle))

    @property
    def cells_worth(self) -> float:
        """How many cells cost a token as much attention as all weights cost it: 2 operations a weight, 4 a cell, layer
        and value of the embedding."""
        size = int(lib.llama_model_n_embd(self.handle)) * int(lib.llama_model_n_layer(self.handle))
        return self.parameters / (2 * max(1, size))

    def close(self) -> None:
        lib.llama_model_free(self.handle)


class Batch:
    """Room for `size` tokens, as arrays that C reads where they are."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.token = np.zeros(size, np.int32)
        self.position = np.zeros(size, np.int32)
        self.sequence = np.zeros(size, np.int32)
        self.wanted = np.zeros(size, np.int8)
        self._one = np.ones(size, np.int32)
        # Of each token, its list of one sequence.
        self._rows = self.sequence.ctypes.data + 4 * np.arange(size, dtype=np.uint64)
        numbers = ctypes.POINTER(ctypes.c_int32)
        self.struct = lib.llama_batch(
            n_tokens=0,
            token=self.token.ctypes.data_as(numbers),
            embd=None,
            pos=self.position.ctypes.data_as(numbers),
            n_seq_id=self._one.ctypes.data_as(numbers),
            seq_id=self._rows.ctypes.data_as(ctypes.POINTER(numbers)),
            logits=self.wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def clear(self) -> None:
        self.struct.n_tokens = 0

    def __len__(self) -> int:
        return int(self.struct.n_tokens)

    def add(self, sequence: int, position: int, tokens: Sequence[int], wanted: Wanted) -> None:
        """Tokens of one sequence from a position on, and after which of them the scores are wanted."""
        begin, end = len(self), len(self) + len(tokens)
        self.token[begin:end] = tokens
        self.position[begin:end] = np.arange(position, position + len(tokens))
        self.sequence[begin:end] = sequence
        self.wanted[begin:end] = wanted == "all"
        if wanted == "last":
            self.wanted[end - 1] = True
        self.struct.n_tokens = end


class Context:
    """The KV cache of many sequences, one pool of `cells`, and the decoding of batches over it. `batch`: most tokens of
    a step; `outputs`: most of them whose logits are wanted; `kv_type`: the cache's number format, f16 or q8_0.

    Raises DoesNotFit where memory ends, BadModelFile where llama.cpp cannot run the model so.
    """

    def __init__(
        self,
        model: LoadedModel,
        cells: int,
        sequences: int,
        batch: int,
        threads: int,
        kv_type: str = "f16",
        outputs: int = 0,
    ) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = cells
        whole = is_attention_fused(model.on_gpu, kv_type)
        params.flash_attn_type = FLASH_ATTENTION_AUTO if whole else FLASH_ATTENTION_OFF
        params.n_batch = batch
        params.n_ubatch = batch if whole else min(batch, PIECE)
        params.n_seq_max = sequences
        params.n_outputs_max = min(batch, outputs or sequences)
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True  # one pool: forks share the cells of their prompt
        params.swa_full = True  # a sliding window's cells could not be shared by forks
        params.type_k = params.type_v = KV_TYPES[kv_type]
        params.no_perf = True
        log.clear()
        handle = lib.llama_init_from_model(model.handle, params)
        if not handle:
            raise context_failure(model.path, cells, log.reason)
        self.handle, self.model, self.cells, self.sequences = handle, model, cells, sequences
        if model.adapters:
            adapters, scales, count = *zip(*model.adapters, strict=True), len(model.adapters)
            listed = (lib.llama_adapter_lora_p_ctypes * count)(*adapters)
            lib.llama_set_adapters_lora(handle, listed, count, (ctypes.c_float * count)(*scales))
        self.outputs, self.threads = int(params.n_outputs_max), threads
        self.memory = lib.llama_get_memory(handle)
        self.batch = Batch(batch)

    def decode(self, batch: Batch) -> bool:
        """Run the network over a batch. False when no cells are left for it; nothing has changed then.

        Raises RuntimeError when llama.cpp reports a failure that leaves the memory in doubt.
        """
        result = lib.llama_decode(self.handle, batch.struct)
        if result not in (0, 1):
            raise RuntimeError(f"llama_decode returned {result}: {log.reason}")
        return bool(result == 0)

    def scores(self, rows: int) -> Scores:
        """Logits (rows, vocabulary) of the wanted tokens of the last batch, in batch order; a view, valid until the
        next."""
        return np.ctypeslib.as_array(lib.llama_get_logits(self.handle), shape=(rows, self.model.vocabulary))

    def fork(self, source: int, target: int, length: int = -1) -> None:
        """Give `target` the first `length` tokens of `source`, all by default. Their cells are shared. Of recurrent
        memory the whole state is copied whatever the length, without an error: there a partial fork is right only after
        `restore`."""
        lib.llama_memory_seq_cp(self.memory, source, target, -1 if length < 0 else 0, length)

    def trim(self, sequence: int, length: int) -> bool:
        """Forget all but the first tokens; False, with nothing changed, where the memory cannot be cut there."""
        return bool(lib.llama_memory_seq_rm(self.memory, sequence, length, -1))

    def free(self, sequence: int) -> None:
        lib.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def length(self, sequence: int) -> int:
        """How many tokens a sequence holds."""
        return int(lib.llama_memory_seq_pos_max(self.memory, sequence)) + 1

    def save(self, sequence: int, partial: bool = False) -> NDArray[np.uint8] | None:
        """A sequence's memory as bytes; `partial`: only what cannot be cut, its recurrent state. Layers with a window
        save no more than that, so what is restored must not be cut."""
        flags = PARTIAL_ONLY if partial else 0
        size = lib.llama_state_seq_get_size_ext(self.handle, sequence, flags)
        data = np.empty(size, np.uint8)
        place = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        written = lib.llama_state_seq_get_data_ext(self.handle, place, size, sequence, flags)
        return data if written == size and size else None

    def restore(self, sequence: int, data: NDArray[np.uint8], partial: bool = False) -> bool:
        """Give a sequence the memory that was saved; False, and the sequence is empty, where there is no room for
        it."""
        place = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        flags = PARTIAL_ONLY if partial else 0
        read = lib.llama_state_seq_set_data_ext(self.handle, place, len(data), sequence, flags)
        if read != len(data):
            self.free(sequence)
        return bool(read == len(data))

    def use_threads(self, threads: int) -> None:
        """Compute with so many from the next step on."""
        self.threads = threads
        lib.llama_set_n_threads(self.handle, threads, threads)

    def clear(self) -> None:
        lib.llama_memory_clear(self.memory, True)

    def close(self) -> None:
        lib.llama_free(self.handle)


class EmbeddingPool:
    """A small context of its own that makes one vector of each text, one text at a time: in the way the model was
    trained to, or else the mean over its tokens. `room`: most tokens of a text. Raises DoesNotFit."""

    def __init__(self, model: LoadedModel, threads: int, room: int = POOL_ROOM) -> None:
        for way in (POOLING_OWN, POOLING_MEAN):
            params = lib.llama_context_default_params()
            params.n_ctx = params.n_batch = params.n_ubatch = min(room, model.trained_context or room)
            params.n_threads = params.n_threads_batch = threads
            params.embeddings, params.pooling_type, params.no_perf = True, way, True
            self.handle = lib.llama_init_from_model(model.handle, params)
            if not self.handle:
                raise DoesNotFit(f"There is not enough memory to make vectors of texts: {log.reason}.")
            if lib.llama_pooling_type(self.handle) != POOLING_NONE:
                break
            lib.llama_free(self.handle)
        self.model, self.room, self.batch = model, int(params.n_ctx), Batch(int(params.n_ctx))

    def vector(self, tokens: Sequence[int]) -> list[float]:
        """Of length 1. Raises RuntimeError when llama.cpp fails."""
        self.batch.clear()
        self.batch.add(0, 0, tokens, "all")
        if memory := lib.llama_get_memory(self.handle):
            lib.llama_memory_clear(memory, True)
        if lib.llama_decode(self.handle, self.batch.struct) != 0:
            raise RuntimeError(f"llama_decode failed on a text: {log.reason}")
        size = int(lib.llama_model_n_embd(self.model.handle))
        found = np.ctypeslib.as_array(lib.llama_get_embeddings_seq(self.handle, 0), shape=(size,)).astype(np.float64)
        unit: list[float] = (found / max(float(np.linalg.norm(found)), 1e-12)).round(7).tolist()
        return unit

    def close(self) -> None:
        lib.llama_free(self.handle)
