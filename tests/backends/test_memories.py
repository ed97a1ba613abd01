"""Real networks of every kind of memory: what was copied, thinned or cut scores as what was read from the start."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local_swarm.backends.lockstep.model import RowModel
from local_swarm.backends.sampling import Scores
from tests.backends.engines import starter_folder

TOLERANCE = 2e-3  # of scores that differ by several units; single precision in another order of sums

LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}
KINDS: dict[str, dict[str, Any]] = {
    "plain": LLAMA,
    "windows": {
        **LLAMA,
        "sliding_window": 16,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    },
    "recurrent": {
        "model_type": "lfm2",
        "vocab_size": 300,
        "hidden_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "norm_eps": 1e-5,
        "conv_bias": False,
        "conv_L_cache": 3,
        "block_dim": 64,
        "block_ff_dim": 128,
        "block_multiple_of": 32,
        "block_ffn_dim_multiplier": 1.0,
        "block_auto_adjust_ff_dim": False,
        "rope_theta": 10000.0,
        "full_attn_idxs": [1, 3],
        "layer_types": ["conv", "full_attention", "conv", "full_attention"],
    },
}


def by_mlx(kind: str, folder: Path) -> RowModel:
    """A network of random weights, saved and loaded as any other."""
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed; on Linux it is mlx-lm[cpu]")
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import _get_classes

    from local_swarm.backends.mlx.model import MlxModel

    network, arguments = _get_classes(KINDS[kind])
    mx.random.seed(1)
    model = network(arguments.from_dict(KINDS[kind]))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    (folder / "config.json").write_text(json.dumps(KINDS[kind]))
    return MlxModel(folder)


def by_transformers(_kind: str, folder: Path) -> RowModel:
    pytest.importorskip("transformers", reason="transformers is not installed")
    from local_swarm.backends.transformers.model import TransformersModel

    return TransformersModel(starter_folder(folder), "cpu")


NETWORKS: dict[str, tuple[Callable[[str, Path], RowModel], str]] = {
    "mlx-plain": (by_mlx, "plain"),
    "mlx-windows": (by_mlx, "windows"),
    "mlx-recurrent": (by_mlx, "recurrent"),
    "transformers-plain": (by_transformers, "plain"),
}


@pytest.fixture(scope="module", params=list(NETWORKS))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RowModel:
    make, kind = NETWORKS[request.param]
    return make(kind, tmp_path_factory.mktemp(kind))


def fresh(network: RowModel, tokens: list[int]) -> Scores:
    """Scores after tokens that one row has read from the start."""
    memory = network.new_memory()
    network.prefill(memory, tokens[:-1])
    found: Scores = network.decode(memory, tokens[-1:])[0]
    return found


def some(count: int, seed: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 290, count)]


def test_rows_that_part_are_each_as_if_they_were_alone(network: RowModel) -> None:
    prompt, tails = some(50, 1), [some(25, seed) for seed in (2, 3, 4)]
    memory = network.new_memory()
    network.prefill(memory, prompt[:30])
    network.prefill(memory, prompt[30:])
    rows, alive = network.copy_rows(memory, 3), [0, 1, 2]
    for place in range(25):
        scores = network.decode(rows, [tails[row][place] for row in alive])
        if place in (0, 12, 24):
            for row, found in zip(alive, scores, strict=True):
                assert np.abs(found - fresh(network, prompt + tails[row][: place + 1])).max() < TOLERANCE
        if place == 10:  # the middle one leaves
            rows, alive = network.select_rows(rows, [0, 2]), [0, 2]


def test_a_wrong_memory_would_show(network: RowModel) -> None:
    """One other token, ten places back, moves scores by more than any tolerance here."""
    prompt = some(50, 1)
    other = [*prompt[:40], 299 if prompt[40] != 299 else 298, *prompt[41:]]
    assert np.abs(fresh(network, prompt) - fresh(network, other)).max() > 5 * TOLERANCE


def test_a_memory_outlives_its_copies(network: RowModel) -> None:
    prompt = some(40, 5)
    memory = network.new_memory()
    network.prefill(memory, prompt)
    copy = network.copy_rows(memory, 1)
    for token in some(20, 6):
        network.decode(copy, [token])
    assert np.abs(network.decode(memory, [7])[0] - fresh(network, [*prompt, 7])).max() < TOLERANCE


def test_a_memory_that_can_be_cut_is_right_where_it_was_cut(network: RowModel) -> None:
    if not network.cuttable:
        pytest.skip("windows and recurrent states cannot be cut, and are not")
    prompt = some(40, 8)
    memory = network.new_memory()
    network.prefill(memory, prompt)
    network.truncate(memory, 25)
    assert np.abs(network.decode(memory, [9])[0] - fresh(network, [*prompt[:25], 9])).max() < TOLERANCE


def test_what_cannot_be_cut_is_known(network: RowModel, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["network"]
    assert network.cuttable == kind.endswith("plain")
