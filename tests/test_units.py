"""Sizes are told one way for memory and one way for files."""

from __future__ import annotations

import pytest

from local_swarm.units import GIB, MIB, file_size, memory_size


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "unknown"),
        (0, "0 MiB"),
        (39 * MIB, "39 MiB"),
        (GIB - 1, "1024 MiB"),
        (GIB, "1.0 GiB"),
        (7.84 * GIB, "7.8 GiB"),
        (1536 * GIB, "1536.0 GiB"),
    ],
)
def test_memory_is_told_in_binary_units(count: float | None, words: str) -> None:
    assert memory_size(count) == words


@pytest.mark.parametrize(("count", "words"), [(None, "? GB"), (5_680_000_000, "5.7 GB"), (491_400_064, "0.5 GB")])
def test_files_are_told_in_decimal_units(count: float | None, words: str) -> None:
    assert file_size(count) == words
