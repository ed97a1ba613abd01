"""Low-rank adapters, made here for the starter: each engine's scores move with them, by their weight, and several add up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from local_swarm.backends.sampling import Scores
from local_swarm.errors import BadModelFile
from local_swarm.models import starter
from tests.backends.engines import starter_folder

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing.*:FutureWarning"
)  # between PEFT and Transformers
RANK, WIDTH, LAYERS = 2, 128, 4
TOKENS = [0, 1, 305, 207, 472, 309, 495, 416, 424, 426, 17]

Measure = Callable[[Sequence[tuple[str, float]]], Scores]


def factors(seed: int) -> list[tuple[Scores, Scores]]:
    """(down, up) of every layer's query projection: rank x width and width x rank."""
    random = np.random.default_rng(seed)
    pairs = [(random.normal(size=(RANK, WIDTH)), random.normal(size=(WIDTH, RANK))) for _ in range(LAYERS)]
    return [((0.3 * down).astype(np.float32), (0.3 * up).astype(np.float32)) for down, up in pairs]


def gguf_adapter(path: Path, seed: int) -> str:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer, (down, up) in enumerate(factors(seed)):
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_a", down)
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_b", up)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)


def mlx_adapter(path: Path, seed: int) -> str:
    from safetensors.numpy import save_file

    path.mkdir()
    lora = {"rank": RANK, "scale": 1.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]}
    (path / "adapter_config.json").write_text(
        json.dumps({"fine_tune_type": "lora", "num_layers": LAYERS, "lora_parameters": lora})
    )
    weights = {}
    for layer, (down, up) in enumerate(factors(seed)):
        weights[f"model.layers.{layer}.self_attn.q_proj.lora_a"] = np.ascontiguousarray(down.T)
        weights[f"model.layers.{layer}.self_attn.q_proj.lora_b"] = np.ascontiguousarray(up.T)
    save_file(weights, path / "adapters.safetensors")
    return str(path)


def peft_adapter(path: Path, seed: int) -> str:
    from safetensors.numpy import save_file

    path.mkdir()
    told = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": RANK, "target_modules": ["q_proj"]}
    (path / "adapter_config.json").write_text(json.dumps(told))
    weights: dict[str, Scores] = {}
    for layer, (down, up) in enumerate(factors(seed)):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        weights |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    save_file(weights, path / "adapter_model.safetensors")
    return str(path)


def by_llamacpp(_folder: Path) -> Measure:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.llamacpp import library

    def measure(adapters: Sequence[tuple[str, float]]) -> Scores:
        library.open_library()
        model = library.LoadedModel(starter.PATH, 0)
        for path, scale in adapters:
            model.adapt(path, scale)
        context = library.Context(model, 256, 2, 256, 1, outputs=8)
        context.batch.add(0, 0, TOKENS, "last")
        assert context.decode(context.batch)
        found: Scores = context.scores(1)[0].copy()
        context.close()
        model.close()
        return found

    return measure


def by_mlx(folder: Path) -> Measure:
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed; on Linux it is mlx-lm[cpu]")
    from local_swarm.backends.mlx.model import MlxModel

    def measure(adapters: Sequence[tuple[str, float]]) -> Scores:
        network = MlxModel(folder, [(Path(path), weight) for path, weight in adapters])
        memory = network.new_memory()
        network.prefill(memory, TOKENS[:-1])
        found: Scores = network.decode(memory, TOKENS[-1:])[0]
        return found

    return measure


def by_transformers(folder: Path) -> Measure:
    pytest.importorskip("peft", reason="peft is not installed")
    from local_swarm.backends.transformers.model import TransformersModel

    def measure(adapters: Sequence[tuple[str, float]]) -> Scores:
        network = TransformersModel(folder, "cpu", adapters=[(Path(path), weight) for path, weight in adapters])
        memory = network.new_memory()
        network.prefill(memory, TOKENS[:-1])
        found: Scores = network.decode(memory, TOKENS[-1:])[0]
        return found

    return measure


ENGINES = {
    "llamacpp": (by_llamacpp, gguf_adapter),
    "mlx": (by_mlx, mlx_adapter),
    "transformers": (by_transformers, peft_adapter),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter_folder(tmp_path_factory.mktemp("adapters"))


@pytest.mark.parametrize("engine", list(ENGINES))
def test_scores_move_with_an_adapter_and_its_weight(engine: str, folder: Path, tmp_path: Path) -> None:
    make, write = ENGINES[engine]
    measure = make(folder)
    adapter = write(tmp_path / "one", 1)
    plain = measure([])
    none, half, whole = (measure([(adapter, weight)]) for weight in (0.0, 0.5, 1.0))
    assert np.abs(none - plain).max() < 1e-3
    assert 0.1 < np.abs(half - plain).max() < np.abs(whole - plain).max()


@pytest.mark.parametrize("engine", ["llamacpp", "transformers"])
def test_several_adapters_add_up(engine: str, folder: Path, tmp_path: Path) -> None:
    make, write = ENGINES[engine]
    measure = make(folder)
    one, other = write(tmp_path / "one", 1), write(tmp_path / "other", 2)
    together, alone = measure([(one, 1.0), (other, 0.5)]), measure([(one, 1.0)])
    assert np.abs(together - alone).max() > 0.1
    assert np.abs(measure([(one, 1.0), (other, 0.0)]) - alone).max() < 1e-2


def test_engines_agree_on_what_an_adapter_does(folder: Path, tmp_path: Path) -> None:
    """The same factors in the formats of MLX and PEFT: the same scores."""
    mlx = by_mlx(folder)([(mlx_adapter(tmp_path / "m", 1), 0.7)])
    peft = by_transformers(folder)([(peft_adapter(tmp_path / "p", 1), 0.7)])
    assert np.abs(mlx - peft).max() < 1e-3


def test_what_is_no_adapter_is_said(folder: Path) -> None:
    with pytest.raises(BadModelFile, match="made for this model"):
        by_llamacpp(folder)([(str(starter.PATH), 1.0)])
    with pytest.raises(BadModelFile):
        by_mlx(folder)([(str(folder / "none"), 1.0)])
