"""What llama.cpp logs in, the error that a failed load means out. Knows no library.

llama.cpp tells its reason in a line before the last, and the function that wrote each line first:
`llama_model_load: error loading model: unknown model architecture: 'x'`, `llama_model_load_from_file_impl: failed to load model`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from local_swarm.errors import BadModelFile, DoesNotFit, UsageError

ERROR, CONTINUED = 4, 5  # llama.h's levels of log lines
MOST_KEPT = 20
UNTOLD = "no reason given"
LONGEST_REASON = 400  # characters
MOST_OF_LINE = 2_000  # characters that are looked at
PREFIX = re.compile(r"^(?:(?:error loading model(?: \w+)?|[\w:~<>]+):\s+)+")  # the functions that passed an error on
SAYS_NOTHING = re.compile(
    r"^failed to (?:load (?:model|GGUF split)(?: from .*)?|read (?:header|tensor info|key-value pairs|magic).*"
    r"|initialize the context.*|create context.*)$|^exiting"
)
MEMORY = re.compile(
    r"(?:failed|unable) to (?:allocate|reserve|mmap|pin)|out of (?:\w+ )?memory|OutOf\w*Memory|bad_alloc|cudaMalloc failed"
    r"|insufficient memory|cannot allocate memory|not enough (?:\w+ )?memory|MemoryError|vk::Device::allocateMemory",
    re.IGNORECASE,
)
NEWER = re.compile(
    r"unknown (?:model )?architecture|unknown pre-tokenizer|unknown tokenizer|invalid ggml type|only supports up to version"
    r"|unsupported (?:model architecture|vocab type)|unknown \w+ (?:type|version)|wrong number of tensors",
    re.IGNORECASE,
)
DAMAGED = re.compile(
    r"not within the file bounds|corrupt|incomplete|unexpected(?:ly)? (?:reached )?end|read error|tensor '.*' not found"
    r"|missing tensor|wrong shape|data is not",
    re.IGNORECASE,
)


class LoadLog:
    """Keeps the last errors of the library, which say why something failed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._level = 0

    def __call__(self, level: int, text: bytes, _data: object) -> None:
        said = text.decode("utf-8", "replace").rstrip("\n")
        if level == CONTINUED and self._level == ERROR and self.lines:
            self.lines[-1] += said
        elif level == ERROR:
            self.lines = [*self.lines[1 - MOST_KEPT :], said]
        self._level = self._level if level == CONTINUED else level

    def clear(self) -> None:
        """Before something new is tried: what was said of other things is no reason."""
        self.lines = []

    @property
    def reason(self) -> str:
        return reason_of(self.lines)


def reason_of(lines: Sequence[str]) -> str:
    """The last line that says more than that something failed, without who wrote it."""
    told = [PREFIX.sub("", line.strip()[:MOST_OF_LINE]).strip() for line in lines]
    telling = [line for line in told if line and not SAYS_NOTHING.match(line)]
    memory = [line for line in telling if MEMORY.search(line)]  # what fails next is a consequence
    found = memory or telling or list(filter(None, told)) or [UNTOLD]
    return found[-1][:LONGEST_REASON].rstrip(".?")


def context_failure(path: Path, cells: int, reason: str) -> UsageError:
    """The error that a KV cache means which could not be made. Without a reason it is memory: nothing else goes without one."""
    if MEMORY.search(reason) or reason == UNTOLD:
        return DoesNotFit(
            f"There is not enough memory for a context of {cells} tokens: {reason}. Ask for a smaller --context."
        )
    return BadModelFile(f"llama.cpp cannot run {path}: {reason}. Use another file of this model.")


def load_failure(path: Path, reason: str, version: str) -> UsageError:
    """The error that a failed load means, with llama.cpp's own reason and what to do. `version`: of llama-cpp-python."""
    if MEMORY.search(reason):
        return DoesNotFit(f"There is not enough memory to load {path}: {reason}. Ask for a smaller model.")
    if NEWER.search(reason):
        cure = f"It needs a newer llama.cpp than that of {version}: update this program, or use another file of this model."
    elif DAMAGED.search(reason):
        cure = (
            "The file is damaged, or made for another llama.cpp. Download it again, or use another file of this model."
        )
    else:
        cure = "Use another file of this model."
    return BadModelFile(f"llama.cpp cannot load {path}: {reason}. {cure}")
