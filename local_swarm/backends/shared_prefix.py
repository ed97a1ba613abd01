"""Two runs of tokens in, how many of their first tokens are the same out. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def shared_prefix_length(run: Sequence[int], prompt: Sequence[int], start: int) -> int:
    """How many tokens at the head of a run are those of the prompt from `start` on. Both must be of one type."""
    low, high = 0, min(len(run), len(prompt) - start)
    if run[:high] == prompt[start : start + high]:
        return high
    while low < high:  # the first `low` agree, the first `high` do not
        middle = (low + high + 1) // 2
        if run[low:middle] == prompt[start + low : start + middle]:
            low = middle
        else:
            high = middle - 1
    return low
