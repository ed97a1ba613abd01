"""A repository of the hub without safetensors says which of its files may be meant, before anything is fetched."""

from __future__ import annotations

import pytest

from local_swarm.errors import UsageError
from local_swarm.models.hub_cache import HubModel, require_folder


def test_a_repository_of_gguf_files_names_them_and_the_command_for_one() -> None:
    names = [
        "README.md",
        "mmproj-f16.gguf",
        "m-Q8_0.gguf",
        "m-Q4_K_M.gguf",
        "big-00001-of-00002.gguf",
        "big-00002-of-00002.gguf",
    ]
    with pytest.raises(UsageError) as problem:
        require_folder(HubModel("owner/name", "v1"), names)
    said = problem.value.message
    assert "holds .gguf files: m-Q8_0.gguf, m-Q4_K_M.gguf, big-00001-of-00002.gguf." in said
    assert said.endswith("--model owner/name@v1:m-Q4_K_M.gguf") and "mmproj" not in said and "00002-of" not in said


def test_a_repository_without_any_weights_of_use_is_refused_and_one_with_safetensors_is_not() -> None:
    with pytest.raises(UsageError, match=r"neither \.safetensors nor \.gguf"):
        require_folder(HubModel("owner/name"), ["config.json", "pytorch_model.bin"])
    require_folder(HubModel("owner/name"), ["config.json", "model.safetensors", "a.gguf"])
