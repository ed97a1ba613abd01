"""What requests need in, who begins and how much of each prompt is prefilled next out. Pure: no tokens, model or clock.

`scheduler` asks these and carries out what they decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """What a waiting request must find free before it may begin."""

    request: int
    client: str
    cells: int
    sequences: int


@dataclass(frozen=True, slots=True)
class Prefill:
    """A prompt that is being prefilled: `left` tokens to go until its end or the next place where prefill must
    pause."""

    request: int
    left: int


def admit(waiting: Sequence[Need], working: Sequence[str], free_cells: int, free_sequences: int) -> list[int]:
    """The requests that may begin now. `working`: the client of each request that has begun.

    Clients take turns: the one with the fewest open requests comes next, of equals the one that asked first. No request
    overtakes one whose turn it is and that must still wait for room.
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
        admitted.append(need.request)
    return admitted


def divide(prefills: Sequence[Prefill], room: int) -> list[tuple[int, int]]:
    """(request, tokens) to prefill in the next batch, in which there is `room` for so many tokens.

    All get the same, and what the short ones do not need goes to the long ones: a small question asked while a large
    document is prefilled does not wait for its end.
    """
    parts = []
    waiting = sorted(prefills, key=lambda prefill: prefill.left)
    for place, prefill in enumerate(waiting):
        count = min(prefill.left, -(-room // (len(waiting) - place)))
        if count > 0:
            parts.append((prefill.request, count))
            room -= count
    return parts
