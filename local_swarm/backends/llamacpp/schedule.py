"""What stands in the engine's books in, what the next batch holds out. Pure: no tokens, no model, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """What a waiting job must find free before it may begin."""

    job: int
    client: str
    cells: int
    sequences: int


@dataclass(frozen=True, slots=True)
class Prefill:
    """A prompt that is being read: `left` tokens to go until its end or the next place where the reading must pause."""

    job: int
    left: int


def admit(waiting: Sequence[Need], working: Sequence[str], free_cells: int, free_sequences: int) -> list[int]:
    """The jobs that may begin now. `working`: the client of each job that has begun.

    Clients take turns: whoever has least in the works comes next, of equals whoever asked first. None overtakes one whose turn it
    is and that must still wait for room.
    """
    load = Counter(working)
    left = list(waiting)
    admitted = []
    while left:
        need = min(left, key=lambda one: (load[one.client], left.index(one)))
        if need.cells > free_cells or need.sequences > free_sequences:
            break
        left.remove(need)
        load[need.client] += 1
        free_cells -= need.cells
        free_sequences -= need.sequences
        admitted.append(need.job)
    return admitted


def divide(readings: Sequence[Prefill], room: int) -> list[tuple[int, int]]:
    """(job, tokens) of prompts to read in the next batch, in which there is `room` for so many tokens.

    All get the same, and what the short ones do not need goes to the long ones: a small question asked while a large document is
    read does not wait for its end.
    """
    parts = []
    waiting = sorted(readings, key=lambda reading: reading.left)
    for place, reading in enumerate(waiting):
        count = min(reading.left, -(-room // (len(waiting) - place)))
        if count > 0:
            parts.append((reading.job, count))
            room -= count
    return parts
