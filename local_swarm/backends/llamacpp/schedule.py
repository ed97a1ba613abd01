"""What stands in the engine's books in, what the next batch holds out. Pure: no tokens, no model, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

READING_SHARE = 128  # prompt tokens a step while others are writing: bounds the gap in their streams


@dataclass(frozen=True, slots=True)
class Need:
    """What a waiting job must find free before it may begin."""

    job: int
    cells: int
    sequences: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt that is being read: `left` tokens to go."""

    job: int
    left: int


def admit(waiting: Sequence[Need], free_cells: int, free_sequences: int) -> list[int]:
    """The jobs that may begin now: in order of arrival, and none overtakes one that must still wait."""
    admitted = []
    for need in waiting:
        if need.cells > free_cells or need.sequences > free_sequences:
            break
        free_cells -= need.cells
        free_sequences -= need.sequences
        admitted.append(need.job)
    return admitted


def share(writing: int, readings: Sequence[Reading], batch: int) -> list[tuple[int, int]]:
    """(job, tokens) of prompts to read in the next batch beside one token for each writing sequence.

    Alone, prompts fill the batch; while somebody writes they get a bounded share of it. First come, first read.
    """
    room = max(0, batch - writing)
    if writing:
        room = min(room, READING_SHARE)
    parts = []
    for reading in readings:
        count = min(reading.left, room)
        if count == 0:
            break
        parts.append((reading.job, count))
        room -= count
    return parts
